//! The log: one sequence, the topics, and what each remembers.
//!
//! Like a [`Shard`](crate::Shard) it is a machine without I/O: commands go in with the time; what
//! the shards must apply comes out of [`Log::next_offer`], in sequence order. A command is *staged*
//! when its method returns, and takes effect for others with [`Log::commit`]: a driver with a disk
//! writes [`Log::staged`] first, one without commits at once. [`Log::fail`] takes staged publishes
//! back.
//!
//! Read `topic.rs` for what a topic remembers, `publish.rs` and `listen.rs` for the rules, and
//! `read.rs` for how a stream that has missed something gets it.

mod change;
mod changing;
mod keys;
mod limits;
mod listen;
mod listeners;
mod publish;
mod read;
mod restore;
mod ring;
mod staging;
mod topic;
mod topics;
mod types;

use std::collections::VecDeque;

use sse_gateway_protocol::code::Code;
use sse_gateway_protocol::{Epoch, Seq};

use self::changing::Changing;
use self::staging::Staged;
use self::topics::Topics;
use crate::Time;

pub use limits::LogLimits;
pub use publish::Published;
pub use read::PageSize;
pub use restore::Restored;
pub use staging::{Change, Mark};
pub use topic::Bounds;
pub use types::{
    Completion, Entry, Heard, Item, Listened, Listener, Offer, Page, Reading, Start, Subscription, TopicId,
};

/// Owns the sequence and every topic, and decides everything about them.
///
/// Bounded by its limits; besides, by what the shards have not applied yet.
#[derive(Debug)]
pub struct Log {
    limits: LogLimits,
    epoch: Epoch,
    /// The next number of the sequence.
    next: Seq,
    /// Everything up to here has taken effect.
    committed: Seq,
    topics: Topics,
    staged: Vec<Staged>,
    offers: VecDeque<(usize, Offer)>,
    /// The changes of topics that a stream's shard may not have applied yet.
    changing: Changing,
    /// Topics of which more was handed, for whoever writes that down; nobody does without a disk.
    handed: Vec<TopicId>,
    writes_handed: bool,
}

/// Why a command is refused; nothing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There are as many topics as there may be.
    TopicsFull,
    /// The topic is complete.
    Completed,
    /// The idempotency key belongs to a publish that said something else.
    KeyReused,
    /// The events could never be retained, or not be held for a stream.
    TooLarge,
    /// There is no such topic.
    NotFound,
    /// The stream ends, in the sequence, before the change that is asked for.
    Ended,
}

impl Refused {
    /// Gives the code of the answer.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Refused::TopicsFull => Code::TopicsFull,
            Refused::Completed => Code::TopicCompleted,
            Refused::KeyReused => Code::KeyReused,
            Refused::TooLarge => Code::EventTooLarge,
            Refused::NotFound => Code::TopicNotFound,
            Refused::Ended => Code::TokenNotFound,
        }
    }
}

/// What a topic looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The numbers of its oldest and its newest retained event.
    pub retained: Option<(Seq, Seq)>,
    /// How many events are retained.
    pub events: usize,
    /// How many bytes they have.
    pub bytes: usize,
    /// How many streams listen.
    pub receivers: usize,
    /// Its end, if it is complete.
    pub completion: Option<Completion>,
}

/// How much the log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCensus {
    /// Topics, complete ones included.
    pub topics: usize,
    /// Bytes that count against the bound over all topics.
    pub bytes: usize,
}

impl Log {
    /// Begins a log whose first number is `next`, at least 1.
    #[must_use]
    pub fn new(limits: LogLimits, epoch: Epoch, next: Seq) -> Self {
        let next = next.max(1);
        Self {
            limits,
            epoch,
            next,
            committed: next - 1,
            topics: Topics::default(),
            staged: Vec::new(),
            offers: VecDeque::new(),
            changing: Changing::default(),
            handed: Vec::new(),
            writes_handed: false,
        }
    }

    /// Keeps account of what [`take_handed`](Log::take_handed) gives from here on.
    #[must_use]
    pub fn written_down(mut self) -> Self {
        self.writes_handed = true;
        self
    }

    /// Names the log's life.
    #[must_use]
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Gives the next thing for a shard to apply; those of one shard come in sequence order.
    pub fn next_offer(&mut self) -> Option<(usize, Offer)> {
        self.offers.pop_front()
    }

    /// Finds a topic.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TopicId> {
        self.topics.find(name)
    }

    /// Describes a topic.
    #[must_use]
    pub fn describe(&self, name: &str) -> Option<Description> {
        let topic = self.topics.get(self.topics.find(name)?)?;
        let ring = topic.ring();
        Some(Description {
            retained: ring.first().zip(ring.last()),
            events: ring.len(),
            bytes: ring.bytes(),
            receivers: topic.listeners.receivers(),
            completion: topic.completion().cloned(),
        })
    }

    /// Counts what it holds.
    #[must_use]
    pub fn census(&self) -> LogCensus {
        LogCensus { topics: self.topics.len(), bytes: self.topics.bytes() }
    }

    /// Says when [`tick`](Log::tick) must be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.topics.next_due()
    }

    /// Drops and forgets what is too old.
    pub fn tick(&mut self, now: Time) {
        if self.staged.is_empty() {
            self.topics.age(now, &self.limits);
        }
    }

    fn number(&mut self) -> Seq {
        let seq = self.next;
        self.next += 1;
        seq
    }

    /// Puts an offer behind everything that is staged.
    fn stage_offers(&mut self, shards: Vec<usize>, offer: &Offer) {
        self.staged.extend(shards.into_iter().map(|shard| Staged::Offer(shard, offer.clone())));
    }
}
