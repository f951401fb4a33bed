//! What the log must tell whoever writes it down, and take back after a restart.

use std::sync::Arc;

use sse_gateway_protocol::sse::{Draft, Frame};
use sse_gateway_protocol::{Seq, TopicName};

use super::Log;
use super::keys::Answered;
use super::topic::{Bounds, Topic};
use super::types::{Completion, TopicId};
use crate::Time;

/// A publish of the life before.
#[derive(Clone, Debug)]
pub struct Restored<'a> {
    /// Where.
    pub topic: &'a TopicName,
    /// The number of its first event; without events that of the completion, or its own.
    pub first: Seq,
    /// The events.
    pub events: &'a [Draft],
    /// Why the topic was complete after them.
    pub completion: Option<&'a str>,
    /// The idempotency key, with the fingerprint of what it stands for.
    pub key: Option<(&'a str, u64)>,
    /// How many listened.
    pub receivers: usize,
    /// When.
    pub at: Time,
}

impl Log {
    /// Takes a publish of the life before as it was, with its numbers; the bounds are kept as usual.
    /// Must come before any command, in the old order.
    pub fn restore(&mut self, restored: &Restored<'_>) {
        let Restored { topic, first, events, completion, key, receivers, at } = restored;
        let id = self.restored_topic(topic, *at);
        let sealed: Vec<(Seq, Frame)> =
            events.iter().zip(*first..).map(|(event, seq)| (seq, event.seal(&self.epoch, seq))).collect();
        let behind = first + events.len() as Seq;
        let completion = completion.map(|reason| Completion { seq: behind, reason: Arc::from(reason) });
        let position = if completion.is_some() { behind } else { (behind - 1).max(*first) };
        let Some(topic) = self.topics.get_mut(id) else { return };
        let mut cost = topic.append(&sealed, completion.as_ref(), *at, &self.limits);
        if let Some((key, fingerprint)) = key {
            let answered = Answered { fingerprint: *fingerprint, position, receivers: *receivers };
            cost += topic.remember(key, answered, *at);
        }
        self.topics.grew(cost);
        self.keep_bounds(&[id], *at);
    }

    /// Takes the deletion of a topic in the life before.
    pub fn restore_deletion(&mut self, topic: &str) {
        if let Some(id) = self.topics.find(topic) {
            self.topics.forget(id);
        }
    }

    /// Takes what a topic had beside its events; one that would have been forgotten by now is.
    pub fn restore_bounds(&mut self, name: &TopicName, bounds: Bounds, now: Time) {
        if self.topics.find(name.as_str()).is_none() && bounds.used + self.limits.topic_age_max <= now {
            self.topics.raise_forgotten(bounds.dropped_through);
            return;
        }
        let id = self.restored_topic(name, bounds.used);
        let freed = self.topics.get_mut(id).map_or(0, |topic| topic.take_bounds(bounds));
        self.topics.shrank(freed);
        self.topics.watch(id, &self.limits);
    }

    /// Ends the restoring: no number below `next` is given out again.
    pub fn restored(&mut self, next: Seq, forgotten_through: Seq, now: Time) {
        self.next = self.next.max(next);
        self.committed = self.next - 1;
        self.topics.raise_forgotten(forgotten_through);
        self.topics.age(now, &self.limits);
    }

    /// A topic that was there is there again, also past the bound of topics.
    fn restored_topic(&mut self, name: &TopicName, at: Time) -> TopicId {
        self.topics.find(name.as_str()).unwrap_or_else(|| self.topics.insert(name.clone(), at))
    }

    /// Gives the topics of which more was handed since this was asked last, with their bounds. Losing
    /// them costs only that `undelivered` gives something twice.
    pub fn take_handed(&mut self, now: Time) -> Vec<(TopicName, Bounds)> {
        let handed = std::mem::take(&mut self.handed);
        let topics = handed.into_iter().filter_map(|id| {
            let topic = self.topics.get_mut(id)?;
            topic.handed_is_written_down();
            let written = (topic.name.clone(), topic.bounds(now));
            // Not of one that is being deleted: its bounds would make it again.
            (self.topics.find(written.0.as_str()) == Some(id)).then_some(written)
        });
        topics.collect()
    }

    /// Lists a topic if more of it was handed, and somebody writes that down.
    pub(super) fn list_handed(&mut self, id: TopicId) {
        if self.writes_handed && self.topics.get_mut(id).is_some_and(Topic::list_handed) {
            self.handed.push(id);
        }
    }

    /// Gives the bounds of a topic; `None` when there is none of this name.
    #[must_use]
    pub fn bounds(&self, name: &str, now: Time) -> Option<Bounds> {
        Some(self.named(name)?.bounds(now))
    }

    /// Gives the newest event that any forgotten topic had.
    #[must_use]
    pub fn forgotten_through(&self) -> Seq {
        self.topics.forgotten_through()
    }

    /// Tells whether anything of a publish is still remembered: an event, its key, or the end of its
    /// topic. `last` is its position.
    #[must_use]
    pub fn remembers(&self, name: &str, numbers: (Seq, Seq), key: Option<&str>) -> bool {
        let (first, last) = numbers;
        self.named(name).is_some_and(|topic| {
            topic.retains_any(first, last - first + 1)
                || topic.completion().is_some_and(|completion| completion.seq == last)
                || key.and_then(|key| topic.answered(key)).is_some_and(|answered| answered.position == last)
        })
    }

    fn named(&self, name: &str) -> Option<&Topic> {
        self.topics.get(self.topics.find(name)?)
    }
}
