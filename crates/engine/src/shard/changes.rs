//! What happens to a stream's topics, in order with what is published.

use std::slice;

use sse_gateway_protocol::Seq;

use super::Shard;
use crate::Key;
use crate::log::Subscription;
use crate::standing::{Change, Later, Listening, Mode, Replay};
use crate::stream::Life;
use crate::tally::Cut;

/// So many things may wait for a slow reader to get to them; it is cut off as slow at the next.
const LATER_MAX: usize = 64;

impl Shard {
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
            Later::SentAway { topic, close, .. } => {
                if self.nth(key, topic).is_some() {
                    self.close_open(key, close);
                }
            }
        }
    }

    /// The log counts topics that are new as replaying; so the stream reads a page, which makes it
    /// live on all of them, and nothing of them is missed.
    fn change(&mut self, key: Key, Change { at, add, remove }: Change) {
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
        }
    }
}
