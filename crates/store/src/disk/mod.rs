//! What the store needs of a disk: named files that are only ever appended to.
//!
//! Nothing that was written is written again, so a failed write or sync spoils one file's tail and
//! nothing else. Two disks: a [`Directory`], and a [`SimDisk`] in memory that crashes and fails on demand.

mod directory;
mod sim;

use std::io;

pub use directory::{Directory, Locked};
pub use sim::{SimDisk, SimFault, SimFile};

/// A flat folder of files that belongs to one store.
pub trait Disk: Clone + Send + 'static {
    /// A file that is being written.
    type File: DiskFile;

    /// Lists the files by name, in any order.
    ///
    /// # Errors
    /// What the system says.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Reads a file from its beginning, at most so many bytes.
    ///
    /// # Errors
    /// What the system says.
    fn read(&self, name: &str, bytes_max: usize) -> io::Result<Vec<u8>>;

    /// Makes a file, or empties the one that is there. As long as it has fewer bytes than `length`, the
    /// others read as zeros and need no room: then an append changes no length, which a file system
    /// would have to make durable as well.
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, name: &str, length: u64) -> io::Result<Self::File>;

    /// Gives a file another name; a file that had that name is gone, and no crash shows both.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file; one that is open can still be read and written by who has it.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes names durable: files that were made, renamed or removed so far.
    ///
    /// # Errors
    /// What the system says; what is durable then is unknown.
    fn sync_names(&self) -> io::Result<()>;
}

/// A file that is being written.
pub trait DiskFile: Send + 'static {
    /// Appends all of the bytes.
    ///
    /// # Errors
    /// What the system says; any part of the bytes may have been appended then.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes what was appended durable.
    ///
    /// # Errors
    /// What the system says. What was appended since the last sync may be lost then, and no later
    /// sync tells: the system takes such pages for written.
    fn sync(&mut self) -> io::Result<()>;
}
