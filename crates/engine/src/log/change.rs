//! An open stream listens to other topics.

use sse_gateway_protocol::callback::TopicWish;
use sse_gateway_protocol::{Seq, TopicName};

use super::staging::Staged;
use super::topic::Topic;
use super::types::{Heard, Listener, Offer, Subscription, TopicId};
use super::{Log, Refused};
use crate::Time;

impl Log {
    /// Lets a stream listen to other topics: new ones from here on, and some no longer.
    ///
    /// `heard` is what the stream has, as [`Shard::heard`](crate::Shard::heard) tells in the same
    /// step. It does not count any more as a listener of those to remove, and
    /// about those to add that it has already nothing changes. Gives the number of the change; the shard
    /// applies it in order with publishes. No topic is in both lists.
    ///
    /// # Errors
    /// That there are too many topics, or a new one is complete, or missing although its wish says
    /// what to tell then, or that the stream ends before. Nothing has changed then: above all nobody is
    /// replaced by a stream that ends.
    pub fn change(
        &mut self,
        listener: Listener,
        add: &[TopicWish],
        remove: &[TopicName],
        heard: &Heard,
        now: Time,
    ) -> Result<Seq, Refused> {
        if self.ends_before(listener, heard) {
            return Err(Refused::Ended);
        }
        for wish in add {
            let found = self.topics.find(wish.name.as_str()).and_then(|id| self.topics.get(id));
            match found {
                Some(topic) if topic.completion().is_some() => return Err(Refused::Completed),
                None if wish.if_missing.is_some() => return Err(Refused::NotFound),
                _ => {}
            }
        }
        self.check_room(&add.iter().collect::<Vec<_>>())?;
        let at = self.number();
        self.changing.applied(listener, heard.since);
        let remove = self.remove(listener, remove, heard);
        let mut added = Vec::with_capacity(add.len());
        for wish in add {
            if self.has(wish, listener, heard) {
                continue;
            }
            let topic = self.enter(wish, listener, at, now)?;
            added.push(Subscription { topic, name: wish.name.clone(), after: at });
        }
        let ids = added.iter().map(|subscription| subscription.topic).collect();
        self.changing.add(listener, at, ids, remove.clone());
        let offer = Offer::Changed { key: listener.key, at, add: added, remove };
        self.staged.push(Staged::Offer(listener.shard, offer));
        Ok(at)
    }

    /// Tells whether something that the stream has still to get to ends it: it was sent away, or the last
    /// of its topics is complete.
    fn ends_before(&self, listener: Listener, heard: &Heard) -> bool {
        let mut topics: Vec<(TopicId, Seq)> =
            heard.topics.iter().map(|topic| (*topic, heard.since)).collect();
        for change in self.changing.after(listener, heard.since) {
            if self.ends_with(&mut topics, change.at) {
                return true;
            }
            topics.retain(|(topic, _)| !change.remove.contains(topic));
            topics.extend(change.add.iter().map(|topic| (*topic, change.at)));
        }
        self.ends_with(&mut topics, self.next)
    }

    /// Tells the same of one that has these topics until a change at this number; takes those off that
    /// are complete by then.
    fn ends_with(&self, topics: &mut Vec<(TopicId, Seq)>, until: Seq) -> bool {
        let all = topics.iter().filter_map(|(id, since)| Some((self.topics.get(*id)?, *since)));
        if all.filter_map(|(topic, since)| topic.listeners.sent_away(since)).any(|at| at < until) {
            return true;
        }
        let had_some = !topics.is_empty();
        let completion = |id: TopicId| self.topics.get(id).and_then(Topic::completion);
        topics.retain(|(id, _)| completion(*id).is_none_or(|completion| completion.seq > until));
        had_some && topics.is_empty()
    }

    /// Tells whether a stream has a topic already, or is about to; then it must not take it over from
    /// itself.
    fn has(&self, wish: &TopicWish, listener: Listener, heard: &Heard) -> bool {
        self.find(wish.name.as_str()).is_some_and(|id| self.changing.since(listener, heard, id).is_some())
    }

    /// Counts a stream out of topics that it is to leave; gives those that it has.
    fn remove(&mut self, listener: Listener, names: &[TopicName], heard: &Heard) -> Vec<TopicId> {
        let mut removed = Vec::with_capacity(names.len());
        for name in names {
            let Some(id) = self.find(name.as_str()).filter(|id| !removed.contains(id)) else { continue };
            let Some(since) = self.changing.since(listener, heard, id) else { continue };
            let Some(topic) = self.topics.get_mut(id) else { continue };
            if topic.listeners.begin_to_leave(listener, since) {
                self.changing.begin_to_leave(listener, id, since);
            }
            removed.push(id);
        }
        removed
    }
}
