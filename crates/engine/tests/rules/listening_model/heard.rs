//! What a client heard, held against what it is to hear.

use std::collections::BTreeMap;

use sse_gateway_protocol::Seq;

use super::history::{Told, Topic};
use super::topic_name;
use crate::world::{EPOCH, HEAD, unframed};

/// One block on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Block {
    Heartbeat,
    Direct(u64),
    Cursor(Seq),
    Gap { expired: bool, topics: Vec<Topic>, to: Seq },
    Told(Told),
}

/// What a client read, as far as whole blocks go.
#[derive(Debug)]
pub(super) struct Heard {
    blocks: Vec<Block>,
    ended: bool,
}

impl Heard {
    pub(super) fn read(wire: &[u8]) -> Self {
        let text = std::str::from_utf8(wire).expect("ASCII");
        let Some(rest) = text.strip_prefix(HEAD) else { return Self { blocks: Vec::new(), ended: false } };
        let (payload, ended) = unframed(rest);
        let whole = payload.rfind("\n\n").map_or(0, |end| end + 2);
        let blocks = payload[..whole].split_terminator("\n\n").map(Block::read).collect();
        Self { blocks, ended }
    }

    /// Gives the id that the client brings when it comes back.
    pub(super) fn last_id(&self) -> Option<Seq> {
        self.blocks.iter().rev().find_map(|block| match block {
            Block::Cursor(seq)
            | Block::Told(
                Told::Event { seq, .. } | Told::TopicClose { seq, .. } | Told::Close { seq: Some(seq), .. },
            ) => Some(*seq),
            _ => None,
        })
    }

    pub(super) fn gaps(&self) -> usize {
        self.blocks.iter().filter(|block| matches!(block, Block::Gap { .. })).count()
    }

    /// Compares with what the client is to hear. `all` says that it has read everything that there is,
    /// `strict` that no gap is needless.
    ///
    /// Gives the events that it misses and was told so.
    pub(super) fn check(&self, told: &[Told], all: bool, strict: bool) -> Result<Vec<(Topic, Seq)>, String> {
        let mut reader = Reader { told, gaps: BTreeMap::new(), missed: Vec::new(), last: 0, placed: true };
        let mut direct = 0;
        for (index, block) in self.blocks.iter().enumerate() {
            match block {
                Block::Heartbeat => {}
                Block::Direct(number) if *number > direct => direct = *number,
                Block::Direct(number) => return Err(format!("direct send {number} after {direct}")),
                Block::Cursor(seq) => reader.cursor(*seq)?,
                Block::Gap { expired, topics, to } => reader.gap(*expired && strict, topics, *to)?,
                Block::Told(Told::Close { seq: None, reason }) if *reason == "bye" => {
                    return if index + 1 == self.blocks.len() {
                        Ok(reader.missed)
                    } else {
                        Err("no end".into())
                    };
                }
                Block::Told(told) => reader.told(told)?,
            }
        }
        while all && reader.miss().is_ok() {}
        match (all, reader.told.first()) {
            (true, Some(next)) => Err(format!("it has not heard {next:?}")),
            (true, None) if !reader.placed => Err("a gap is followed by an id".into()),
            (true, None) if matches!(told.last(), Some(Told::Close { .. })) != self.ended => {
                Err(format!("it has ended: {}", self.ended))
            }
            _ => Ok(reader.missed),
        }
    }
}

/// A client that reads what it is to hear along with what it hears.
struct Reader<'a> {
    told: &'a [Told],
    /// The topics with a gap that no event has closed, and whether one must be missing.
    gaps: BTreeMap<Topic, bool>,
    missed: Vec<(Topic, Seq)>,
    /// The newest id.
    last: Seq,
    /// Whether an id came since the last gap.
    placed: bool,
}

impl Reader<'_> {
    fn gap(&mut self, expired: bool, topics: &[Topic], to: Seq) -> Result<(), String> {
        if !self.placed || to < self.last {
            return Err(format!("a gap to {to} after {}, placed: {}", self.last, self.placed));
        }
        (self.placed, self.last) = (false, to);
        self.gaps.extend(topics.iter().map(|topic| (*topic, expired)));
        Ok(())
    }

    fn cursor(&mut self, seq: Seq) -> Result<(), String> {
        while let Some(Told::Event { seq: next, .. } | Told::TopicClose { seq: next, .. }) = self.told.first()
            && *next <= seq
        {
            self.miss()?;
        }
        self.heard(seq, seq >= self.last)
    }

    fn told(&mut self, block: &Told) -> Result<(), String> {
        while self.told.first().is_some_and(|next| next != block) {
            self.miss().map_err(|error| format!("{block:?}: {error}"))?;
        }
        let Some((_, rest)) = self.told.split_first() else { return Err(format!("{block:?} too much")) };
        self.told = rest;
        match block {
            Told::Event { seq, topic, .. } | Told::TopicClose { seq, topic } => {
                if self.gaps.remove(topic) == Some(true) {
                    return Err(format!("a gap in {topic}, and nothing is missing"));
                }
                self.heard(*seq, *seq > self.last)
            }
            Told::Close { seq: Some(seq), .. } => self.heard(*seq, *seq > self.last),
            Told::Close { seq: None, .. } => Ok(()),
        }
    }

    fn heard(&mut self, seq: Seq, in_order: bool) -> Result<(), String> {
        let last = std::mem::replace(&mut self.last, seq);
        self.placed = true;
        if in_order { Ok(()) } else { Err(format!("{seq} after {last}")) }
    }

    /// What comes next is missing: a gap must have said so.
    fn miss(&mut self) -> Result<(), String> {
        let Some((next, rest)) = self.told.split_first() else {
            return Err("nothing more is to come".into());
        };
        let Told::Event { seq, topic, .. } = next else { return Err(format!("{next:?} is missing")) };
        let Some(expired) = self.gaps.get_mut(topic) else { return Err(format!("{next:?} is missing")) };
        *expired = false;
        self.missed.push((*topic, *seq));
        self.told = rest;
        Ok(())
    }
}

impl Block {
    fn read(block: &str) -> Self {
        if block.starts_with(": ") {
            return Self::Heartbeat;
        }
        let field = |label: &str| block.lines().find_map(|line| line.strip_prefix(label));
        let data = field("data: ").expect("a block has data");
        let seq = field("id: ").map(position);
        match (field("event: "), seq) {
            (None, None) => {
                Self::Direct(data.strip_prefix("direct ").expect(data).parse().expect("a number"))
            }
            (None, Some(seq)) => {
                let topic = topic_of(data.split(' ').next().expect("a topic"));
                Self::Told(Told::Event { seq, topic, text: data.to_owned() })
            }
            (Some("cursor"), Some(seq)) => Self::Cursor(seq),
            (Some("gap"), None) => {
                let topics =
                    (0..super::TOPICS).filter(|topic| data.contains(&format!("\"{}\"", topic_name(*topic))));
                let to = data.split("\"to\":\"").nth(1).expect("to").trim_end_matches("\"}");
                let expired = data.contains("\"reason\":\"expired\"");
                Self::Gap { expired, topics: topics.collect(), to: position(to) }
            }
            (Some("topic_close"), Some(seq)) => {
                let topic =
                    (0..super::TOPICS).find(|topic| data.contains(&format!("\"{}\"", topic_name(*topic))));
                Self::Told(Told::TopicClose { seq, topic: topic.expect("a topic") })
            }
            (Some("connection_close"), seq) => {
                let reasons = ["done", "replaced", "closed", "bye"];
                let reason = reasons.into_iter().find(|reason| data.contains(reason)).expect(data);
                Self::Told(Told::Close { seq, reason })
            }
            other => panic!("{other:?} {data}"),
        }
    }
}

fn position(text: &str) -> Seq {
    text.strip_prefix(EPOCH).and_then(|rest| rest.strip_prefix('-')).expect(text).parse().expect("a number")
}

fn topic_of(name: &str) -> Topic {
    (0..super::TOPICS).find(|topic| topic_name(*topic) == name).expect(name)
}
