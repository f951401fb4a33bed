//! A stream that has missed something reads it in pages.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use sse_gateway_protocol::Seq;

use super::Log;
use super::topic::Topic;
use super::types::{Item, Listener, Page, Reading, Subscription, TopicId};

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
    pub fn read(&mut self, listener: Listener, reading: Reading<'_>, size: PageSize) -> Page {
        let head = self.head_for(listener, reading);
        let mut page = Page::default();
        let mut lanes = BinaryHeap::with_capacity(reading.topics.len());
        for subscription in reading.topics {
            // One that was deleted stays as long as anybody reads it.
            let Some(topic) = self.topics.get(subscription.topic) else { continue };
            let mut after = reading.cursor.max(subscription.after);
            // Of what lies above the head the stream hears when it has got there.
            let dropped_through = topic.dropped_through().min(head);
            if dropped_through > after {
                after = dropped_through;
                page.dropped.push((subscription.topic, after));
            }
            let place = topic.ring().place_after(after);
            lanes.extend(Lane { topic: subscription.topic, place, after }.ranked(topic, head));
        }
        let all = self.merge(&mut lanes, head, &mut page.items, size);
        if all {
            page.live_from = Some(head);
            for subscription in reading.topics {
                self.catch_up(listener, subscription, reading.since, head);
            }
        }
        reading.topics.iter().for_each(|subscription| self.list_handed(subscription.topic));
        page
    }

    /// Finds how far a stream may read: not past what waits for it in its shard's inbox, or it would get
    /// what it must not have any more, or miss a topic that it is about to have.
    fn head_for(&mut self, listener: Listener, reading: Reading<'_>) -> Seq {
        let change = self.changing.first(listener, reading.since);
        let sent_away = |subscription: &Subscription| {
            self.topics.get(subscription.topic)?.listeners.sent_away(reading.since)
        };
        let waiting = reading.topics.iter().filter_map(sent_away).chain(change).min();
        waiting.map_or(self.committed, |at| self.committed.min(at - 1))
    }

    /// A stream goes live. What lies above its head comes as offers, up to where it leaves or is sent
    /// away: so it is handed, also what a disk does not hold yet.
    fn catch_up(&mut self, listener: Listener, subscription: &Subscription, since: Seq, head: Seq) {
        let leaves_at = self.changing.leaves_at(listener, subscription.topic);
        let Some(topic) = self.topics.get_mut(subscription.topic) else { return };
        topic.listeners.catch_up(since);
        let end = topic.listeners.sent_away(since).into_iter().chain(leaves_at).min();
        topic.hand_between(head.max(subscription.after), end.unwrap_or(Seq::MAX));
    }

    /// Takes items from the lanes in sequence order; true when there are no more.
    fn merge(
        &mut self,
        lanes: &mut BinaryHeap<Reverse<Ranked>>,
        head: Seq,
        items: &mut Vec<Item>,
        mut room: PageSize,
    ) -> bool {
        while let Some(Reverse((_, lane))) = lanes.pop() {
            if room.is_full() {
                return false;
            }
            let ahead = lanes.peek().map_or(Seq::MAX, |Reverse((seq, _))| *seq);
            lanes.extend(self.take_run(lane, ahead, head, items, &mut room));
        }
        true
    }

    /// Takes items of one topic as long as its number is the lowest; gives the place behind them.
    fn take_run(
        &mut self,
        mut lane: Lane,
        ahead: Seq,
        head: Seq,
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
            let next = lane.ranked(topic, head)?;
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
    /// Finds the number of what is at this place; `None` when there is nothing up to the head.
    fn ranked(self, topic: &Topic, head: Seq) -> Option<Reverse<Ranked>> {
        let event = topic.ring().number_at(self.place);
        let end = || topic.completion().map(|completion| completion.seq).filter(|_| self.is_end(topic));
        let seq = event.or_else(end)?;
        (seq <= head && seq > self.after).then_some(Reverse((seq, self)))
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
