//! Heartbeats in buckets: one deadline for the shard, not one timer a stream.

use std::time::Duration;

use crate::Time;
use crate::time::micros;

/// How many buckets share an interval, as many as a word has bits; a heartbeat is early by one of
/// them at most (1.6 %).
const SPOKES: u64 = u64::BITS as u64;

/// A wheel that turns once an interval. A stream sits on the spoke that was passed when it opened,
/// so its first heartbeat comes one interval later.
#[derive(Debug)]
pub(crate) struct Wheel {
    spokes: Vec<Vec<u32>>,
    /// One bit for each spoke that holds a stream, so that the wheel sleeps past the empty ones.
    occupied: u64,
    stride: u64,
    /// The number of the next stride to fire; its spoke is the remainder by [`SPOKES`].
    hand: u64,
}

/// Where a stream sits: the spoke, and above its bits the index on it. A word, because every stream
/// has one; so a spoke holds at most 67 million streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

const SPOKE_BITS: u32 = SPOKES.trailing_zeros();

impl Place {
    fn new(spoke: u64, index: usize) -> Self {
        debug_assert!(index < 1 << (u32::BITS - SPOKE_BITS), "as many streams have no memory");
        Self((index as u32) << SPOKE_BITS | spoke as u32)
    }

    fn spoke(self) -> usize {
        (u64::from(self.0) % SPOKES) as usize
    }

    fn index(self) -> usize {
        (self.0 >> SPOKE_BITS) as usize
    }
}

impl Wheel {
    pub(crate) fn new(interval: Duration) -> Self {
        let stride = (micros(interval) / SPOKES).max(1);
        Self { spokes: vec![Vec::new(); SPOKES as usize], occupied: 0, stride, hand: 0 }
    }

    /// Seats a stream; the wheel must have fired up to now, or the newcomer's wait is too short.
    pub(crate) fn insert(&mut self, slot: u32) -> Place {
        let spoke = (self.hand + SPOKES - 1) % SPOKES;
        let list = &mut self.spokes[spoke as usize];
        list.push(slot);
        self.occupied |= 1 << spoke;
        Place::new(spoke, list.len() - 1)
    }

    /// Takes a stream off; the slot that moved to its place, if any, must be told so.
    pub(crate) fn remove(&mut self, place: Place) -> Option<u32> {
        let list = &mut self.spokes[place.spoke()];
        list.swap_remove(place.index());
        let moved = list.get(place.index()).copied();
        if list.is_empty() {
            *list = Vec::new();
            self.occupied &= !(1 << place.spoke());
        }
        moved
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        if self.occupied == 0 {
            return None;
        }
        let ahead = self.occupied.rotate_right((self.hand % SPOKES) as u32).trailing_zeros();
        Some(Time::from_micros((self.hand + u64::from(ahead)).saturating_mul(self.stride)))
    }

    /// Gives the slots that are due, each once, however far the clock has jumped.
    pub(crate) fn fire(&mut self, now: Time) -> Vec<u32> {
        let current = now.as_micros() / self.stride;
        let mut due = Vec::new();
        let strides = (current + 1).saturating_sub(self.hand).min(SPOKES);
        for stride in 0..strides {
            due.extend_from_slice(&self.spokes[((self.hand + stride) % SPOKES) as usize]);
        }
        self.hand = self.hand.max(current + 1);
        due
    }
}
