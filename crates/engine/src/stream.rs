//! The life of one stream.
//!
//! ```text
//!                 refused, or outcome unknown
//!   Opening ------------------------------------------> gone
//!      | accepted                                         ^
//!      |        client left, slow, stalled, failed        |
//!      +--> Open ---------------------------------------->|
//!      |      | close:true, shutdown                      |
//!      |      v       client left, stalled, failed        |
//!      +--> Ending -------------------------------------->|
//!             | everything is written                     |
//!             v       client's end, or the drain limit    |
//!           Draining ------------------------------------>+
//! ```
//!
//! *Opening*: the backend is being asked; sends are kept. *Open*: sends go to the outbox.
//! *Ending*: unknown to senders; the outbox and the last chunk are still to be written.
//! *Draining*: the disconnect is issued; input is discarded so that no reset destroys the end.

use sse_gateway_protocol::Token;
use sse_gateway_protocol::callback::CloseReason;

use crate::heartbeat::Place;
use crate::outbox::Outbox;

#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) token: Token,
    pub(crate) generation: u32,
    /// Whether the queue of write deadlines has an entry for this stream; it has one at most.
    pub(crate) watched: bool,
    pub(crate) request: Box<str>,
    pub(crate) life: Life,
}

#[derive(Debug)]
pub(crate) enum Life {
    Opening(Kept),
    Open { outbox: Outbox, heartbeat: Place },
    Ending { outbox: Outbox },
    Draining,
}

/// What waits for the backend's answer.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) outbox: Outbox,
    /// A kept `close`: nothing is kept after it.
    pub(crate) close: bool,
    /// Why the stream cannot open any more, even if the backend accepts it.
    pub(crate) departed: Option<CloseReason>,
}

impl Stream {
    /// Gives what is to be written to the client's socket; a stream without a socket has none.
    pub(crate) fn outbox(&mut self) -> Option<&mut Outbox> {
        match &mut self.life {
            Life::Open { outbox, .. } | Life::Ending { outbox } => Some(outbox),
            Life::Opening(_) | Life::Draining => None,
        }
    }

    /// Counts the bytes that it holds, kept ones included.
    pub(crate) fn held_bytes(&self) -> usize {
        match &self.life {
            Life::Opening(kept) => kept.outbox.bytes(),
            Life::Open { outbox, .. } | Life::Ending { outbox } => outbox.bytes(),
            Life::Draining => 0,
        }
    }
}
