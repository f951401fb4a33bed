//! All topics, by name and by id, and which of them must be looked at next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use slab::Slab;
use sse_gateway_protocol::{Seq, TopicName};

use super::limits::LogLimits;
use super::topic::Topic;
use super::types::{Completion, TopicId};
use crate::Time;

const AGED_AT_ONCE_MAX: usize = 1024;
/// As many entries of topics that are gone may stay in a list.
const LISTED_KEPT: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Topics {
    slots: Slab<(u32, Topic)>,
    by_name: HashMap<TopicName, TopicId>,
    generation: u32,
    /// At most one entry a topic, never later than what is really due.
    due: BinaryHeap<Reverse<(Time, TopicId)>>,
    /// At most one entry a topic, never higher than its oldest event.
    oldest: BinaryHeap<Reverse<(Seq, TopicId)>>,
    /// What all topics hold, in bytes.
    bytes: usize,
    /// The newest event that a forgotten topic had: a topic that is made again may be one of them.
    forgotten_through: Seq,
}

impl TopicId {
    fn new(slot: usize, generation: u32) -> Self {
        Self(u64::from(generation) << 32 | slot as u64)
    }

    fn slot(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

impl Topics {
    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn find(&self, name: &str) -> Option<TopicId> {
        self.by_name.get(name).copied()
    }

    pub(super) fn get(&self, id: TopicId) -> Option<&Topic> {
        self.slots.get(id.slot()).filter(|slot| slot.0 == id.generation()).map(|slot| &slot.1)
    }

    pub(super) fn get_mut(&mut self, id: TopicId) -> Option<&mut Topic> {
        self.slots.get_mut(id.slot()).filter(|slot| slot.0 == id.generation()).map(|slot| &mut slot.1)
    }

    pub(super) fn insert(&mut self, name: TopicName, now: Time) -> TopicId {
        self.generation = self.generation.wrapping_add(1);
        let topic = Topic::new(name.clone(), self.forgotten_through, now);
        self.bytes += topic.cost();
        let id = TopicId::new(self.slots.insert((self.generation, topic)), self.generation);
        self.by_name.insert(name, id);
        id
    }

    /// Takes a topic away; the number of its newest event stays known.
    pub(super) fn forget(&mut self, id: TopicId) {
        let Some(topic) = self.take(id) else { return };
        self.forgotten_through = self.forgotten_through.max(topic.forgotten_through());
    }

    /// Ends a topic whose name was taken away; it goes when nobody listens to it any more. The number of
    /// its newest event is known from here on: the next topic of its name inherits it.
    pub(super) fn delete(&mut self, id: TopicId, completion: Completion, now: Time, limits: &LogLimits) {
        let Some(topic) = self.get_mut(id) else { return };
        topic.delete(completion, now);
        let through = topic.forgotten_through();
        self.raise_forgotten(through);
        self.watch_or_forget(id, limits);
    }

    /// Forgets a topic that was deleted if its last listener has left; sees to any other.
    pub(super) fn watch_or_forget(&mut self, id: TopicId, limits: &LogLimits) {
        if self.get(id).is_some_and(Topic::is_gone) {
            self.forget(id);
        } else {
            self.watch(id, limits);
        }
    }

    /// Takes a topic away as if it had never been.
    pub(super) fn take(&mut self, id: TopicId) -> Option<Topic> {
        self.get(id)?;
        let (_, topic) = self.slots.remove(id.slot());
        self.bytes -= topic.cost();
        if self.by_name.get(&topic.name) == Some(&id) {
            self.by_name.remove(&topic.name);
        }
        self.compact();
        Some(topic)
    }

    /// The lists have an entry for a topic also after it is gone; a flood of short-lived topics must
    /// not fill them.
    fn compact(&mut self) {
        let kept = 2 * self.slots.len() + LISTED_KEPT;
        let slots = &self.slots;
        let lives = |id: TopicId| slots.get(id.slot()).is_some_and(|slot| slot.0 == id.generation());
        if self.due.len() > kept {
            self.due.retain(|Reverse((_, id))| lives(*id));
        }
        if self.oldest.len() > kept {
            self.oldest.retain(|Reverse((_, id))| lives(*id));
        }
    }

    /// Takes a name away from its topic, which lives on until it is forgotten.
    pub(super) fn unname(&mut self, name: &str) -> Option<TopicId> {
        self.by_name.remove(name)
    }

    /// Gives a topic its name back; false when another topic has it by now.
    pub(super) fn name_again(&mut self, id: TopicId) -> bool {
        let Some(name) = self.get(id).map(|topic| topic.name.clone()) else { return false };
        if self.by_name.contains_key(&name) {
            return false;
        }
        self.by_name.insert(name, id);
        true
    }

    pub(super) fn forgotten_through(&self) -> Seq {
        self.forgotten_through
    }

    pub(super) fn raise_forgotten(&mut self, through: Seq) {
        self.forgotten_through = self.forgotten_through.max(through);
    }

    pub(super) fn grew(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    pub(super) fn shrank(&mut self, bytes: usize) {
        self.bytes -= bytes;
    }

    /// Sees to it that the topic is looked at when something of it is due, and found among the oldest.
    pub(super) fn watch(&mut self, id: TopicId, limits: &LogLimits) {
        let Some((_, topic)) = self.slots.get_mut(id.slot()).filter(|slot| slot.0 == id.generation()) else {
            return;
        };
        if !topic.scheduled
            && let Some(due) = topic.due(limits)
        {
            topic.scheduled = true;
            self.due.push(Reverse((due, id)));
        }
        if !topic.ranked
            && let Some(first) = topic.ring().first()
        {
            topic.ranked = true;
            self.oldest.push(Reverse((first, id)));
        }
    }

    pub(super) fn next_due(&self) -> Option<Time> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }

    /// Drops and forgets what is too old, of so many topics at once that others need not wait long; what
    /// is left is still due.
    pub(super) fn age(&mut self, now: Time, limits: &LogLimits) {
        for _ in 0..AGED_AT_ONCE_MAX {
            let Some(&Reverse((_, id))) = self.due.peek().filter(|Reverse((due, _))| *due <= now) else {
                return;
            };
            self.due.pop();
            let Some(topic) = self.get_mut(id) else { continue };
            topic.scheduled = false;
            let freed = topic.trim(now, limits);
            let over = topic.is_over(now, limits);
            self.shrank(freed);
            if over {
                self.forget(id);
            } else {
                self.watch(id, limits);
            }
        }
    }

    /// Drops the oldest events of all, as long as there are more bytes than the bound.
    pub(super) fn shed(&mut self, limits: &LogLimits) {
        while self.bytes > limits.log_bytes_max
            && let Some(Reverse((rank, id))) = self.oldest.pop()
        {
            let Some(topic) = self.get_mut(id) else { continue };
            topic.ranked = false;
            // Its oldest may have gone by itself meanwhile; then it only ranks anew.
            if topic.ring().first() == Some(rank) {
                let freed = topic.drop_oldest().unwrap_or_default();
                self.shrank(freed);
            }
            self.watch(id, limits);
        }
    }
}
