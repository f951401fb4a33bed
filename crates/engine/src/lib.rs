//! Every rule of a stream, decided without I/O.
//!
//! A [`Shard`] owns a share of the streams. Commands go in as method calls with the time, effects
//! come out of [`Shard::next_effect`], and [`Shard::next_deadline`] says when to call
//! [`Shard::tick`]. There is no socket, no clock, no task and no lock in here, so each race of the
//! protocol is a unit test in virtual time, and a driver has nothing to decide.
//!
//! Read [`stream`](self) for the life of one stream, then `shard.rs` for the rules.

mod effect;
mod heartbeat;
pub mod log;
mod outbox;
mod rosters;
mod shard;
mod standing;
mod stream;
mod streams;
mod tally;
mod time;

pub use effect::Effect;
pub use outbox::Slices;
pub use shard::{Accepted, Answer, Attempt, Limits, Sent, Shard, Then};
pub use streams::Key;
pub use tally::{Census, Cut, Loss, Tally};
pub use time::Time;
