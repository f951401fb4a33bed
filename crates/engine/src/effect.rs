//! What the driver must carry out.

use sse_gateway_protocol::callback::CloseReason;
use sse_gateway_protocol::{Seq, Token};

use crate::Key;
use crate::log::TopicId;

/// One thing to do, in the order in which it was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write what [`pending`](crate::Shard::pending) gives, then report it with
    /// [`wrote`](crate::Shard::wrote). At most one is queued for a stream at a time.
    Flush(Key),
    /// The end is written: shut the write side down and discard what the client still sends.
    ShutDownWrite(Key),
    /// Close the socket; there is nothing left to write.
    Release(Key),
    /// Cut the socket off without a last chunk; what the kernel still holds is dropped with it.
    Cut(Key),
    /// Read from the log for a stream that replays: what [`reading`](crate::Shard::reading) asks, for
    /// [`replay`](crate::Shard::replay). At most one is queued for a stream at a time.
    Read(Key),
    /// Tell the log that a live stream replays again.
    Lag {
        /// The number of the stream's subscription.
        since: Seq,
        /// All its topics.
        topics: Box<[TopicId]>,
    },
    /// Tell the log that a stream does not listen to these topics any more.
    Leave {
        /// The stream.
        key: Key,
        /// The number of its subscription.
        since: Seq,
        /// All its topics when it has ended, else those that it has left.
        topics: Box<[TopicId]>,
        /// Whether it was live.
        live: bool,
    },
    /// Tell the backend that an accepted stream has ended; it counts as held until this is issued.
    Disconnect {
        /// The stream that was.
        token: Token,
        /// What ended it.
        reason: CloseReason,
        /// Whether it had opened.
        opened: bool,
        /// The client's request, as the driver gave it.
        request: Box<str>,
    },
    /// A refused stream is gone; nobody is told.
    Forget(Token),
}
