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

/// How many streams are at each stage of life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stages {
    pub(crate) opening: usize,
    pub(crate) open: usize,
    pub(crate) ending: usize,
}

impl Stages {
    fn of(&mut self, life: &Life) -> &mut usize {
        match life {
            Life::Opening(_) => &mut self.opening,
            Life::Open { .. } => &mut self.open,
            Life::Ending { .. } | Life::Draining { .. } => &mut self.ending,
        }
    }
}

/// Slots hold the streams; the table holds slot numbers only, found by the token's own random bits.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    slots: Slab<Stream>,
    by_token: HashTable<u32>,
    generation: u32,
    stages: Stages,
    /// How many streams went since memory was last given back.
    gone: usize,
}

/// Below this many slots memory is not worth giving back.
const SLOTS_KEPT: usize = 1024;

impl Streams {
    pub(crate) fn insert(&mut self, token: Token, request: Box<str>, life: Life) -> Key {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        *self.stages.of(&life) += 1;
        let slot = self.slots.insert(Stream { token, generation, request, life }) as u32;
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

    /// Gives a stream for changes within its stage; [`enter`](Streams::enter) moves it to another.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Stream> {
        self.slots.get_mut(key.slot()).filter(|stream| stream.generation == key.generation)
    }

    /// Gives the stream in a slot that is known to be in use.
    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<(Key, &mut Stream)> {
        let stream = self.slots.get_mut(slot as usize)?;
        Some((Key { slot, generation: stream.generation }, stream))
    }

    /// Moves a stream to another stage and gives the one it has left.
    pub(crate) fn enter(&mut self, key: Key, life: Life) -> Option<Life> {
        let stream = self.slots.get_mut(key.slot()).filter(|stream| stream.generation == key.generation)?;
        *self.stages.of(&stream.life) -= 1;
        *self.stages.of(&life) += 1;
        Some(std::mem::replace(&mut stream.life, life))
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
        *self.stages.of(&stream.life) -= 1;
        self.give_memory_back();
        Some(stream)
    }

    /// After a wave of streams has gone; enough removals lie between two times to pay for the work.
    ///
    /// A survivor keeps its slot and those below it, so what stays is at most the peak's slots.
    fn give_memory_back(&mut self) {
        self.gone += 1;
        let slots = self.slots.capacity();
        let few_left = self.slots.is_empty() || self.gone >= slots / 4 && self.slots.len() <= slots / 4;
        if slots > SLOTS_KEPT && few_left {
            self.gone = 0;
            self.slots.shrink_to_fit();
            let slots = &self.slots;
            self.by_token.shrink_to_fit(|slot| hash(&slots[*slot as usize].token));
        }
    }

    /// Counts the streams at each stage, without looking at them.
    pub(crate) fn stages(&self) -> Stages {
        debug_assert_eq!(self.stages, self.counted_stages(), "the counts follow the map");
        self.stages
    }

    fn counted_stages(&self) -> Stages {
        let mut stages = Stages::default();
        self.iter().for_each(|(_, stream)| *stages.of(&stream.life) += 1);
        stages
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &Stream)> {
        self.slots
            .iter()
            .map(|(slot, stream)| (Key { slot: slot as u32, generation: stream.generation }, stream))
    }

    pub(crate) fn keys(&self) -> Vec<Key> {
        self.iter().map(|(key, _)| key).collect()
    }
}

/// Sixty-two of these bits are random; an attacker cannot choose them, so no keyed hash is needed.
fn hash(token: &Token) -> u64 {
    let [.., a, b, c, d, e, f, g, h] = *token.as_bytes();
    let [first, ..] = *token.as_bytes();
    // The table takes its control bits from the top, where the UUID's variant bits are fixed.
    u64::from_be_bytes([h, g, f, e, d, c, b, a]).wrapping_add(u64::from(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Kept;

    fn token(number: u64) -> Token {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        Token::from_random_bytes(bytes)
    }

    #[test]
    fn memory_is_given_back_after_a_wave_of_streams_has_gone() {
        let mut streams = Streams::default();
        let keys: Vec<Key> = (0..20_000)
            .map(|number| streams.insert(token(number), "".into(), Life::Opening(Kept::new(None))))
            .collect();
        for key in keys[10..].iter().rev() {
            streams.remove(*key).expect("still there");
        }
        assert!(streams.slots.capacity() <= 8_000, "{} slots", streams.slots.capacity());
        assert!(streams.by_token.capacity() <= 16_000, "{} entries", streams.by_token.capacity());
        for (number, key) in keys[..10].iter().enumerate() {
            assert_eq!(streams.find(&token(number as u64)), Some(*key));
            streams.remove(*key).expect("still there");
        }
        assert!(streams.slots.capacity() <= SLOTS_KEPT, "{} slots", streams.slots.capacity());
    }
}
