//! One topic: what it remembers, and who listens.

use std::sync::Arc;

use sse_gateway_protocol::sse::Frame;
use sse_gateway_protocol::{Seq, TopicName};

use super::keys::{Answered, KEY_OVERHEAD, Keys};
use super::limits::LogLimits;
use super::listeners::Listeners;
use super::ring::{EVENT_OVERHEAD, Ring};
use super::types::Completion;
use crate::Time;

/// A topic costs about this much beside its name and what it retains.
pub(super) const TOPIC_OVERHEAD: usize = size_of::<Topic>() + 96;

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: TopicName,
    pub(super) listeners: Listeners,
    ring: Ring,
    keys: Keys,
    completed: Option<(Completion, Time)>,
    /// It has no name any more, and stays for those who listen to it still.
    deleted: bool,
    /// The number of its newest event, retained or not; 0 before the first.
    newest: Seq,
    /// The number of the newest event that it dropped, at least what it inherited.
    dropped_through: Seq,
    /// What forgotten topics had dropped when this one was made: one of them may have had its name.
    inherited: Seq,
    /// The number of the newest event that was put into any stream's outbox.
    handed_through: Seq,
    handed: Handed,
    /// When it was last published to or listened to.
    used: Time,
    /// Whether it waits in the log's list of what is due.
    pub(super) scheduled: bool,
    /// Whether it waits in the log's list of oldest events.
    pub(super) ranked: bool,
}

/// Whether what was handed of a topic has grown since it was last written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handed {
    WrittenDown,
    More,
    /// It has, and the topic waits to be written down.
    Listed,
}

/// What of a topic outlives its events, for whoever writes it down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// When it was last used; now while somebody listens.
    pub used: Time,
    /// The number of the newest event that it dropped.
    pub dropped_through: Seq,
    /// What forgotten topics had dropped when it was made.
    pub inherited: Seq,
    /// The number of the newest event that was handed to any stream.
    pub handed_through: Seq,
}

/// What a publish changes in a topic, so that it can be taken back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    newest: Seq,
    used: Time,
}

impl Topic {
    pub(super) fn new(name: TopicName, inherited: Seq, now: Time) -> Self {
        Self {
            name,
            listeners: Listeners::default(),
            ring: Ring::default(),
            keys: Keys::default(),
            completed: None,
            deleted: false,
            newest: 0,
            dropped_through: inherited,
            inherited,
            handed_through: 0,
            handed: Handed::WrittenDown,
            used: now,
            scheduled: false,
            ranked: false,
        }
    }

    pub(super) fn ring(&self) -> &Ring {
        &self.ring
    }

    pub(super) fn completion(&self) -> Option<&Completion> {
        self.completed.as_ref().map(|(completion, _)| completion)
    }

    pub(super) fn answered(&self, key: &str) -> Option<Answered> {
        self.keys.get(key)
    }

    pub(super) fn dropped_through(&self) -> Seq {
        self.dropped_through
    }

    pub(super) fn inherited(&self) -> Seq {
        self.inherited
    }

    /// Its events between two numbers, neither included, are on their way to a stream.
    pub(super) fn hand_between(&mut self, begin: Seq, end: Seq) {
        let newest = || self.ring.number_at(self.ring.place_after(end - 1).checked_sub(1)?);
        let through = if self.newest < end { Some(self.newest) } else { newest() };
        if let Some(through) = through.filter(|through| *through > begin) {
            self.hand(through);
        }
    }

    pub(super) fn handed_through(&self) -> Seq {
        self.handed_through
    }

    /// Where "now" is for it: behind everything, but before its end.
    pub(super) fn now_is(&self, since: Seq) -> Seq {
        self.completion().map_or(since, |completion| since.min(completion.seq - 1))
    }

    /// Where its newest event is still to come; "now" when it has none.
    pub(super) fn before_newest(&self, since: Seq) -> Seq {
        self.ring.last().map_or_else(|| self.now_is(since), |newest| newest - 1)
    }

    pub(super) fn before(&self) -> Before {
        Before { newest: self.newest, used: self.used }
    }

    pub(super) fn touch(&mut self, now: Time) {
        self.used = self.used.max(now);
    }

    /// Takes events and maybe the end; gives how many bytes that costs.
    pub(super) fn append(
        &mut self,
        events: &[(Seq, Frame)],
        completion: Option<&Completion>,
        now: Time,
        limits: &LogLimits,
    ) -> usize {
        self.touch(now);
        let mut cost = 0;
        for (seq, frame) in events {
            cost += event_cost(frame);
            self.newest = *seq;
            self.ring.push(*seq, frame.clone(), now, limits.topic_age_max);
        }
        if self.listeners.has_live() {
            self.hand(self.newest);
        }
        if let Some(completion) = completion {
            self.completed = Some((completion.clone(), now));
        }
        cost
    }

    /// Remembers what a key was answered; gives how many bytes that costs.
    pub(super) fn remember(&mut self, key: &str, answered: Answered, now: Time) -> usize {
        self.keys.remember(Arc::from(key), answered, now);
        key.len() + KEY_OVERHEAD
    }

    /// Takes an append back; gives how many bytes that frees.
    pub(super) fn take_back(&mut self, events: usize, completes: bool, keyed: bool, before: Before) -> usize {
        let taken = (0..events).filter_map(|_| self.ring.take_back());
        let mut freed = taken.map(|(_, frame)| event_cost(&frame)).sum();
        if completes {
            self.completed = None;
        }
        if keyed && let Some(length) = self.keys.take_back() {
            freed += length + KEY_OVERHEAD;
        }
        self.newest = before.newest;
        // What was handed meanwhile stays so; what is taken back never was.
        self.handed_through = self.handed_through.min(before.newest);
        self.used = before.used;
        freed
    }

    /// Ends it for those who listen to it still, unless it has ended before.
    pub(super) fn delete(&mut self, completion: Completion, now: Time) {
        self.completed.get_or_insert((completion, now));
        self.deleted = true;
    }

    /// Tells whether it was deleted and nobody is left who listened to it.
    pub(super) fn is_gone(&self) -> bool {
        self.deleted && self.listeners.is_empty()
    }

    /// An event of it was put into a stream's outbox.
    pub(super) fn hand(&mut self, seq: Seq) {
        if seq > self.handed_through {
            self.handed_through = seq;
            if self.handed == Handed::WrittenDown {
                self.handed = Handed::More;
            }
        }
    }

    /// Tells, once, that it must be listed among those of which more was handed.
    pub(super) fn list_handed(&mut self) -> bool {
        let more = self.handed == Handed::More && !self.deleted;
        if more {
            self.handed = Handed::Listed;
        }
        more
    }

    pub(super) fn handed_is_written_down(&mut self) {
        self.handed = Handed::WrittenDown;
    }

    pub(super) fn bounds(&self, now: Time) -> Bounds {
        Bounds {
            used: if self.listeners.count() > 0 { now } else { self.used },
            dropped_through: self.dropped_through,
            inherited: self.inherited,
            handed_through: self.handed_through,
        }
    }

    /// Takes bounds that it had in the life before; events that it had dropped by then go again. Gives
    /// how many bytes that frees.
    pub(super) fn take_bounds(&mut self, bounds: Bounds) -> usize {
        self.used = self.used.max(bounds.used);
        self.inherited = self.inherited.max(bounds.inherited);
        self.handed_through = self.handed_through.max(bounds.handed_through);
        let mut freed = 0;
        while self.ring.first().is_some_and(|first| first <= bounds.dropped_through) {
            freed += self.drop_oldest().unwrap_or_default();
        }
        self.dropped_through = self.dropped_through.max(bounds.dropped_through);
        freed
    }

    /// Tells whether any of these numbers is one of its events.
    pub(super) fn retains_any(&self, first: Seq, count: u64) -> bool {
        let place = self.ring.place_after(first.saturating_sub(1));
        self.ring.number_at(place).is_some_and(|seq| seq < first + count)
    }

    /// Drops its oldest event; gives how many bytes that frees.
    pub(super) fn drop_oldest(&mut self) -> Option<usize> {
        let (seq, frame) = self.ring.drop_oldest()?;
        self.dropped_through = self.dropped_through.max(seq);
        Some(event_cost(&frame))
    }

    /// Drops what is over its bounds; gives how many bytes that frees.
    pub(super) fn trim(&mut self, now: Time, limits: &LogLimits) -> usize {
        let mut freed = 0;
        while self.ring.len() > limits.topic_events_max
            || self.ring.bytes() > limits.topic_bytes_max
            || self.ring.is_due(now, limits.topic_age_max)
        {
            freed += self.drop_oldest().unwrap_or_default();
        }
        while self.keys.len() > limits.topic_events_max
            || self.keys.due(limits.topic_age_max).is_some_and(|due| due <= now)
        {
            freed += self.keys.drop_oldest().map_or(0, |length| length + KEY_OVERHEAD);
        }
        freed
    }

    /// Tells when something of it, or all of it, may be too old.
    pub(super) fn due(&self, limits: &LogLimits) -> Option<Time> {
        let age_max = limits.topic_age_max;
        let oldest = [self.ring.due(age_max), self.keys.due(age_max)].into_iter().flatten().min();
        oldest.or_else(|| self.idle_until(limits))
    }

    /// Tells when it may be forgotten; `None` while somebody listens, or was sent away and has still to
    /// read what came before.
    fn idle_until(&self, limits: &LogLimits) -> Option<Time> {
        let completed = self.completed.as_ref().map_or(self.used, |(_, at)| *at);
        self.listeners.is_empty().then(|| self.used.max(completed) + limits.topic_age_max)
    }

    /// Tells whether nothing is left of it that anybody could miss.
    pub(super) fn is_over(&self, now: Time, limits: &LogLimits) -> bool {
        self.ring.len() == 0
            && self.keys.len() == 0
            && self.idle_until(limits).is_some_and(|until| until <= now)
    }

    /// What the log must remember of it when it is gone.
    pub(super) fn forgotten_through(&self) -> Seq {
        self.dropped_through.max(self.newest)
    }

    /// Counts what it holds, for the bound over all topics.
    pub(super) fn cost(&self) -> usize {
        let events = self.ring.bytes() + self.ring.len() * EVENT_OVERHEAD;
        TOPIC_OVERHEAD + self.name.as_str().len() + events + self.keys.cost()
    }
}

fn event_cost(frame: &Frame) -> usize {
    frame.payload().len() + EVENT_OVERHEAD
}
