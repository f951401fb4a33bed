//! What the driver must carry out.

use std::collections::VecDeque;

use sse_gateway_protocol::callback::CloseReason;
use sse_gateway_protocol::{Seq, Token};

use crate::Key;
use crate::log::TopicId;

/// One thing to do, in the order in which it is given.
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

/// The effects that wait, oldest first but for two things: what the log must know comes before all
/// else, and reads, which are dear, come when nothing else waits or a while after the last.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    for_log: VecDeque<Effect>,
    reads: VecDeque<Key>,
    others: VecDeque<Effect>,
    /// How many others were given since the last read.
    since_read: usize,
}

/// After so many others a read has its turn: whoever resumes must get on also when others keep the
/// shard busy.
const OTHERS_PER_READ: usize = 16;

/// A queue that a burst made longer than this is not kept.
const KEPT: usize = 4096;

impl Effects {
    pub(crate) fn push(&mut self, effect: Effect) {
        match effect {
            Effect::Lag { .. } | Effect::Leave { .. } => self.for_log.push_back(effect),
            Effect::Read(key) => self.reads.push_back(key),
            _ => self.others.push_back(effect),
        }
    }

    /// Makes room for one effect of each of as many streams: a queue that grows step by step is
    /// copied at each.
    pub(crate) fn expect_flushes(&mut self, streams: usize) {
        self.others.reserve(streams);
    }

    pub(crate) fn next(&mut self) -> Option<Effect> {
        if let Some(effect) = self.for_log.pop_front() {
            return Some(effect);
        }
        if (self.since_read < OTHERS_PER_READ || self.reads.is_empty())
            && let Some(effect) = self.others.pop_front()
        {
            self.since_read += 1;
            return Some(effect);
        }
        self.since_read = 0;
        let read = self.reads.pop_front().map(Effect::Read);
        if read.is_none() {
            self.give_memory_back();
        }
        read
    }

    fn give_memory_back(&mut self) {
        if self.for_log.capacity() + self.others.capacity() + self.reads.capacity() > KEPT {
            *self = Self::default();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.for_log.len() + self.reads.len() + self.others.len()
    }

    /// Counts what the log must know.
    pub(crate) fn for_log(&self) -> usize {
        self.for_log.len()
    }

    /// Takes back what the log must know beyond this many.
    pub(crate) fn forget_for_log(&mut self, kept: usize) {
        self.for_log.truncate(kept);
    }
}
