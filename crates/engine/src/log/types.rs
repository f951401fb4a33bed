//! What passes between the log and the shards.

use std::sync::Arc;

use sse_gateway_protocol::callback::IfMissing;
use sse_gateway_protocol::control::GapReason;
use sse_gateway_protocol::sse::Frame;
use sse_gateway_protocol::{Seq, TopicName};

use crate::Key;

/// Names a topic within a log's life; a topic that is forgotten and made again has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub(crate) u64);

/// A stream, seen from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listener {
    /// The shard that owns it.
    pub shard: usize,
    /// Its name there.
    pub key: Key,
}

/// One publish: its events and its completion stand together in the sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it was published.
    pub topic: TopicId,
    /// The events, in order, ready for the wire.
    pub events: Vec<(Seq, Frame)>,
    /// The end of the topic, right after its events.
    pub completion: Option<Completion>,
}

/// The end of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Its own number in the sequence.
    pub seq: Seq,
    /// What listeners are told.
    pub reason: Arc<str>,
}

/// What a shard must apply, in the order in which the log gives it.
#[derive(Clone, Debug)]
pub enum Offer {
    /// To every live listener of the topic that has not seen it.
    Published(Arc<Entry>),
    /// Another stream took the topic over: who has listened since before `at` is replaced.
    Replaced {
        /// The topic.
        topic: TopicId,
        /// The number of the new listener's subscription.
        at: Seq,
    },
    /// A stream listens to other topics from here on.
    Changed {
        /// The stream; it may be gone.
        key: Key,
        /// The number of the change.
        at: Seq,
        /// What it also listens to now.
        add: Vec<Subscription>,
        /// What it does not listen to any more.
        remove: Vec<TopicId>,
    },
    /// Who has listened since before `at` is closed; the topic goes on.
    Closed {
        /// The topic.
        topic: TopicId,
        /// The number of the close.
        at: Seq,
        /// What listeners are told.
        reason: Arc<str>,
    },
}

/// One topic of a stream, and where its listening begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The topic.
    pub topic: TopicId,
    /// Its name, for those who are told.
    pub name: TopicName,
    /// What it has up to here is not for this stream.
    pub after: Seq,
}

/// What a stream with topics starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The number of its subscription.
    pub since: Seq,
    /// The client's cursor; 0 when it brought none, or none that counts.
    pub cursor: Seq,
    /// Its topics, those left out that were complete at its cursor.
    pub topics: Vec<Subscription>,
    /// Why the client's cursor does not count.
    pub gap: Option<GapReason>,
    /// The client's cursor as it came, for a gap at the start.
    pub asked: Option<Box<str>>,
}

/// How a connect with topics came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listened {
    /// It listens.
    Listening(Start),
    /// All its topics were complete at its cursor: there is nothing left to hear.
    Over,
    /// A topic is missing whose answer says what to tell then; it listens to nothing.
    Missing(IfMissing),
}

/// What a stream listens to, as far as it has got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The number of its subscription, or of the last change that it has got to.
    pub since: Seq,
    /// The topics that it has then.
    pub topics: Vec<TopicId>,
}

/// What a replaying stream has and wants.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The number of its subscription.
    pub since: Seq,
    /// It has everything of its topics up to here.
    pub cursor: Seq,
    /// Its topics with their own bounds.
    pub topics: &'a [Subscription],
}

/// What a replaying stream gets.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The topics that have dropped something it has not had, and through which number; from there
    /// on is their new bound ([`Subscription::after`]).
    pub dropped: Vec<(TopicId, Seq)>,
    /// What comes next, in sequence order.
    pub items: Vec<Item>,
    /// The head of the log when nothing is left to replay: offers above it are still to come.
    pub live_from: Option<Seq>,
}

/// One thing of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An event.
    Event {
        /// Its number.
        seq: Seq,
        /// Its bytes.
        frame: Frame,
    },
    /// The end of a topic.
    Completed {
        /// The topic.
        topic: TopicId,
        /// Its end.
        completion: Completion,
    },
}
