//! A shard: the engine's rules and the sockets of its streams.
//!
//! The engine decides, [`Driver`] carries out: it reads and writes sockets and knows no rule. It
//! must not know requests or callbacks; [`crate::worker`] gives it commands and takes what it
//! reports. Read `driver.rs` next.

mod driver;
mod sockets;

pub(crate) use driver::{Disconnect, Driver, Ended, Turn};

use std::sync::Arc;

use sse_gateway_engine::log::{Offer, Refused};
use sse_gateway_engine::{Census, Sent, Tally};
use sse_gateway_protocol::change::Change;
use sse_gateway_protocol::sse::Frame;
use sse_gateway_protocol::{Seq, Token};
use tokio::sync::oneshot;

use crate::log::Unavailable;

/// How many commands may wait for a shard; whoever sends more waits.
pub(crate) const COMMANDS_WAITING_MAX: usize = 1024;

/// What other threads ask of a shard.
#[derive(Debug)]
pub(crate) enum Command {
    /// Sends to one of its streams.
    Send { send: Wanted, answer: oneshot::Sender<Sent> },
    /// Sends to its streams, in order.
    SendAll { sends: Vec<Wanted>, answer: oneshot::Sender<Vec<Sent>> },
    /// Applies what the log offers.
    Offers(Vec<Offer>),
    /// Changes what an open stream listens to.
    Change { token: Token, change: Change, answer: oneshot::Sender<Result<Seq, Unchanged>> },
    /// Closes a stream with a reason; answers whether there was one.
    Close { token: Token, reason: Arc<str>, answer: oneshot::Sender<bool> },
    /// Closes the streams of a subject with a reason; answers how many that were.
    CloseSubject { subject: Arc<str>, reason: Arc<str>, answer: oneshot::Sender<usize> },
    /// Asks for its counters.
    Report(oneshot::Sender<Report>),
    /// Asks how much its fullest stream holds.
    FullestBytes(oneshot::Sender<usize>),
    /// Closes its fullest stream as slow.
    ShedFullest(oneshot::Sender<()>),
    /// Ends all its streams cleanly.
    ShutDown,
    /// Gives up what is left, and asks how many streams that are.
    Abandon(oneshot::Sender<usize>),
}

/// A send on its way to the shard of its stream: whom, what, and whether the stream ends after it.
pub(crate) type Wanted = (Token, Option<Frame>, bool);

/// Why a stream listens to what it did before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unchanged {
    /// No open stream has the token.
    NotFound,
    /// It would have too many topics.
    TooMany,
    /// The log refuses it.
    Refused(Refused),
    /// The log takes no commands.
    Unavailable(Unavailable),
}

/// What a shard counts, at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) tally: Tally,
    pub(crate) census: Census,
    /// What was decided and not yet carried out; a disconnect among it is known to nobody else.
    pub(crate) effects_waiting: usize,
}

/// Tells which shard owns a token: the rest of its first byte, which is random.
pub(crate) fn shard_of(token: &Token, shards: usize) -> usize {
    usize::from(token.as_bytes()[0]) % shards
}

/// Makes a token that belongs to a shard, so that a stream stays on the thread that accepted it.
///
/// At most six of the 122 random bits are spent on the choice.
pub(crate) fn token_for(shard: usize, shards: usize, mut random: [u8; 16]) -> Token {
    debug_assert!(shard < shards && shards <= 64, "the settings bound the number of shards");
    let choices = (255 - shard) / shards + 1;
    random[0] = (shard + shards * (usize::from(random[0]) % choices)) as u8;
    Token::from_random_bytes(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_made_for_a_shard_belongs_to_it() {
        for shards in [1, 2, 3, 7, 64] {
            for shard in 0..shards {
                for byte in 0..=255 {
                    let token = token_for(shard, shards, [byte; 16]);
                    assert_eq!(shard_of(&token, shards), shard, "{shards} shards, byte {byte}");
                }
            }
        }
    }
}
