//! Who of a shard listens to a topic, or belongs to a subject.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;
use slab::Slab;

/// Lists of streams by a name that they share. Entering and leaving take constant time; a list is
/// gone when nobody is left.
#[derive(Debug)]
pub(crate) struct Rosters<N> {
    lists: Slab<Roster<N>>,
    by_name: HashTable<u32>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Roster<N> {
    name: N,
    seats: Vec<Seat>,
}

/// A stream on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) slot: u32,
    /// Which of the stream's own places this is.
    pub(crate) nth: u32,
}

/// Where a stream sits: it is told when that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) list: u32,
    index: u32,
}

/// As many lists, and as many seats of one, are not worth giving back.
const KEPT: usize = 64;

impl<N> Default for Rosters<N> {
    fn default() -> Self {
        Self { lists: Slab::new(), by_name: HashTable::new(), hasher: RandomState::new() }
    }
}

impl<N: Hash + Eq> Rosters<N> {
    pub(crate) fn find<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<u32>
    where
        N: Borrow<Q>,
    {
        let same = |list: &u32| self.lists[*list as usize].name.borrow() == name;
        self.by_name.find(self.hasher.hash_one(name), same).copied()
    }

    /// Enters a stream in the list of this name, which is begun if need be.
    pub(crate) fn enter(&mut self, name: N, seat: Seat) -> Place {
        let list = self.find(&name).unwrap_or_else(|| self.begin(name));
        let seats = &mut self.lists[list as usize].seats;
        seats.push(seat);
        Place { list, index: seats.len() as u32 - 1 }
    }

    fn begin(&mut self, name: N) -> u32 {
        let hash = self.hasher.hash_one(&name);
        let list = self.lists.insert(Roster { name, seats: Vec::new() }) as u32;
        let (lists, hasher) = (&self.lists, &self.hasher);
        self.by_name.insert_unique(hash, list, |list| hasher.hash_one(&lists[*list as usize].name));
        list
    }

    /// Takes a stream off; whoever moved to its place must be told so.
    pub(crate) fn leave(&mut self, place: Place) -> Option<Seat> {
        let seats = &mut self.lists[place.list as usize].seats;
        seats.swap_remove(place.index as usize);
        let moved = seats.get(place.index as usize).copied();
        if seats.is_empty() {
            self.end(place.list);
        } else if seats.capacity() > KEPT && seats.len() <= seats.capacity() / 4 {
            seats.shrink_to(2 * seats.len());
        }
        moved
    }

    fn end(&mut self, list: u32) {
        let hash = self.hasher.hash_one(&self.lists[list as usize].name);
        if let Ok(entry) = self.by_name.find_entry(hash, |other| *other == list) {
            entry.remove();
        }
        self.lists.remove(list as usize);
        if self.lists.is_empty() && self.lists.capacity() > KEPT {
            (self.lists, self.by_name) = (Slab::new(), HashTable::new());
        }
    }

    /// A stream has numbered its places anew.
    pub(crate) fn renumber(&mut self, place: Place, nth: u32) {
        self.lists[place.list as usize].seats[place.index as usize].nth = nth;
    }

    pub(crate) fn name(&self, list: u32) -> &N {
        &self.lists[list as usize].name
    }

    pub(crate) fn seats(&self, list: u32) -> &[Seat] {
        &self.lists[list as usize].seats
    }

    /// Lends a list out while nobody enters or leaves it; [`give_back`](Rosters::give_back) follows.
    pub(crate) fn lend(&mut self, list: u32) -> Vec<Seat> {
        std::mem::take(&mut self.lists[list as usize].seats)
    }

    pub(crate) fn give_back(&mut self, list: u32, seats: Vec<Seat>) {
        debug_assert!(self.seats(list).is_empty(), "nobody has entered meanwhile");
        self.lists[list as usize].seats = seats;
    }
}
