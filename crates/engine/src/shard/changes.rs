//! An open stream listens to other topics.

use std::slice;

use sse_gateway_protocol::Seq;

use super::Shard;
use crate::Key;
use crate::log::Subscription;
use crate::standing::{Change, Later, Listening, Mode, Replay};
use crate::stream::Life;
use crate::tally::Cut;

/// So many changes may wait for a slow reader; it is cut off as slow at the next.
const CHANGES_WAITING_MAX: usize = 64;

impl Shard {
    /// A stream listens to other topics from here on.
    pub(super) fn changed(&mut self, key: Key, change: Change) {
        let life = self.streams.get(key).map(|stream| &stream.life);
        if !matches!(life, Some(Life::Open { .. })) {
            self.leave_unheard(key, change.at, &change.add);
        } else if let Some(replay) = self.listening_mut(key).and_then(Listening::replay_mut) {
            if replay.ends_at().is_some() {
                self.leave_unheard(key, change.at, &change.add);
                return;
            }
            replay.later.push_back(Later::Changes(change));
            if replay.later.len() > CHANGES_WAITING_MAX {
                self.cut(key, Cut::Slow);
            }
        } else {
            self.change(key, change);
        }
    }

    /// The log counts topics that are new as replaying; so the stream reads a page, which makes it
    /// live on all of them, and nothing of them is missed.
    fn change(&mut self, key: Key, Change { at, add, remove }: Change) {
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
        self.place_at(key, at);
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
        let heard = self.enter_topic(key, nth, subscription);
        if let Some(listening) = self.listening_mut(key) {
            listening.topics.push(heard);
            listening.since = at;
        }
    }
}
