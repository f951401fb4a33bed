//! A disk in memory that forgets what was not synced, fails at a chosen call, and flips bits.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile};

/// Half of what a real disk writes at once, so that tests tear within small frames.
const SECTOR_BYTES: usize = 256;

/// A disk for simulations: all clones are one disk, and the same calls with the same seeds do the same.
#[derive(Clone, Debug, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

/// What goes wrong at a chosen call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimFault {
    /// An input/output error.
    Broken,
    /// There is no space left.
    Full,
    /// The process dies: this call and all later ones fail, until [`SimDisk::crash`].
    Dies,
}

/// A name, and the content that it has from here on.
type Naming = (String, Option<usize>);

#[derive(Debug, Default)]
struct State {
    /// What a crash leaves.
    durable: BTreeMap<String, usize>,
    /// What the process sees.
    names: BTreeMap<String, usize>,
    /// What was done to the names since they were synced; each change happens whole or not at all.
    changes: Vec<Vec<Naming>>,
    files: Vec<Content>,
    /// Calls that can fail and were made so far.
    calls: u64,
    faults: BTreeMap<u64, SimFault>,
    capacity: Option<usize>,
    dead: bool,
}

#[derive(Clone, Debug, Default)]
struct Content {
    /// What was appended.
    bytes: Vec<u8>,
    /// It reads as zeros from there up to here.
    length: usize,
    /// How much of it a crash leaves for certain.
    synced: usize,
    /// What a failed sync lost, though it can be read until the crash.
    lost: Vec<std::ops::Range<usize>>,
}

/// A file of a [`SimDisk`].
#[derive(Debug)]
pub struct SimFile {
    disk: SimDisk,
    content: usize,
}

impl SimDisk {
    /// Makes an empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts the calls so far that could have failed: every one but `names` and `read`.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Lets a call fail; the first is number 1.
    pub fn fail_at(&self, call: u64, fault: SimFault) {
        self.state().faults.insert(call, fault);
    }

    /// Takes all planned failures back.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// Bounds the bytes of all files; appends past that fail as on a full disk.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.state().capacity = bytes;
    }

    /// Counts the bytes of all files that have a name.
    #[must_use]
    pub fn used(&self) -> usize {
        self.state().used()
    }

    /// Counts the bytes that were appended to a file; 0 if there is none.
    #[must_use]
    pub fn appended(&self, name: &str) -> usize {
        let state = self.state();
        state.find(name).map_or(0, |content| state.files[content].bytes.len())
    }

    /// Flips one bit of a file, also in what was synced.
    pub fn flip(&self, name: &str, bit: usize) {
        let mut state = self.state();
        if let Some(content) = state.names.get(name).copied()
            && let Some(byte) = state.files[content].bytes.get_mut(bit / 8)
        {
            *byte ^= 1 << (bit % 8);
        }
    }

    /// Cuts a file, also what was synced.
    pub fn truncate(&self, name: &str, length: usize) {
        let mut state = self.state();
        if let Some(content) = state.names.get(name).copied() {
            let content = &mut state.files[content];
            content.bytes.truncate(length);
            content.length = content.length.min(length);
            content.synced = content.synced.min(length);
        }
    }

    /// Ends the process only: everything it wrote is still there.
    pub fn kill(&self) {
        self.state().dead = false;
    }

    /// Ends the machine: of what was not synced, some is there, some is not, and some sectors are zero.
    /// The seed decides.
    pub fn crash(&self, seed: u64) {
        let mut state = self.state();
        let mut random = Random(seed);
        for change in std::mem::take(&mut state.changes) {
            // Names become durable in any order.
            if random.below(2) == 0 {
                continue;
            }
            for (name, content) in change {
                apply(&mut state.durable, name, content);
            }
        }
        state.names = state.durable.clone();
        state.dead = false;
        let State { names, files, .. } = &mut *state;
        for (number, content) in files.iter_mut().enumerate() {
            if names.values().any(|named| *named == number) {
                content.crash(&mut random);
            } else {
                *content = Content::default();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a call and lets it fail if that is planned.
    fn call(&mut self) -> io::Result<()> {
        self.calls += 1;
        match self.faults.get(&self.calls) {
            None if self.dead => Err(dead()),
            None => Ok(()),
            Some(SimFault::Broken) => Err(broken()),
            Some(SimFault::Full) => Err(full()),
            Some(SimFault::Dies) => {
                self.dead = true;
                Err(dead())
            }
        }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change(&mut self, change: Vec<Naming>) {
        for (name, content) in change.clone() {
            apply(&mut self.names, name, content);
        }
        self.changes.push(change);
    }

    fn used(&self) -> usize {
        self.names.values().map(|content| self.files[*content].bytes.len()).sum()
    }
}

impl Content {
    fn crash(&mut self, random: &mut Random) {
        for lost in std::mem::take(&mut self.lost) {
            self.bytes[lost].fill(0);
        }
        let unsynced = self.bytes.len() - self.synced;
        self.bytes.truncate(self.synced + random.below(unsynced + 1));
        for sector in self.bytes[self.synced..].chunks_mut(SECTOR_BYTES) {
            if random.below(4) == 0 {
                sector.fill(0);
            }
        }
        self.synced = self.bytes.len();
    }
}

fn apply(names: &mut BTreeMap<String, usize>, name: String, content: Option<usize>) {
    match content {
        Some(content) => names.insert(name, content),
        None => names.remove(&name),
    };
}

impl Disk for SimDisk {
    type File = SimFile;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn read(&self, name: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        let state = self.state();
        let content = &state.files[state.find(name)?];
        let mut bytes = content.bytes.clone();
        bytes.resize(bytes.len().max(content.length).min(bytes_max), 0);
        Ok(bytes)
    }

    fn create(&self, name: &str, length: u64) -> io::Result<SimFile> {
        let mut state = self.state();
        state.call()?;
        let content = state.files.len();
        state.files.push(Content { length: length as usize, ..Content::default() });
        state.change(vec![(name.to_owned(), Some(content))]);
        Ok(SimFile { disk: self.clone(), content })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        let content = state.find(from)?;
        state.change(vec![(from.to_owned(), None), (to.to_owned(), Some(content))]);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        state.find(name)?;
        state.change(vec![(name.to_owned(), None)]);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut state = self.state();
        state.call()?;
        state.changes.clear();
        state.durable = state.names.clone();
        Ok(())
    }
}

impl DiskFile for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        let dead = state.dead;
        let fault = state.call();
        let room = state.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(state.used()));
        // A failed write leaves a part of it.
        let (kept, result) = match fault {
            Err(error) if dead => (0, Err(error)),
            Err(error) => (bytes.len() / 2, Err(error)),
            Ok(()) if bytes.len() > room => (room, Err(full())),
            Ok(()) => (bytes.len(), Ok(())),
        };
        state.files[self.content].bytes.extend_from_slice(&bytes[..kept]);
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        let fault = state.call();
        let dead = state.dead;
        let content = &mut state.files[self.content];
        let unsynced = content.synced..content.bytes.len();
        match &fault {
            Ok(()) => content.synced = unsynced.end,
            Err(_) if dead => {}
            Err(_) => content.lost.push(unsynced),
        }
        fault
    }
}

fn broken() -> io::Error {
    io::Error::other("the disk is broken")
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

fn dead() -> io::Error {
    io::Error::other("the process is dead")
}

/// SplitMix64: good enough to choose what a crash leaves.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
