//! The idempotency keys of one topic: a publish that is repeated gets its first answer again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sse_gateway_protocol::Seq;

use crate::Time;

/// A key costs about this much beside its text.
pub(super) const KEY_OVERHEAD: usize = 112;

/// What a publish was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) fingerprint: u64,
    pub(super) position: Seq,
    pub(super) receivers: usize,
}

/// Keys with their answers, oldest first; most topics have none.
#[derive(Debug, Default)]
pub(super) struct Keys(Option<Box<Known>>);

#[derive(Debug, Default)]
struct Known {
    answers: HashMap<Arc<str>, Answered>,
    order: VecDeque<(Time, Arc<str>)>,
}

impl Keys {
    pub(super) fn get(&self, key: &str) -> Option<Answered> {
        self.0.as_ref()?.answers.get(key).copied()
    }

    /// Remembers a key that is not known.
    pub(super) fn remember(&mut self, key: Arc<str>, answered: Answered, now: Time) {
        let known = self.0.get_or_insert_default();
        known.answers.insert(Arc::clone(&key), answered);
        known.order.push_back((now, key));
    }

    /// Takes the newest key back; gives its length.
    pub(super) fn take_back(&mut self) -> Option<usize> {
        self.take(VecDeque::pop_back)
    }

    /// Forgets the oldest key; gives its length.
    pub(super) fn drop_oldest(&mut self) -> Option<usize> {
        self.take(VecDeque::pop_front)
    }

    fn take(
        &mut self,
        end: impl FnOnce(&mut VecDeque<(Time, Arc<str>)>) -> Option<(Time, Arc<str>)>,
    ) -> Option<usize> {
        let known = self.0.as_mut()?;
        let (_, key) = end(&mut known.order)?;
        known.answers.remove(&key);
        if known.order.is_empty() {
            self.0 = None;
        }
        Some(key.len())
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |known| known.order.len())
    }

    /// Counts the bytes that it takes.
    pub(super) fn cost(&self) -> usize {
        let lengths = self.0.iter().flat_map(|known| &known.order).map(|(_, key)| key.len() + KEY_OVERHEAD);
        lengths.sum()
    }

    pub(super) fn due(&self, age_max: Duration) -> Option<Time> {
        self.0.as_ref()?.order.front().map(|(at, _)| *at + age_max)
    }
}
