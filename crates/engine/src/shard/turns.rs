//! What the driver reports and asks each turn: writes, deadlines, counts.

use super::Shard;
use crate::effect::Effect;
use crate::outbox::{Pace, Slices};
use crate::stream::Life;
use crate::tally::{Census, Cut, Tally};
use crate::{Key, Time};

impl Shard {
    /// Gives the unwritten bytes of a stream, in order; `None` when it has no socket any more.
    #[must_use]
    pub fn pending(&self, key: Key) -> Option<Slices<'_>> {
        match &self.streams.get(key)?.life {
            Life::Open { outbox, .. } | Life::Ending { outbox } => Some(outbox.slices()),
            Life::Opening(_) | Life::Draining => None,
        }
    }

    /// Takes the result of a write; `blocked` when the socket took less than it was offered.
    pub fn wrote(&mut self, key: Key, bytes: usize, blocked: bool, now: Time) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        let ending = matches!(stream.life, Life::Ending { .. });
        let watched = stream.watched;
        let Some(outbox) = stream.outbox() else { return };
        let before = outbox.bytes();
        self.tally.events_written += outbox.wrote(bytes);
        self.tally.bytes_written += bytes as u64;
        self.outbox_bytes -= before - outbox.bytes();
        if outbox.is_empty() {
            outbox.pace = Pace::Idle;
            if ending {
                self.end_written(key, now);
            }
        } else if blocked {
            outbox.pace = match outbox.pace {
                Pace::Blocked { progress } if bytes == 0 => Pace::Blocked { progress },
                _ => Pace::Blocked { progress: now },
            };
            stream.watched = true;
            if !watched {
                self.stalls.insert((now, key));
            }
        } else {
            // More was pending than one write takes: it waits for its next turn.
            outbox.pace = Pace::Due;
            self.effects.push_back(Effect::Flush(key));
        }
    }

    /// The socket takes bytes again.
    pub fn writable(&mut self, key: Key) {
        let Some(outbox) = self.streams.get_mut(key).and_then(|stream| stream.outbox()) else { return };
        // The pace stays blocked until the write says otherwise: readiness alone is no progress.
        if matches!(outbox.pace, Pace::Blocked { .. }) {
            self.effects.push_back(Effect::Flush(key));
        }
    }

    /// Says when [`tick`](Shard::tick) must be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let stall = self.stalls.first().map(|(since, _)| *since + self.limits.write_timeout);
        let drain = self.drains.front().map(|(since, _)| *since + self.limits.drain_timeout);
        [self.heartbeats.next_deadline(), stall, drain].into_iter().flatten().min()
    }

    /// Does what is due: heartbeats, write deadlines, drains.
    pub fn tick(&mut self, now: Time) {
        for slot in self.heartbeats.fire(now) {
            self.beat(slot);
        }
        while let Some((since, key)) = self.stalls.first().copied() {
            if since + self.limits.write_timeout > now {
                break;
            }
            self.stalls.pop_first();
            self.check_stall(key, now);
        }
        while let Some((since, key)) = self.drains.front().copied() {
            if since + self.limits.drain_timeout > now {
                break;
            }
            self.drains.pop_front();
            if matches!(self.streams.get(key).map(|stream| &stream.life), Some(Life::Draining)) {
                self.streams.remove(key);
                self.effects.push_back(Effect::Release(key));
            }
        }
    }

    fn beat(&mut self, slot: u32) {
        let Some(key) = self.streams.key_of_slot(slot) else { return };
        let Some(outbox) = self.streams.get_mut(key).and_then(|stream| stream.outbox()) else { return };
        // A blocked reader learns nothing from one more comment behind what it does not read.
        if !matches!(outbox.pace, Pace::Blocked { .. }) {
            self.push(key, self.heartbeat.clone());
        }
    }

    fn check_stall(&mut self, key: Key, now: Time) {
        let limit = self.limits.write_timeout;
        let Some(stream) = self.streams.get_mut(key) else { return };
        stream.watched = false;
        let Some(Pace::Blocked { progress }) = stream.outbox().map(|outbox| outbox.pace) else { return };
        if progress + limit <= now {
            self.cut(key, Cut::Stalled);
        } else {
            stream.watched = true;
            self.stalls.insert((progress, key));
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
        let held = self.streams.iter().filter(|(_, stream)| !matches!(stream.life, Life::Opening(_)));
        held.map(|(_, stream)| stream.held_bytes()).max().unwrap_or(0)
    }

    /// Gives the counters.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Counts the streams from the map itself.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut census = Census { outbox_bytes: self.outbox_bytes, ..Census::default() };
        for (_, stream) in self.streams.iter() {
            match stream.life {
                Life::Opening(_) => census.opening += 1,
                Life::Open { .. } => census.open += 1,
                Life::Ending { .. } | Life::Draining => census.ending += 1,
            }
        }
        census
    }
}
