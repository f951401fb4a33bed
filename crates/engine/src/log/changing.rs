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
    /// What streams had, without what they have left since, of changes that are still to be made.
    asked: HashMap<Listener, Vec<(u64, Heard)>>,
    /// Counts the changes that were asked for.
    asks: u64,
}

/// A change that is still to be made: what the stream had when it was asked for, and which it is.
#[derive(Clone, Debug)]
pub struct Asked {
    listener: Listener,
    since: Seq,
    ask: u64,
}

#[derive(Debug)]
struct Waiting {
    at: Seq,
    add: Vec<TopicId>,
    remove: Vec<TopicId>,
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

    /// Forgets what the stream has applied, or will never apply.
    pub(super) fn applied(&mut self, listener: Listener, since: Seq) {
        let Some(waiting) = self.waiting.get_mut(&listener) else { return };
        while waiting.front().is_some_and(|waiting| waiting.at <= since) {
            waiting.pop_front();
        }
        if waiting.is_empty() {
            self.waiting.remove(&listener);
        }
    }

    /// Tells since when a stream has a topic, once it has got to all its changes; `None` when it has not.
    pub(super) fn since(&self, listener: Listener, heard: &Heard, topic: TopicId) -> Option<Seq> {
        let has = heard.topics.contains(&topic).then_some(heard.since);
        let waiting = self.waiting.get(&listener).into_iter().flatten();
        waiting.filter(|waiting| waiting.at > heard.since).fold(has, |has, waiting| {
            let stays = has.filter(|_| !waiting.remove.contains(&topic));
            stays.or_else(|| waiting.add.contains(&topic).then_some(waiting.at))
        })
    }

    /// A stream that has had a topic since then is to leave it.
    pub(super) fn begin_to_leave(&mut self, listener: Listener, topic: TopicId, since: Seq) {
        self.leaving.entry((listener, topic)).or_default().push_back(since);
    }

    /// Keeps what a stream has until its change is made; what it leaves meanwhile goes off.
    pub(super) fn ask(&mut self, listener: Listener, heard: Heard) -> Asked {
        self.asks += 1;
        let asked = Asked { listener, since: heard.since, ask: self.asks };
        if !heard.topics.is_empty() {
            self.asked.entry(listener).or_default().push((self.asks, heard));
        }
        asked
    }

    /// Gives what a stream still has of what it had.
    pub(super) fn recall(&mut self, asked: &Asked) -> Heard {
        let nothing = Heard { since: asked.since, topics: Vec::new() };
        let Entry::Occupied(mut all) = self.asked.entry(asked.listener) else { return nothing };
        let place = all.get().iter().position(|(ask, _)| *ask == asked.ask);
        let heard = place.map(|place| all.get_mut().remove(place).1);
        if all.get().is_empty() {
            all.remove();
        }
        heard.unwrap_or(nothing)
    }

    fn forget_asked(&mut self, listener: Listener, topic: TopicId) {
        let Entry::Occupied(mut all) = self.asked.entry(listener) else { return };
        all.get_mut().retain_mut(|(_, heard)| {
            heard.topics.retain(|other| *other != topic);
            !heard.topics.is_empty()
        });
        if all.get().is_empty() {
            all.remove();
        }
    }

    /// A stream has left a topic; tells whether its removal was on the way.
    pub(super) fn has_left(&mut self, listener: Listener, topic: TopicId, since: Seq) -> bool {
        self.forget_asked(listener, topic);
        let Entry::Occupied(mut leaving) = self.leaving.entry((listener, topic)) else { return false };
        // Else this is an earlier subscription, that ended by itself.
        let removed = leaving.get_mut().pop_front_if(|had_since| *had_since <= since).is_some();
        if leaving.get().is_empty() {
            leaving.remove();
        }
        removed
    }
}
