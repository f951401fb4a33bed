//! Accepts connections, lets hyper read their requests, and takes a socket out of hyper when its
//! request has become a stream.
//!
//! It knows nothing of streams or sends: requests go to [`crate::routes`], sockets to
//! [`crate::connect`]. Read `connection.rs` next.

mod accept;
mod bind;
mod connection;
mod wire;

use std::time::Duration;

pub(crate) use accept::{Accepted, Door, accept};
pub use bind::BindError;
pub(crate) use bind::bind;
pub(crate) use connection::{Handoff, Taken, answer_last, serve};
pub(crate) use wire::AnswerGuard;

/// How long a request head may take from its first byte, and a new connection until that byte.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a kept-alive connection may wait for its next request; above usual pools' own limits.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long an answer may wait for a client that does not read.
const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long input is discarded after the last answer, so that no reset destroys it.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
/// How much input is discarded then: a send that is too large, many times over.
const LINGER_BYTES_MAX: usize = 64 << 20;
