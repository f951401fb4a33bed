//! The changes of topics that are on their way to their streams.

use std::collections::{HashMap, VecDeque};

use sse_gateway_protocol::Seq;

use super::types::Listener;

/// A stream that replays must not read past a change that waits in its shard's inbox: of the topics
/// that it will have then it would miss what lies between.
#[derive(Debug, Default)]
pub(super) struct Changing(HashMap<Listener, VecDeque<Seq>>);

impl Changing {
    pub(super) fn add(&mut self, listener: Listener, at: Seq) {
        self.0.entry(listener).or_default().push_back(at);
    }

    /// Gives the first change above the one that the stream has applied last.
    pub(super) fn first(&mut self, listener: Listener, since: Seq) -> Option<Seq> {
        self.applied(listener, since);
        self.0.get(&listener)?.front().copied()
    }

    /// Forgets what the stream has applied, or will never apply.
    pub(super) fn applied(&mut self, listener: Listener, since: Seq) {
        let Some(waiting) = self.0.get_mut(&listener) else { return };
        while waiting.front().is_some_and(|at| *at <= since) {
            waiting.pop_front();
        }
        if waiting.is_empty() {
            self.0.remove(&listener);
        }
    }
}
