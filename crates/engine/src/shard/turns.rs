//! What the driver reports and asks each turn: writes, deadlines, counts.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Shard;
use crate::effect::Effect;
use crate::outbox::{Pace, Slices};
use crate::stream::Life;
use crate::streams::Stages;
use crate::tally::{Census, Cut, Tally};
use crate::{Key, Time};

impl Shard {
    /// Gives the unwritten bytes of a stream, in order; `None` when it has no socket any more.
    #[must_use]
    pub fn pending(&self, key: Key) -> Option<Slices<'_>> {
        Some(self.streams.get(key)?.outbox()?.slices())
    }

    /// Takes the result of a write; `blocked` when the socket took less than it was offered.
    ///
    /// Also due when there was nothing to write: the end of a stream is noticed here.
    pub fn wrote(&mut self, key: Key, bytes: usize, blocked: bool, now: Time) {
        let Some(outbox) = self.outbox_mut(key) else { return };
        let (before, was) = (outbox.bytes(), outbox.pace());
        let events = outbox.wrote(bytes);
        let left = outbox.bytes();
        self.outbox_bytes -= before - left;
        self.tally.events_written += events;
        self.tally.bytes_written += bytes as u64;
        let pace = match was {
            _ if !blocked || left == 0 => Pace::Flowing,
            Pace::Blocked { .. } if bytes == 0 => was,
            _ => Pace::Blocked { progress: now },
        };
        self.change_pace(key, was, pace);
        if left == 0 {
            self.end_if_ending(key, now);
        } else if pace == Pace::Flowing {
            // More was pending than one write takes: it waits for its next turn.
            self.queue_flush(key);
        }
        self.ask_for_page(key);
    }

    fn end_if_ending(&mut self, key: Key, now: Time) {
        if matches!(self.streams.get(key).map(|stream| &stream.life), Some(Life::Ending { .. })) {
            self.end_written(key, now);
        }
    }

    /// The register of stalls has an entry for a stream exactly while its socket blocks.
    fn change_pace(&mut self, key: Key, from: Pace, to: Pace) {
        if from == to {
            return;
        }
        if let Pace::Blocked { progress } = from {
            self.stalls.remove(&(progress, key));
        }
        if let Pace::Blocked { progress } = to {
            self.stalls.insert((progress, key));
        }
        if let Some(outbox) = self.outbox_mut(key) {
            outbox.set_pace(to);
        }
    }

    /// The socket takes bytes again.
    pub fn writable(&mut self, key: Key) {
        let Some(outbox) = self.outbox_mut(key) else { return };
        // The pace stays blocked until the write says otherwise: readiness alone is no progress.
        if matches!(outbox.pace(), Pace::Blocked { .. }) {
            self.queue_flush(key);
        }
    }

    /// Says when [`tick`](Shard::tick) must be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let stall = self.stalls.first().map(|(since, _)| *since + self.limits.write_timeout);
        let drain = self.drains.first().map(|(since, _)| *since + self.limits.drain_timeout);
        [self.heartbeats.next_deadline(), stall, drain].into_iter().flatten().min()
    }

    /// Does what is due: heartbeats, write deadlines, drains.
    pub fn tick(&mut self, now: Time) {
        self.beat_if_due(now);
        while let Some(key) = due(&self.stalls, self.limits.write_timeout, now) {
            self.end_stall(key, now);
        }
        while let Some(key) = due(&self.drains, self.limits.drain_timeout, now) {
            self.effects.push(Effect::Release(key));
            self.remove(key);
        }
    }

    pub(super) fn beat_if_due(&mut self, now: Time) {
        for slot in self.heartbeats.fire(now) {
            self.beat(slot);
        }
    }

    fn beat(&mut self, slot: u32) {
        let Some(key) = self.streams.key_of_slot(slot) else { return };
        // A blocked reader learns nothing from one more comment behind what it does not read.
        if self.outbox_mut(key).is_some_and(|outbox| outbox.pace() == Pace::Flowing) {
            self.push(key, self.heartbeat.clone());
        }
    }

    fn end_stall(&mut self, key: Key, now: Time) {
        match self.outbox_mut(key) {
            // The socket takes bytes again and waits for its turn: the delay is ours.
            Some(outbox) if outbox.flush_queued => {
                let was = outbox.pace();
                self.change_pace(key, was, Pace::Blocked { progress: now });
            }
            _ => self.cut(key, Cut::Stalled),
        }
    }

    /// Takes what the other shards hold together, for the bound over all of them.
    pub fn set_elsewhere_bytes(&mut self, bytes: usize) {
        self.elsewhere_bytes = bytes;
    }

    /// Counts the unwritten bytes of this shard's streams.
    #[must_use]
    pub fn outbox_bytes(&self) -> usize {
        self.outbox_bytes
    }

    /// Finds how much the fullest stream with a socket holds; looks at every stream.
    #[must_use]
    pub fn fullest_bytes(&self) -> usize {
        self.fullest().map_or(0, |(_, bytes)| bytes)
    }

    pub(super) fn fullest(&self) -> Option<(Key, usize)> {
        let with_socket =
            self.streams.iter().filter_map(|(key, stream)| Some((key, stream.outbox()?.bytes())));
        with_socket.max_by_key(|(_, bytes)| *bytes)
    }

    /// Gives the counters.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Counts the streams, in constant time.
    #[must_use]
    pub fn census(&self) -> Census {
        let Stages { opening, open, ending } = self.streams.stages();
        Census { opening, open, ending, outbox_bytes: self.outbox_bytes }
    }
}

/// Finds the longest waiting stream of a register whose limit has passed.
fn due(register: &BTreeSet<(Time, Key)>, limit: Duration, now: Time) -> Option<Key> {
    register.first().filter(|(since, _)| *since + limit <= now).map(|(_, key)| *key)
}
