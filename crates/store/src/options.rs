//! How a store is opened.

use std::fmt;
use std::time::Duration;

use sse_gateway_protocol::Epoch;

use crate::header::SyncMode;

const SEGMENT_BYTES_MIN: u64 = 64 * 1024;
const SEGMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;
const SEGMENTS_PER_LOG: u64 = 64;

/// How a store works.
#[derive(Clone, Debug)]
pub struct Options {
    /// When a record must be on the disk.
    pub sync: SyncMode,
    /// A segment that would become longer ends, and another begins; one batch may be longer.
    pub segment_bytes: u64,
    /// Nothing is remembered for longer: what is older is looked for and removed.
    pub age_max: Duration,
}

impl Options {
    /// Chooses segments of 4 MiB, or a 64th of what the log remembers at most; never below 64 KiB.
    #[must_use]
    pub fn new(sync: SyncMode, log_bytes_max: u64, age_max: Duration) -> Self {
        let segment_bytes = (log_bytes_max / SEGMENTS_PER_LOG).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
        Self { sync, segment_bytes, age_max }
    }
}

/// What must be random, and new at every start.
#[derive(Clone)]
pub struct Fresh {
    /// The log's life, if a new one begins.
    pub epoch: Epoch,
    /// Seeds the checks; publishers must not know it.
    pub secret: u64,
}

impl fmt::Debug for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fresh").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}
