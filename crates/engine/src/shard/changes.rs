//! What happens to a stream's topics, in order with what is published.

use std::slice;

use sse_gateway_protocol::callback::TopicWish;
use sse_gateway_protocol::{Seq, TopicName};

use super::Shard;
use crate::Key;
use crate::log::{Heard, Subscription};
use crate::standing::{Change, Later, Listening, Mode, Replay, Topic};
use crate::stream::Life;
use crate::tally::Cut;

/// So many things may wait for a slow reader to get to them; it is cut off as slow at the next.
const LATER_MAX: usize = 64;

impl Shard {
    /// Counts the topics that a stream would have after a change: also what it has not got to counts.
    #[must_use]
    pub fn topics_after(&self, key: Key, add: &[TopicWish], remove: &[TopicName]) -> usize {
        let topics = self.topics_to_be(key);
        let stays = |name: &TopicName| !remove.contains(name);
        let added = add.iter().map(|wish| &wish.name);
        let fresh = added.filter(|name| topics.iter().all(|topic| topic.name != **name) || !stays(name));
        topics.iter().filter(|topic| stays(&topic.name)).count() + fresh.count()
    }

    /// Tells which topics a stream has, as far as it has got, for the log to change them.
    #[must_use]
    pub fn heard(&self, key: Key) -> Heard {
        let Some(listening) = self.listening(key) else { return Heard::default() };
        Heard { since: listening.since, topics: self.topic_ids(listening).into_vec() }
    }

    fn topics_to_be(&self, key: Key) -> Vec<Topic> {
        let Some(listening) = self.listening(key) else { return Vec::new() };
        let listed = listening.topics.iter().map(|listed| self.listeners.name(listed.place.list).clone());
        let mut topics: Vec<Topic> = listed.collect();
        for later in listening.replay().into_iter().flat_map(|replay| &replay.later) {
            let Later::Changed(Change { add, remove, .. }) = later else { continue };
            topics.retain(|topic| !remove.contains(&topic.id));
            let added =
                add.iter().map(|Subscription { topic, name, .. }| Topic { id: *topic, name: name.clone() });
            let fresh: Vec<Topic> = added.filter(|added| !topics.contains(added)).collect();
            topics.extend(fresh);
        }
        topics
    }

    /// Takes what concerns a stream's topics at its place in the sequence: a live stream has got there,
    /// a replaying one has not.
    pub(super) fn in_order(&mut self, key: Key, later: Later) {
        match self.listening_mut(key).and_then(Listening::replay_mut) {
            None => self.at_once(key, later),
            Some(replay) => {
                let changes = matches!(later, Later::Changed(_));
                replay.later.push_back(later);
                if replay.later.len() > LATER_MAX {
                    self.cut(key, Cut::Slow);
                } else if changes {
                    self.changing.insert(key);
                }
            }
        }
    }

    pub(super) fn at_once(&mut self, key: Key, later: Later) {
        let open = matches!(self.streams.get(key).map(|stream| &stream.life), Some(Life::Open { .. }));
        match later {
            Later::Changed(change) if open => self.change(key, change),
            Later::Changed(change) => self.leave_unheard(key, change.at, &change.add),
            Later::SentAway { topic, close } => {
                if self.nth(key, topic).is_some() {
                    self.close_open(key, close);
                }
            }
        }
    }

    /// The log counts topics that are new as replaying; so the stream reads a page, which makes it
    /// live on all of them, and nothing of them is missed.
    fn change(&mut self, key: Key, Change { at, add, remove }: Change) {
        let begins = self.listening(key).is_none();
        if let Some(listening) = self.listening_mut(key) {
            listening.since = at;
        }
        for topic in remove {
            if let Some(nth) = self.nth(key, topic) {
                self.leave_topic(key, nth);
            }
        }
        if add.is_empty() {
            return;
        }
        if self.listening(key).is_some() {
            self.replay_again(key);
        } else {
            let mode = Mode::Replaying(Replay::again());
            self.set_listening(key, Listening { since: at, cursor: at, topics: Vec::new(), mode });
        }
        if begins {
            self.place_at(key, at);
        }
        for subscription in &add {
            self.add_topic(key, at, subscription);
        }
        self.ask_for_page(key);
    }

    fn add_topic(&mut self, key: Key, at: Seq, subscription: &Subscription) {
        if self.nth(key, subscription.topic).is_some() {
            // The log has counted it twice.
            self.leave_unheard(key, at, slice::from_ref(subscription));
            return;
        }
        let nth = self.listening(key).map_or(0, |listening| listening.topics.len());
        let listed = self.enter_topic(key, nth, subscription);
        if let Some(listening) = self.listening_mut(key) {
            listening.topics.push(listed);
        }
    }
}
