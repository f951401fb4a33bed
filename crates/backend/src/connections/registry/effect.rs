//! What the driver must carry out, and what it reports back.

use std::sync::Arc;

use sse_gateway_protocol::Token;

use crate::connections::Delivery;
use crate::connections::loss::Loss;
use crate::connections::memory::Receipt;
use crate::{Event, Identifier};

/// One thing to do, in the order in which it was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Post this, then report how it came out. Until then nothing else is sent for the identifier.
    Send(Request),
    /// Tell whoever waits for this delivery.
    Settle(Receipt, Delivery),
    /// Count events that no client will get.
    Lost(&'static str, Loss, u64),
    /// A stream could not be closed; it hears heartbeats until its client leaves.
    GaveUpClosing(Identifier, Token),
}

/// One request to the gateway; without events and `close` it only asks whether the stream is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) identifier: Identifier,
    pub(crate) token: Token,
    /// Taken by the gateway all or nothing; at most one for a gateway that takes one a request.
    pub(crate) events: Vec<Arc<Event>>,
    pub(crate) close: bool,
    /// Ask the client to stay away for long: it was replaced.
    pub(crate) stay_away: bool,
}

/// How a request came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// The stream has it, and everything before it.
    Ok,
    /// The gateway keeps it: the stream is still opening.
    Buffered,
    /// The gateway knows no such stream.
    Gone,
    /// The gateway will never take this: too large, or malformed.
    Rejected,
    /// The gateway surely did not take it: unreachable, full, or not allowed. Later it may.
    NotTaken,
    /// Nobody knows whether the gateway took it.
    Unknown,
}

impl Outcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Buffered => "buffered",
            Outcome::Gone => "gone",
            Outcome::Rejected => "rejected",
            Outcome::NotTaken => "not_taken",
            Outcome::Unknown => "unknown",
        }
    }
}
