//! What the log offers: to live streams what is published, and to all who must go or change.

use std::sync::Arc;

use sse_gateway_protocol::Seq;
use sse_gateway_protocol::control;
use sse_gateway_protocol::sse::Frame;

use super::Shard;
use crate::Key;
use crate::effect::Effect;
use crate::log::{Completion, Entry, Offer};
use crate::outbox::Pace;
use crate::rosters::Seat;
use crate::standing::{Change, Later};
use crate::stream::Life;

/// The end of a topic as its listeners are told: whose last it was, and the others.
pub(super) struct Ending {
    seq: Seq,
    of_stream: Frame,
    of_topic: Frame,
}

impl Shard {
    /// Applies what the log offers; in the order in which the log gives it.
    pub fn apply(&mut self, offer: &Offer) {
        match offer {
            Offer::Published(entry) => self.published(entry),
            Offer::Replaced { topic, at } => self.replaced(*topic, *at),
            Offer::Changed { key, at, add, remove } => {
                let change = Change { at: *at, add: add.clone(), remove: remove.clone() };
                self.in_order(*key, Later::Changed(change));
            }
            Offer::Closed { topic, at, reason } => self.closed(*topic, *at, reason),
        }
    }

    fn published(&mut self, entry: &Arc<Entry>) {
        let Some(list) = self.listeners.find(&entry.topic) else { return };
        if !entry.events.is_empty() {
            let seats = self.listeners.lend(list);
            self.effects.expect_flushes(seats.len());
            seats.iter().for_each(|seat| self.offer(*seat, &entry.events));
            self.listeners.give_back(list, seats);
        }
        if let Some(completion) = &entry.completion {
            let ending = self.ending(list, completion);
            for seat in self.listeners.seats(list).to_vec() {
                self.complete_live(seat, &ending);
            }
        }
    }

    /// Gives a live stream those events that it has not had, all or, when there is no room, none:
    /// then it reads them when there is. One stream of many: everything here counts.
    ///
    /// When the outboxes are crowded, room is only for those whose outbox is empty: the log holds the
    /// event for the others, and nobody has to be cut off for it.
    fn offer(&mut self, seat: Seat, events: &[(Seq, Frame)]) {
        let crowded = self.is_crowded();
        let Some((key, stream)) = self.streams.at_mut(seat.slot) else { return };
        let Life::Open { outbox, standing: Some(standing), .. } = &mut stream.life else { return };
        let Some(listening) = standing.listening.as_mut().filter(|listening| listening.is_live()) else {
            return;
        };
        let after = listening.topics[seat.nth as usize].after.max(listening.cursor);
        let events = &events[events.partition_point(|(seq, _)| *seq <= after)..];
        let Some((last, _)) = events.last() else { return };
        let cost: usize = events.iter().map(|(_, frame)| outbox.cost(frame)).sum();
        let held = outbox.senders_bytes();
        if held + cost > self.limits.outbox_bytes_max || crowded && held > 0 {
            self.tally.lags += 1;
            self.replay_again(key);
            self.ask_for_page(key);
            return;
        }
        listening.cursor = *last;
        for (_, frame) in events {
            self.outbox_bytes += outbox.push(standing.lead(frame.clone()));
        }
        self.tally.events_accepted += events.len() as u64;
        if outbox.pace() == Pace::Flowing && !std::mem::replace(&mut outbox.flush_queued, true) {
            self.effects.push(Effect::Flush(key));
        }
    }

    pub(super) fn ending(&self, list: u32, completion: &Completion) -> Ending {
        let name = &self.listeners.name(list).name;
        let id = (&self.epoch, completion.seq);
        Ending {
            seq: completion.seq,
            of_stream: control::connection_close(&completion.reason, Some(id), None),
            of_topic: control::topic_close(name, &completion.reason, id),
        }
    }

    fn complete_live(&mut self, seat: Seat, ending: &Ending) {
        let Some((key, stream)) = self.streams.at_mut(seat.slot) else { return };
        let Some(listening) = stream.listening_mut().filter(|listening| listening.is_live()) else { return };
        let nth = seat.nth as usize;
        if ending.seq > listening.topics[nth].after.max(listening.cursor) {
            listening.cursor = ending.seq;
            self.complete(key, nth, ending);
        }
    }

    /// A topic of a stream is complete: the stream ends with its last, and goes on otherwise.
    pub(super) fn complete(&mut self, key: Key, nth: usize, ending: &Ending) {
        if self.listening(key).is_some_and(|listening| listening.topics.len() == 1) {
            self.deliver(key, ending.of_stream.clone());
            self.end(key);
        } else {
            self.deliver(key, ending.of_topic.clone());
            self.leave_topic(key, nth);
        }
    }
}
