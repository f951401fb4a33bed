//! A stream that has missed something reads it in pages.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sse_gateway_protocol::Seq;

use super::topic::Topic;
use super::types::{Completion, Item, Page, Reading, TopicId};
use super::{Log, deleted};

/// How much a page may have.
#[derive(Clone, Copy, Debug)]
pub struct PageSize {
    /// How many items.
    pub items_max: usize,
    /// How many bytes of events; one event more than that always fits.
    pub bytes_max: usize,
}

impl Log {
    /// Gives what comes next for a replaying stream.
    ///
    /// A page with [`live_from`](Page::live_from) is its last: from then on the stream counts as live
    /// on all its topics, and what is above comes to its shard as offers.
    pub fn read(&mut self, reading: Reading<'_>, size: PageSize) -> Page {
        let mut page = Page::default();
        let mut lanes = BinaryHeap::with_capacity(reading.topics.len());
        let mut gone = Vec::new();
        for subscription in reading.topics {
            let Some(topic) = self.topics.get(subscription.topic) else {
                gone.push(subscription.topic);
                continue;
            };
            let mut after = reading.cursor.max(subscription.after);
            if topic.dropped_through() > after {
                after = topic.dropped_through();
                page.dropped.push((subscription.topic, after));
            }
            let place = topic.ring().place_after(after);
            lanes.extend(Lane { topic: subscription.topic, place, after }.ranked(topic, self.committed));
        }
        let all = self.merge(&mut lanes, &mut page.items, size);
        if all {
            // Its topic was deleted while it replayed, and nobody can say more about it.
            page.items.extend(gone.into_iter().map(|topic| Item::Completed {
                topic,
                completion: Completion { seq: self.committed, reason: deleted() },
            }));
            page.live_from = Some(self.committed);
            for subscription in reading.topics {
                if let Some(topic) = self.topics.get_mut(subscription.topic) {
                    topic.listeners.catch_up(reading.since);
                }
            }
        }
        page
    }

    /// Takes items from the lanes in sequence order; true when there are no more.
    fn merge(
        &mut self,
        lanes: &mut BinaryHeap<Reverse<Ranked>>,
        items: &mut Vec<Item>,
        mut room: PageSize,
    ) -> bool {
        while let Some(Reverse((_, lane))) = lanes.pop() {
            if room.is_full() {
                return false;
            }
            let ahead = lanes.peek().map_or(Seq::MAX, |Reverse((seq, _))| *seq);
            lanes.extend(self.take_run(lane, ahead, items, &mut room));
        }
        true
    }

    /// Takes items of one topic as long as its number is the lowest; gives the place behind them.
    fn take_run(
        &mut self,
        mut lane: Lane,
        ahead: Seq,
        items: &mut Vec<Item>,
        room: &mut PageSize,
    ) -> Option<Reverse<Ranked>> {
        let topic = self.topics.get_mut(lane.topic)?;
        while let Some(item) = lane.item(topic) {
            if let Item::Event { seq, frame } = &item {
                topic.hand(*seq);
                room.take(frame.payload().len());
            }
            items.push(item);
            lane.place += 1;
            let next = lane.ranked(topic, self.committed)?;
            if next.0.0 > ahead || room.is_full() {
                return Some(next);
            }
        }
        None
    }
}

impl PageSize {
    fn is_full(self) -> bool {
        self.items_max == 0 || self.bytes_max == 0
    }

    fn take(&mut self, bytes: usize) {
        self.items_max = self.items_max.saturating_sub(1);
        self.bytes_max = self.bytes_max.saturating_sub(bytes);
    }
}

/// A place in a topic: an event, or its end behind them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Lane {
    topic: TopicId,
    place: usize,
    /// What lies up to here is not wanted, the end of the topic included.
    after: Seq,
}

type Ranked = (Seq, Lane);

impl Lane {
    /// Finds the number of what is at this place; `None` when there is nothing that has taken effect.
    fn ranked(self, topic: &Topic, committed: Seq) -> Option<Reverse<Ranked>> {
        let event = topic.ring().number_at(self.place);
        let end = || topic.completion().map(|completion| completion.seq).filter(|_| self.is_end(topic));
        let seq = event.or_else(end)?;
        (seq <= committed && seq > self.after).then_some(Reverse((seq, self)))
    }

    fn is_end(self, topic: &Topic) -> bool {
        self.place == topic.ring().len()
    }

    fn item(self, topic: &Topic) -> Option<Item> {
        match topic.ring().get(self.place) {
            Some((seq, frame)) => Some(Item::Event { seq, frame }),
            None => {
                let completion = topic.completion().filter(|_| self.is_end(topic))?;
                Some(Item::Completed { topic: self.topic, completion: completion.clone() })
            }
        }
    }
}
