//! What happened at the log, told plainly, and what a stream hears of it.
//!
//! Written from the protocol and not from the engine: a list of moments in sequence order.

use std::collections::BTreeMap;

use sse_gateway_protocol::Seq;

/// A topic, by its place among the topics of the run.
pub(super) type Topic = usize;

/// Something that took a number of the sequence.
#[derive(Clone, Debug)]
enum Moment {
    Published {
        topic: Topic,
        text: String,
    },
    Completed {
        topic: Topic,
    },
    /// A stream opened; of each topic it wants what is above a number.
    Listened {
        who: usize,
        topics: Vec<(Topic, Seq)>,
    },
    Changed {
        who: usize,
        add: Vec<Topic>,
        remove: Vec<Topic>,
    },
    /// Who has listened to the topic before is told to go.
    SentAway {
        topic: Topic,
        reason: &'static str,
    },
}

/// What a stream hears of the log, cursors and gaps aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Event { seq: Seq, topic: Topic, text: String },
    TopicClose { seq: Seq, topic: Topic },
    Close { seq: Option<Seq>, reason: &'static str },
}

#[derive(Debug, Default)]
pub(super) struct History {
    moments: BTreeMap<Seq, Vec<Moment>>,
    /// The numbers of publishes that a disk may still refuse.
    staged: Vec<Seq>,
    /// Who listens exclusively, as far as a newcomer must care.
    holders: BTreeMap<Topic, usize>,
}

/// The reason of every completion.
pub(super) const DONE: &str = "done";
pub(super) const REPLACED: &str = "replaced";
pub(super) const CLOSED: &str = "closed";

impl History {
    pub(super) fn publish(&mut self, topic: Topic, texts: &[String], completes: bool, position: Seq) {
        let first = position + 1 - texts.len() as Seq - Seq::from(completes);
        for (seq, text) in (first..).zip(texts) {
            self.note_staged(seq, Moment::Published { topic, text: text.clone() });
        }
        if completes {
            self.note_staged(position, Moment::Completed { topic });
        }
    }

    fn note_staged(&mut self, seq: Seq, moment: Moment) {
        self.staged.push(seq);
        self.note(seq, moment);
    }

    fn note(&mut self, seq: Seq, moment: Moment) {
        self.moments.entry(seq).or_default().push(moment);
    }

    pub(super) fn commit(&mut self) {
        self.staged.clear();
    }

    pub(super) fn fail(&mut self) {
        for seq in self.staged.drain(..) {
            self.moments.remove(&seq);
        }
    }

    pub(super) fn listen(&mut self, who: usize, since: Seq, topics: Vec<(Topic, Seq)>, exclusive: &[Topic]) {
        for (topic, _) in &topics {
            self.enter(who, since, *topic, exclusive.contains(topic));
        }
        self.note(since, Moment::Listened { who, topics });
    }

    pub(super) fn change(&mut self, who: usize, at: Seq, add: Vec<Topic>, remove: Vec<Topic>) {
        self.holders.retain(|topic, holder| *holder != who || !remove.contains(topic));
        add.iter().for_each(|topic| self.enter(who, at, *topic, false));
        self.note(at, Moment::Changed { who, add, remove });
    }

    fn enter(&mut self, who: usize, at: Seq, topic: Topic, exclusive: bool) {
        if exclusive || self.holders.contains_key(&topic) {
            self.holders.remove(&topic);
            self.note(at, Moment::SentAway { topic, reason: REPLACED });
        }
        if exclusive {
            self.holders.insert(topic, who);
        }
    }

    pub(super) fn close(&mut self, topic: Topic, at: Seq) {
        self.holders.remove(&topic);
        self.note(at, Moment::SentAway { topic, reason: CLOSED });
    }

    /// Finds the end of a topic.
    pub(super) fn completion(&self, topic: Topic) -> Option<Seq> {
        self.find(|moment| matches!(moment, Moment::Completed { topic: of } if *of == topic))
    }

    /// Finds the newest event of a topic.
    pub(super) fn newest(&self, topic: Topic) -> Option<Seq> {
        self.find(|moment| matches!(moment, Moment::Published { topic: of, .. } if *of == topic))
    }

    fn find(&self, wanted: impl Fn(&Moment) -> bool) -> Option<Seq> {
        self.moments.iter().rev().find(|(_, moments)| moments.iter().any(&wanted)).map(|(seq, _)| *seq)
    }

    /// Says what a stream hears if it reads on for ever.
    pub(super) fn told(&self, who: usize) -> Vec<Told> {
        let mut state = Following { topics: BTreeMap::new(), since: Seq::MAX, told: Vec::new() };
        let all =
            || self.moments.iter().flat_map(|(seq, moments)| moments.iter().map(|moment| (*seq, moment)));
        for (seq, moment) in all() {
            if let Moment::Listened { who: listener, topics } = moment
                && *listener == who
            {
                (state.topics, state.since) = (topics.iter().copied().collect(), seq);
            }
        }
        for (seq, moment) in all() {
            if state.follow(who, seq, moment) {
                break;
            }
        }
        state.told
    }
}

/// A stream on its way through the history.
struct Following {
    /// Its topics, and above which number it wants them.
    topics: BTreeMap<Topic, Seq>,
    since: Seq,
    told: Vec<Told>,
}

impl Following {
    /// True when the stream has ended.
    fn follow(&mut self, who: usize, seq: Seq, moment: &Moment) -> bool {
        let wants = |topic| self.topics.get(topic).is_some_and(|after| seq > *after);
        match moment {
            Moment::Published { topic, text } if wants(topic) => {
                self.told.push(Told::Event { seq, topic: *topic, text: text.clone() });
            }
            Moment::Completed { topic } if wants(topic) => {
                if self.topics.len() == 1 {
                    self.told.push(Told::Close { seq: Some(seq), reason: DONE });
                    return true;
                }
                self.told.push(Told::TopicClose { seq, topic: *topic });
                self.topics.remove(topic);
            }
            Moment::SentAway { topic, reason } if seq > self.since && self.topics.contains_key(topic) => {
                self.told.push(Told::Close { seq: None, reason });
                return true;
            }
            Moment::Changed { who: changed, add, remove } if *changed == who => {
                remove.iter().for_each(|topic| {
                    self.topics.remove(topic);
                });
                self.topics.extend(add.iter().map(|topic| (*topic, seq)));
                self.since = seq;
            }
            _ => {}
        }
        false
    }
}
