//! The streams of a shard, by key and by token.

use hashbrown::HashTable;
use slab::Slab;
use sse_gateway_protocol::Token;

use crate::stream::{Life, Stream};

/// Names a stream of this shard for its driver; a stale key finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    slot: u32,
    generation: u32,
}

impl Key {
    /// Packs the key, for a poller's user data.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    /// Unpacks a key.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }

    /// Gives the index of the stream's slot: small, and used again after the stream is gone.
    #[must_use]
    pub fn slot(self) -> usize {
        self.slot as usize
    }
}

/// Slots hold the streams; the table holds slot numbers only, found by the token's own random bits.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    slots: Slab<Stream>,
    by_token: HashTable<u32>,
    generation: u32,
}

impl Streams {
    pub(crate) fn insert(&mut self, token: Token, request: Box<str>, life: Life) -> Key {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let stream = Stream { token, generation, watched: false, request, life };
        let slot = self.slots.insert(stream) as u32;
        let slots = &self.slots;
        self.by_token.insert_unique(hash(&token), slot, |slot| hash(&slots[*slot as usize].token));
        Key { slot, generation }
    }

    pub(crate) fn find(&self, token: &Token) -> Option<Key> {
        let slot = *self.by_token.find(hash(token), |slot| self.slots[*slot as usize].token == *token)?;
        Some(Key { slot, generation: self.slots[slot as usize].generation })
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Stream> {
        self.slots.get(key.slot()).filter(|stream| stream.generation == key.generation)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Stream> {
        self.slots.get_mut(key.slot()).filter(|stream| stream.generation == key.generation)
    }

    pub(crate) fn key_of_slot(&self, slot: u32) -> Option<Key> {
        let generation = self.slots.get(slot as usize)?.generation;
        Some(Key { slot, generation })
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Stream> {
        let token = self.get(key)?.token;
        if let Ok(entry) = self.by_token.find_entry(hash(&token), |slot| *slot == key.slot) {
            entry.remove();
        }
        let stream = self.slots.remove(key.slot());
        self.shrink();
        Some(stream)
    }

    /// Gives memory back after a wave of streams has gone.
    fn shrink(&mut self) {
        if self.slots.is_empty() && self.slots.capacity() > 1024 {
            self.slots = Slab::new();
            self.by_token = HashTable::new();
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Stream)> {
        self.slots
            .iter()
            .map(|(slot, stream)| (Key { slot: slot as u32, generation: stream.generation }, stream))
    }
}

/// Sixty-two of these bits are random; an attacker cannot choose them, so no keyed hash is needed.
fn hash(token: &Token) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = *token.as_bytes();
    let [first, ..] = *token.as_bytes();
    // The table takes its control bits from the top, where the UUID's variant bits are fixed.
    u64::from_be_bytes([h, g, f, e, d, c, b, a]).wrapping_add(u64::from(first))
}
