//! Where the log's records survive the process: a journal of segment files.
//!
//! The log keeps everything that it remembers in memory and never reads from here while it runs. So
//! the store does four things: it appends batches of records and makes them durable
//! ([`Journal::append`]), reads all of them back at the start ([`Recovery`]), gives disk back for what
//! the log has forgotten ([`Cleaner`]), and refuses to serve what it cannot vouch for ([`Error`]).
//!
//! It knows no rule of the log, and no topic: records go in and come back in the same order. Read
//! `record.rs` for what they are, `frame.rs` for how a batch is all or nothing, `header.rs` for how
//! segments hang together, and `journal.rs` for what happens when the disk fails.

mod ballast;
mod batch;
mod cleaner;
mod disk;
mod encoding;
mod error;
mod frame;
mod header;
mod journal;
mod options;
mod record;
mod recovery;
mod secret;
mod segment;
mod shelf;

pub use batch::Batch;
pub use cleaner::{Cleaner, Retention};
pub use disk::{Directory, Disk, DiskFile, Locked, SimDisk, SimFault, SimFile};
pub use error::{Error, is_full};
pub use header::SyncMode;
pub use journal::{Journal, RESERVED_AHEAD};
pub use options::{Fresh, Options};
pub use record::{Bounds, Key, Published, Record};
pub use recovery::{Recovery, Torn};
