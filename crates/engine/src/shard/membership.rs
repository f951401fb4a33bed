//! Where the shard's streams stand on the lists of topics and subjects.

use sse_gateway_protocol::Seq;

use super::Shard;
use crate::Key;
use crate::effect::Effect;
use crate::log::{Subscription, TopicId};
use crate::rosters::{Place, Seat};
use crate::standing::{Later, Listed, Listening, Standing, Topic};

impl Shard {
    pub(super) fn listening(&self, key: Key) -> Option<&Listening> {
        self.streams.get(key)?.standing()?.listening.as_ref()
    }

    pub(super) fn listening_mut(&mut self, key: Key) -> Option<&mut Listening> {
        self.streams.get_mut(key)?.listening_mut()
    }

    /// Finds a topic among those of a stream.
    pub(super) fn nth(&self, key: Key, topic: TopicId) -> Option<usize> {
        let list = self.listeners.find(&topic)?;
        self.listening(key)?.topics.iter().position(|listed| listed.place.list == list)
    }

    /// Gives the topics of a stream, for the log.
    pub(super) fn topic_ids(&self, listening: &Listening) -> Box<[TopicId]> {
        listening.topics.iter().map(|listed| self.listeners.name(listed.place.list).id).collect()
    }

    /// Enters a stream among the listeners of a topic, as the `nth` of its own.
    pub(super) fn enter_topic(&mut self, key: Key, nth: usize, subscription: &Subscription) -> Listed {
        let Subscription { topic, name, after } = subscription;
        let seat = Seat { slot: key.slot() as u32, nth: nth as u32 };
        let place = self.listeners.enter(Topic { id: *topic, name: name.clone() }, seat);
        Listed { place, after: *after }
    }

    pub(super) fn enter_subject(&mut self, key: Key, subject: Box<str>) -> Place {
        self.subjects.enter(subject, Seat { slot: key.slot() as u32, nth: 0 })
    }

    /// Takes one topic off a stream that goes on, and tells the log.
    pub(super) fn leave_topic(&mut self, key: Key, nth: usize) {
        let Some(standing) = self.streams.get_mut(key).and_then(|stream| stream.standing_mut()) else {
            return;
        };
        let Some(listening) = &mut standing.listening else { return };
        let (since, live) = (listening.since, listening.is_live());
        let listed = listening.topics.swap_remove(nth);
        if let Some(moved) = listening.topics.get(nth) {
            self.listeners.renumber(moved.place, nth as u32);
        }
        if listening.topics.is_empty() {
            standing.listening = None;
        }
        let topics = [self.listeners.name(listed.place.list).id].into();
        self.effects.push(Effect::Leave { key, since, topics, live });
        self.leave_list(listed.place);
    }

    /// Takes a stream that ends off every list, and tells the log.
    pub(super) fn leave_lists(&mut self, key: Key, standing: Option<Box<Standing>>) {
        let Some(standing) = standing else { return };
        if let Some(place) = standing.subject
            && let Some(moved) = self.subjects.leave(place)
            && let Some((_, stream)) = self.streams.at_mut(moved.slot)
            && let Some(standing) = stream.standing_mut()
        {
            standing.subject = Some(place);
        }
        let Some(listening) = standing.listening else { return };
        let (since, live, topics) = (listening.since, listening.is_live(), self.topic_ids(&listening));
        self.effects.push(Effect::Leave { key, since, topics, live });
        listening.topics.iter().for_each(|listed| self.leave_list(listed.place));
        self.changing.remove(&key);
        for later in listening.replay().into_iter().flat_map(|replay| &replay.later) {
            if let Later::Changed(change) = later {
                self.leave_unheard(key, change.at, &change.add);
            }
        }
    }

    /// The log counts a stream as a listener that is none.
    pub(super) fn leave_unheard(&mut self, key: Key, since: Seq, subscriptions: &[Subscription]) {
        let topics = subscriptions.iter().map(|subscription| subscription.topic).collect();
        self.effects.push(Effect::Leave { key, since, topics, live: false });
    }

    fn leave_list(&mut self, place: Place) {
        if let Some(moved) = self.listeners.leave(place)
            && let Some((_, stream)) = self.streams.at_mut(moved.slot)
            && let Some(listening) = stream.listening_mut()
            && let Some(listed) = listening.topics.get_mut(moved.nth as usize)
        {
            listed.place = place;
        }
    }
}
