//! The segments that are complete, as the journal and the cleaner both see them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::ballast::Ballast;

/// Shared by the journal, which adds segments, and the cleaner, which replaces them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<Segments>>);

#[derive(Debug, Default)]
pub(crate) struct Segments {
    /// In the order of their numbers, without holes.
    pub(crate) sealed: Vec<Sealed>,
    /// How many bytes the journal's own segment has.
    pub(crate) open_bytes: u64,
    pub(crate) ballast: Ballast,
    /// Whether an append found the disk full since the last pass of the cleaner.
    pub(crate) is_full: bool,
}

/// A segment that nobody appends to any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) number: u64,
    /// The oldest number whose place it takes.
    pub(crate) from: u64,
    /// How many of its bytes count.
    pub(crate) end: u64,
    /// How many bytes it has on the disk.
    pub(crate) bytes: u64,
    /// When its youngest publish was, or when it was last cleaned; in milliseconds since 1970.
    pub(crate) fresh_ms: u64,
}

impl Shelf {
    /// Locks it, for a look or a change of its list and never for a disk.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Segments> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Segments {
    /// Counts what all segments have on the disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.open_bytes + self.sealed.iter().map(|sealed| sealed.bytes).sum::<u64>()
    }

    /// Puts one in the place of those that it was made of.
    pub(crate) fn replace(&mut self, cleaned: Sealed) {
        let covered = |sealed: &Sealed| (cleaned.from..=cleaned.number).contains(&sealed.number);
        self.sealed.retain(|sealed| !covered(sealed));
        let place = self.sealed.partition_point(|sealed| sealed.number < cleaned.number);
        self.sealed.insert(place, cleaned);
    }
}
