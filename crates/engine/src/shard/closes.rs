//! Streams that are told to go, with `connection_close` and the end.

use std::time::Duration;

use sse_gateway_protocol::control::connection_close;
use sse_gateway_protocol::sse::Frame;
use sse_gateway_protocol::{Seq, Token};

use super::Shard;
use crate::Key;
use crate::log::TopicId;
use crate::standing::{Later, Listening};
use crate::stream::{Kept, Life};

/// What a client is told when another stream has taken its topic over.
const REPLACED: &str = "replaced";

impl Shard {
    /// Finds a stream that is open for senders.
    #[must_use]
    pub fn is_open(&self, token: &Token) -> Option<Key> {
        let key = self.streams.find(token)?;
        matches!(self.streams.get(key)?.life, Life::Open { .. }).then_some(key)
    }

    /// Closes a stream with a reason, after what it holds; while it is opening, after what was kept.
    ///
    /// False when no stream has this token, or it has ended for senders.
    pub fn close(&mut self, token: &Token, reason: &str) -> bool {
        let Some(key) = self.streams.find(token) else { return false };
        let Some(stream) = self.streams.get_mut(key) else { return false };
        let frame = connection_close(reason, None, None);
        match &mut stream.life {
            Life::Opening(Kept { outbox, close, .. }) if !*close => {
                *close = true;
                self.tally.events_accepted += u64::from(frame.events());
                self.outbox_bytes += outbox.push(frame);
                true
            }
            Life::Open { .. } => {
                self.close_open(key, frame);
                true
            }
            Life::Opening(_) | Life::Ending { .. } | Life::Draining { .. } => false,
        }
    }

    /// Closes every open stream of a subject with a reason; gives how many that were. Streams that
    /// are opening belong to nobody yet.
    pub fn close_subject(&mut self, subject: &str, reason: &str) -> usize {
        let Some(list) = self.subjects.find(subject) else { return 0 };
        let frame = connection_close(reason, None, None);
        let seats = self.subjects.seats(list).to_vec();
        for seat in &seats {
            if let Some(key) = self.streams.key_of_slot(seat.slot) {
                self.close_open(key, frame.clone());
            }
        }
        seats.len()
    }

    pub(super) fn closed(&mut self, topic: TopicId, at: Seq, reason: &str) {
        let frame = connection_close(reason, None, None);
        for key in self.listeners_before(topic, at) {
            self.in_order(key, Later::SentAway { topic, close: frame.clone() });
        }
    }

    pub(super) fn replaced(&mut self, topic: TopicId, at: Seq) {
        for key in self.listeners_before(topic, at) {
            let retry_ms = self.jittered(self.limits.replaced_retry);
            self.tally.replaced += 1;
            let close = connection_close(REPLACED, None, Some(retry_ms));
            self.in_order(key, Later::SentAway { topic, close });
        }
    }

    /// Gives the streams that have listened to a topic since before a number, or are about to have.
    fn listeners_before(&self, topic: TopicId, at: Seq) -> Vec<Key> {
        let list = self.listeners.find(&topic);
        let seats = list.map(|list| self.listeners.seats(list)).unwrap_or_default();
        let listed = seats.iter().filter_map(|seat| self.streams.key_of_slot(seat.slot));
        let before = |key: &Key| self.listening(*key).is_some_and(|listening| listening.since < at);
        let adds = |key: &Key| {
            let replay = self.listening(*key).and_then(Listening::replay);
            replay.is_some_and(|replay| replay.adds(topic)) && self.nth(*key, topic).is_none()
        };
        listed.filter(before).chain(self.changing.iter().copied().filter(adds)).collect()
    }

    pub(super) fn close_open(&mut self, key: Key, frame: Frame) {
        self.deliver(key, frame);
        self.end(key);
    }

    /// Gives a time within +-50 %, in milliseconds: those who were sent away at once do not come back
    /// at once.
    fn jittered(&mut self, time: Duration) -> u64 {
        let half = u64::try_from(time.as_millis()).unwrap_or(u64::MAX) / 2;
        half + self.random.u64(0..=2 * half)
    }
}
