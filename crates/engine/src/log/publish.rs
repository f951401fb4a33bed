//! A publish: numbered, remembered, or refused.

use std::sync::Arc;

use sse_gateway_protocol::publish::Publish;
use sse_gateway_protocol::sse::Frame;
use sse_gateway_protocol::{Seq, TopicName};

use super::keys::Answered;
use super::staging::{Appended, Staged};
use super::types::{Completion, Entry, TopicId};
use super::{Log, Refused};
use crate::Time;

/// The reason that listeners of a deleted topic are told.
const DELETED: &str = "deleted";

/// What a publisher is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The number of its last event or of the completion; one of its own when it has neither.
    pub position: Seq,
    /// How many streams listened at that position.
    pub receivers: usize,
}

impl Log {
    /// Publishes all of it or nothing; the topic is made when it is missing.
    ///
    /// A known idempotency key gets its first answer again, also on a topic that is complete by now.
    ///
    /// # Errors
    /// That the key stands for something else, the topic is complete, the events are too large, or
    /// there are too many topics.
    pub fn publish(&mut self, publish: &Publish, now: Time) -> Result<Published, Refused> {
        let found = self.topics.find(publish.topic.as_str());
        if let Some(topic) = found.and_then(|id| self.topics.get(id)) {
            if let Some(answered) = publish.key.as_deref().and_then(|key| topic.answered(key)) {
                let Answered { position, receivers, fingerprint } = answered;
                let same = fingerprint == publish.fingerprint;
                return if same { Ok(Published { position, receivers }) } else { Err(Refused::KeyReused) };
            }
            if topic.completion().is_some() {
                return Err(Refused::Completed);
            }
        }
        self.check_size(publish)?;
        let id = match found {
            Some(id) => id,
            None => self.make_topic(&publish.topic, now)?,
        };
        Ok(self.append(id, found.is_none(), publish, now))
    }

    fn check_size(&self, publish: &Publish) -> Result<(), Refused> {
        let sizes = publish.events.iter().map(|event| event.payload_len());
        let (largest, total) = sizes.fold((0, 0), |(largest, total), size| (size.max(largest), total + size));
        let fits = largest <= self.limits.topic_bytes_max && total <= self.limits.publish_bytes_max;
        if fits { Ok(()) } else { Err(Refused::TooLarge) }
    }

    pub(super) fn make_topic(&mut self, name: &TopicName, now: Time) -> Result<TopicId, Refused> {
        if self.topics.len() >= self.limits.topics_max {
            return Err(Refused::TopicsFull);
        }
        Ok(self.topics.insert(name.clone(), now))
    }

    fn append(&mut self, id: TopicId, made: bool, publish: &Publish, now: Time) -> Published {
        let events: Vec<(Seq, Frame)> = publish
            .events
            .iter()
            .map(|event| {
                let seq = self.number();
                (seq, event.seal(&self.epoch, seq))
            })
            .collect();
        let completion = publish
            .close
            .as_ref()
            .map(|reason| Completion { seq: self.number(), reason: Arc::clone(reason) });
        let last = completion.as_ref().map(|completion| completion.seq);
        let last = last.or_else(|| events.last().map(|(seq, _)| *seq));
        let position = last.unwrap_or_else(|| self.number());
        let Some(topic) = self.topics.get_mut(id) else {
            return Published { position, receivers: 0 };
        };
        let receivers = topic.listeners.receivers();
        let before = topic.before();
        let mut cost = topic.append(&events, completion.as_ref(), now, &self.limits);
        if let Some(key) = publish.key.as_deref() {
            let answered = Answered { fingerprint: publish.fingerprint, position, receivers };
            cost += topic.remember(key, answered, now);
        }
        let shards: Vec<usize> = topic.listeners.shards().collect();
        self.topics.grew(cost);
        self.staged.push(Staged::Published(Appended {
            entry: Arc::new(Entry { topic: id, events, completion }),
            position,
            receivers,
            key: publish.key.clone().map(|key| (key, publish.fingerprint)),
            shards,
            made,
            before,
        }));
        Published { position, receivers }
    }

    /// Removes a topic with all that it remembers; who listens hears the end, with reason `deleted`.
    ///
    /// # Errors
    /// That there is no such topic.
    pub fn delete(&mut self, name: &str) -> Result<Seq, Refused> {
        let id = self.topics.unname(name).ok_or(Refused::NotFound)?;
        let seq = self.number();
        let completion = Completion { seq, reason: Arc::from(DELETED) };
        let entry = Entry { topic: id, events: Vec::new(), completion: Some(completion) };
        let shards = self.topics.get(id).map(|topic| topic.listeners.shards().collect());
        self.staged.push(Staged::Deleted { entry: Arc::new(entry), seq, shards: shards.unwrap_or_default() });
        Ok(seq)
    }
}
