//! The changes of topics that are on their way to their streams.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use sse_gateway_protocol::Seq;

use super::types::{Heard, Listener, TopicId};

/// What streams have not got to yet, as far as the log can know.
///
/// A stream that replays must not read past a change that waits for it: of the topics that it will have
/// then it would miss what lies between.
#[derive(Debug, Default)]
pub(super) struct Changing {
    waiting: HashMap<Listener, VecDeque<Waiting>>,
    /// Removals that are on their way, by what the stream has had the topic since; for each it will say
    /// that it has left.
    leaving: HashMap<(Listener, TopicId), VecDeque<Seq>>,
}

/// A change that its stream has not got to.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) at: Seq,
    pub(super) add: Vec<TopicId>,
    pub(super) remove: Vec<TopicId>,
}

impl Changing {
    pub(super) fn add(&mut self, listener: Listener, at: Seq, add: Vec<TopicId>, remove: Vec<TopicId>) {
        self.waiting.entry(listener).or_default().push_back(Waiting { at, add, remove });
    }

    /// Gives the first change above the one that the stream has applied last.
    pub(super) fn first(&mut self, listener: Listener, since: Seq) -> Option<Seq> {
        self.applied(listener, since);
        self.waiting.get(&listener)?.front().map(|waiting| waiting.at)
    }

    /// Tells at which change a stream is to leave a topic.
    pub(super) fn leaves_at(&self, listener: Listener, topic: TopicId) -> Option<Seq> {
        let mut waiting = self.waiting.get(&listener)?.iter();
        waiting.find(|waiting| waiting.remove.contains(&topic)).map(|waiting| waiting.at)
    }

    /// Forgets what the stream has applied, or will never apply.
    pub(super) fn applied(&mut self, listener: Listener, since: Seq) {
        let Some(waiting) = self.waiting.get_mut(&listener) else { return };
        while waiting.pop_front_if(|waiting| waiting.at <= since).is_some() {}
        if waiting.is_empty() {
            self.waiting.remove(&listener);
        }
    }

    /// Tells since when a stream has a topic, once it has got to all its changes; `None` when it has not.
    pub(super) fn since(&self, listener: Listener, heard: &Heard, topic: TopicId) -> Option<Seq> {
        let has = heard.topics.contains(&topic).then_some(heard.since);
        self.after(listener, heard.since).fold(has, |has, waiting| {
            let stays = has.filter(|_| !waiting.remove.contains(&topic));
            stays.or_else(|| waiting.add.contains(&topic).then_some(waiting.at))
        })
    }

    /// Gives what a stream has still to get to above a number, in order.
    pub(super) fn after(&self, listener: Listener, since: Seq) -> impl Iterator<Item = &Waiting> {
        let waiting = self.waiting.get(&listener).into_iter().flatten();
        waiting.filter(move |waiting| waiting.at > since)
    }

    /// A stream that has had a topic since then is to leave it.
    pub(super) fn begin_to_leave(&mut self, listener: Listener, topic: TopicId, since: Seq) {
        self.leaving.entry((listener, topic)).or_default().push_back(since);
    }

    /// A stream has left a topic; tells whether its removal was on the way.
    pub(super) fn has_left(&mut self, listener: Listener, topic: TopicId, since: Seq) -> bool {
        let Entry::Occupied(mut leaving) = self.leaving.entry((listener, topic)) else { return false };
        // Else this is an earlier subscription, that ended by itself.
        let removed = leaving.get_mut().pop_front_if(|had_since| *had_since <= since).is_some();
        if leaving.get().is_empty() {
            leaving.remove();
        }
        removed
    }
}
