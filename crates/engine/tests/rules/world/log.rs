//! The world's log: publishes, subscriptions, and what clients hear of them in short.

use std::time::Duration;

use sse_gateway_engine::log::{Listened, Listener, Log, LogLimits, Refused, TopicId};
use sse_gateway_engine::{Accepted, Answer, Effect, Key, Then};
use sse_gateway_protocol::callback::{From, TopicWish};
use sse_gateway_protocol::publish::Publish;
use sse_gateway_protocol::sse::Draft;
use sse_gateway_protocol::{Seq, TopicName};

use super::{Client, EPOCH, World, epoch, opening};

pub(super) fn new_log() -> Log {
    let limits = LogLimits {
        topic_events_max: 8,
        topic_bytes_max: 10_000,
        topic_age_max: Duration::from_secs(600),
        log_bytes_max: 1_000_000,
        topics_max: 200,
        publish_bytes_max: 10_000,
    };
    Log::new(limits, epoch(), 1)
}

impl World {
    /// Publishes events of these texts; gives the number of the last.
    pub(crate) fn publish(&mut self, topic: &str, texts: &[&str]) -> Seq {
        self.publish_and(topic, texts, None)
    }

    /// Completes a topic with these events; gives the number of its end.
    pub(crate) fn complete(&mut self, topic: &str, texts: &[&str], reason: &str) -> Seq {
        self.publish_and(topic, texts, Some(reason))
    }

    fn publish_and(&mut self, topic: &str, texts: &[&str], close: Option<&str>) -> Seq {
        let events = texts.iter().map(|text| Draft::new(None, text)).collect();
        let publish = Publish::new(name(topic), events, None, close.map(Into::into));
        let published = self.log.publish(&publish, self.now).expect("published");
        self.commit();
        published.position
    }

    /// Lets what is staged take effect, unless the disk is slow; what it offers waits in the inbox.
    pub(crate) fn commit(&mut self) {
        if self.disk_is_slow {
            return;
        }
        self.log.commit(self.now);
        self.inbox.extend(std::iter::from_fn(|| self.log.next_offer()).map(|(_, offer)| offer));
    }

    pub(crate) fn apply_offers(&mut self) {
        while let Some(offer) = self.inbox.pop_front() {
            self.shard.apply(&offer);
        }
    }

    /// Takes a yes with these topics; what follows from it waits.
    pub(crate) fn listen(&mut self, client: Client, wishes: &[TopicWish], cursor: Option<&str>) {
        self.listen_with(client, wishes, cursor, opening(None));
    }

    pub(crate) fn listen_with(
        &mut self,
        client: Client,
        wishes: &[TopicWish],
        cursor: Option<&str>,
        accepted: Accepted,
    ) {
        let listener = Listener { shard: 0, key: client.key };
        let cursor = cursor.map(str::as_bytes);
        let answer = match self.log.listen(wishes, cursor, listener, self.now).expect("room for topics") {
            Listened::Listening(start) => {
                Answer::Accepted(Accepted { then: Then::Listen(start), ..accepted })
            }
            Listened::Over => Answer::Over,
            Listened::Missing(told) => {
                let then = Then::Close { last: None, reason: told.reason.into() };
                Answer::Accepted(Accepted { then, ..accepted })
            }
        };
        self.answer(client, answer);
        self.commit();
    }

    /// A client that has heard everything there is for it.
    pub(crate) fn open_on(&mut self, wishes: &[TopicWish], cursor: Option<&str>) -> Client {
        let client = self.connect();
        self.listen(client, wishes, cursor);
        self.settle();
        client
    }

    /// A live stream whose socket takes nothing more.
    pub(crate) fn open_stuck_on(&mut self, topic: &str) -> Client {
        let client = self.open_on(&now(&[topic]), None);
        self.wire_mut(client).room = 0;
        client
    }

    /// Changes what a stream listens to; gives the number of the change.
    pub(crate) fn change(&mut self, client: Client, add: &[TopicWish], remove: &[&str]) -> Seq {
        self.try_change(client, add, remove).expect("changed")
    }

    pub(crate) fn try_change(
        &mut self,
        client: Client,
        add: &[TopicWish],
        remove: &[&str],
    ) -> Result<Seq, Refused> {
        let remove: Vec<TopicName> = remove.iter().map(|topic| name(topic)).collect();
        let heard = self.shard.heard(client.key);
        let listener = Listener { shard: 0, key: client.key };
        let at = self.log.change(listener, add, &remove, &heard, self.now);
        self.commit();
        at
    }

    pub(super) fn carry_out_at_log(&mut self, effect: Effect) {
        match effect {
            Effect::Read(key) => {
                let Some(reading) = self.shard.reading(key) else { return };
                let page = self.log.read(Listener { shard: 0, key }, reading, self.page);
                self.shard.replay(key, page);
            }
            Effect::Lag { since, topics } => self.log.lag(since, &topics),
            Effect::Leave { key, since, topics, live } => {
                self.log.leave(Listener { shard: 0, key }, since, &topics, live, self.now);
                self.left.push((key, topics.into_vec(), live));
            }
            other => panic!("not for the log: {other:?}"),
        }
    }

    pub(crate) fn receivers(&self, topic: &str) -> usize {
        self.log.describe(topic).map_or(0, |described| described.receivers)
    }

    /// Counts the topics that a stream left, at its end or before.
    pub(crate) fn times_left(&self, key: Key) -> Vec<usize> {
        let own = self.left.iter().filter(|(left, ..)| *left == key);
        own.map(|(_, topics, _): &(_, Vec<TopicId>, _)| topics.len()).collect()
    }

    /// Gives what a client heard: `data@number`, or `name data@number` with the gateway's own data
    /// shortened to its values, `~milliseconds` for a `retry:`, and `end` for a clean end.
    pub(crate) fn heard(&self, client: Client) -> Vec<String> {
        let (payload, ended) = self.payload(client);
        let mut heard: Vec<String> = payload.split_terminator("\n\n").map(shortened).collect();
        heard.extend(ended.then(|| "end".to_owned()));
        heard
    }
}

fn shortened(block: &str) -> String {
    let field = |label: &str| block.lines().find_map(|line| line.strip_prefix(label)).map(str::to_owned);
    let data = field("data: ").unwrap_or_else(|| block.to_owned());
    let reason = data.strip_prefix(r#"{"reason":""#).and_then(|rest| rest.strip_suffix(r#""}"#));
    let data = reason.filter(|reason| !reason.contains('"')).unwrap_or(&data);
    let name = field("event: ").map(|name| name + " ").unwrap_or_default();
    let id = field("id: ").map(|id| id.replacen(&format!("{EPOCH}-"), "@", 1)).unwrap_or_default();
    let retry = field("retry: ").map(|retry| format!("~{retry}")).unwrap_or_default();
    format!("{}{id}{retry}", format!("{name}{data}").trim_end_matches(" {}"))
}

pub(crate) fn name(topic: &str) -> TopicName {
    TopicName::parse(topic).expect("a topic name")
}

/// Wishes for topics, all from the same place.
pub(crate) fn wishes(topics: &[&str], from: &From) -> Vec<TopicWish> {
    topics.iter().map(|topic| TopicWish { from: from.clone(), ..TopicWish::to(name(topic)) }).collect()
}

pub(crate) fn now(topics: &[&str]) -> Vec<TopicWish> {
    wishes(topics, &From::Now)
}

pub(crate) fn start(topics: &[&str]) -> Vec<TopicWish> {
    wishes(topics, &From::Start)
}

pub(crate) fn exclusive(topic: &str, from: From) -> [TopicWish; 1] {
    [TopicWish { from, exclusive: true, ..TopicWish::to(name(topic)) }]
}

pub(crate) fn position(seq: Seq) -> String {
    format!("{EPOCH}-{seq}")
}
