//! What goes wrong with a store.

use std::io;

/// Why a store cannot be opened, or old segments not be cleaned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk's fault, or that of its rights.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// What was safely on the disk is there no more. Nothing of it is served, and nothing is skipped:
    /// restore the directory, or move it away and begin anew.
    #[error("{file} is damaged at byte {at}")]
    Damaged {
        /// The segment.
        file: String,
        /// Where the first damage is.
        at: u64,
    },
    /// A segment between others is gone.
    #[error("{file} is missing, and newer segments are there")]
    Missing {
        /// The segment.
        file: String,
    },
    /// Another release wrote it.
    #[error("{file} has format {version}, which this release does not read")]
    Version {
        /// The segment.
        file: String,
        /// Its format.
        version: u16,
    },
}

/// Tells whether a write failed because there is no room on the disk, or none for this user.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
