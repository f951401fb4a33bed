//! Between a command and its effect: what a disk must hold first.

use std::sync::Arc;

use sse_gateway_protocol::{Seq, TopicName};

use super::Log;
use super::topic::Before;
use super::types::{Entry, Offer, TopicId};
use crate::Time;

/// What was commanded and has no effect for others yet.
#[derive(Debug)]
pub(super) enum Staged {
    Published(Appended),
    Deleted {
        entry: Arc<Entry>,
        seq: Seq,
        shards: Vec<usize>,
    },
    /// What needs no disk; it waits for its turn only.
    Offer(usize, Offer),
}

/// A publish, with all that is needed to carry it out or to take it back.
#[derive(Debug)]
pub(super) struct Appended {
    pub(super) entry: Arc<Entry>,
    pub(super) position: Seq,
    pub(super) receivers: usize,
    pub(super) key: Option<(Box<str>, u64)>,
    /// The shards that have had a listener since its position, also if it was sent away.
    pub(super) shards: Vec<usize>,
    /// Whether it made its topic.
    pub(super) made: bool,
    pub(super) before: Before,
}

/// A place among what is staged; it means nothing once that has taken effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(usize);

/// A staged change that must survive the process, for whoever writes it down.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// A publish.
    Published {
        /// Where.
        topic: &'a TopicName,
        /// What, as offered to the shards.
        entry: &'a Entry,
        /// The number it was answered.
        position: Seq,
        /// How many listened.
        receivers: usize,
        /// The idempotency key with the fingerprint of what it stands for.
        key: Option<(&'a str, u64)>,
    },
    /// A topic was deleted.
    Deleted {
        /// Which.
        topic: &'a TopicName,
        /// The number of the deletion.
        seq: Seq,
    },
}

/// A list of staged commands that a burst made longer than this is not kept.
const STAGED_KEPT: usize = 64;

impl Log {
    /// Gives what a disk must hold before [`commit`](Log::commit), in sequence order.
    pub fn staged(&self) -> impl Iterator<Item = Change<'_>> {
        self.staged_since(Mark::default())
    }

    /// Tells whether anything is staged.
    #[must_use]
    pub fn has_staged(&self) -> bool {
        !self.staged.is_empty()
    }

    /// Marks what is staged by now.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.staged.len())
    }

    /// Gives what of it was staged since a mark.
    pub fn staged_since(&self, mark: Mark) -> impl Iterator<Item = Change<'_>> {
        self.staged[mark.0.min(self.staged.len())..].iter().filter_map(|staged| match staged {
            Staged::Published(appended) => Some(Change::Published {
                topic: &self.topics.get(appended.entry.topic)?.name,
                entry: &appended.entry,
                position: appended.position,
                receivers: appended.receivers,
                key: appended.key.as_ref().map(|(key, fingerprint)| (&**key, *fingerprint)),
            }),
            Staged::Deleted { entry, seq, .. } => {
                Some(Change::Deleted { topic: &self.topics.get(entry.topic)?.name, seq: *seq })
            }
            Staged::Offer(..) => None,
        })
    }

    /// Gives the newest number that was ever given out.
    #[must_use]
    pub fn newest(&self) -> Seq {
        self.next - 1
    }

    /// Lets everything staged take effect, in order: offers to the shards, then the bounds.
    pub fn commit(&mut self, now: Time) {
        let mut grown: Vec<TopicId> = Vec::new();
        let mut all = std::mem::take(&mut self.staged);
        for staged in all.drain(..) {
            match staged {
                Staged::Offer(shard, offer) => self.offers.push_back((shard, offer)),
                Staged::Published(Appended { entry, shards, .. }) => {
                    grown.push(entry.topic);
                    self.hand_if_live(&entry);
                    self.list_handed(entry.topic);
                    if !entry.events.is_empty() || entry.completion.is_some() {
                        self.offer(shards, &entry);
                    }
                }
                Staged::Deleted { entry, shards, .. } => {
                    self.delete_topic(&entry, now);
                    self.offer(shards, &entry);
                }
            }
        }
        if all.capacity() <= STAGED_KEPT {
            // One command after the other needs the same place.
            self.staged = all;
        }
        self.committed = self.next - 1;
        self.keep_bounds(&grown, now);
    }

    /// Takes staged publishes and deletions back, newest first; all else takes effect.
    pub fn fail(&mut self, now: Time) {
        let (mut offers, mut deleted) = (Vec::new(), Vec::new());
        for staged in std::mem::take(&mut self.staged).into_iter().rev() {
            match staged {
                Staged::Offer(shard, offer) => offers.push((shard, offer)),
                Staged::Published(appended) => self.take_back(&appended),
                // Another topic may have taken the name: then the old one has to go after all.
                Staged::Deleted { entry, shards, .. } => {
                    if !self.topics.name_again(entry.topic) {
                        let offer = Offer::Published(Arc::clone(&entry));
                        offers.extend(shards.into_iter().map(|shard| (shard, offer.clone())));
                        deleted.push(entry);
                    }
                }
            }
        }
        // Its own end is taken back by now, if it had one that was staged.
        deleted.iter().for_each(|entry| self.delete_topic(entry, now));
        self.offers.extend(offers.into_iter().rev());
        self.committed = self.next - 1;
        self.tick(now);
    }

    fn delete_topic(&mut self, entry: &Entry, now: Time) {
        if let Some(completion) = entry.completion.clone() {
            self.topics.delete(entry.topic, completion, now, &self.limits);
        }
    }

    fn take_back(&mut self, appended: &Appended) {
        let Appended { entry, key, made, before, .. } = appended;
        let Some(topic) = self.topics.get_mut(entry.topic) else { return };
        let completes = entry.completion.is_some();
        let freed = topic.take_back(entry.events.len(), completes, key.is_some(), *before);
        let unwanted = *made && topic.listeners.is_empty();
        self.topics.shrank(freed);
        if unwanted {
            self.topics.take(entry.topic);
        }
    }

    fn offer(&mut self, shards: Vec<usize>, entry: &Arc<Entry>) {
        let offer = |shard| (shard, Offer::Published(Arc::clone(entry)));
        self.offers.extend(shards.into_iter().map(offer));
    }

    /// A listener that has caught up since the publish was staged gets it as an offer, too.
    fn hand_if_live(&mut self, entry: &Entry) {
        if let Some((seq, _)) = entry.events.last()
            && let Some(topic) = self.topics.get_mut(entry.topic)
            && topic.listeners.has_live()
        {
            topic.hand(*seq);
        }
    }

    pub(super) fn keep_bounds(&mut self, grown: &[TopicId], now: Time) {
        for id in grown {
            let Some(topic) = self.topics.get_mut(*id) else { continue };
            let freed = topic.trim(now, &self.limits);
            self.topics.shrank(freed);
            self.topics.watch(*id, &self.limits);
        }
        self.topics.shed(&self.limits);
    }
}
