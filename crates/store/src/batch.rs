//! Records on their way to the disk.

use std::fmt;

use sse_gateway_protocol::Seq;

use crate::frame::{HEAD_BYTES, Head, Mark};
use crate::record::Record;
use crate::secret::Secret;

/// Collects records that become durable together: all or none of them are there after a crash.
///
/// Holds their bytes, not the records, so that it can be filled while the log is locked and written
/// when it is not. Keep it and [`clear`](Self::clear) it: its memory is used again.
pub struct Batch {
    /// The records' bytes, after room for the head.
    frame: Vec<u8>,
    newest_ms: u64,
}

impl Batch {
    /// The most bytes that a batch can have: what the format can say.
    pub const BYTES_MAX: usize = u32::MAX as usize;

    /// Makes an empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self { frame: vec![0; HEAD_BYTES], newest_ms: 0 }
    }

    /// Adds a record; those of one topic come back in the order in which they were added.
    pub fn push(&mut self, record: &Record<'_>) {
        if let Record::Published(published) = record {
            self.newest_ms = self.newest_ms.max(published.at_ms);
        }
        record.encode(&mut self.frame);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.frame.truncate(HEAD_BYTES);
        self.newest_ms = 0;
    }

    /// Gives how many bytes the records have.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frame.len() - HEAD_BYTES
    }

    /// Tells whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the time of its youngest publish, in milliseconds since 1970; 0 without one.
    pub(crate) fn newest_ms(&self) -> u64 {
        self.newest_ms
    }

    /// Gives the bytes to append at a place of a segment.
    pub(crate) fn seal(&mut self, nonce: Secret, at: u64, synced: u64, reserved_through: Seq) -> &[u8] {
        Head { mark: Mark::Batch, synced, reserved_through }.seal(&mut self.frame, nonce, at);
        &self.frame
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("bytes", &self.len()).finish()
    }
}
