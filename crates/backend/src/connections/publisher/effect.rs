//! What the driver must carry out, and what it reports back.

use std::sync::Arc;

use sse_gateway_protocol::{Epoch, TopicName};

use crate::connections::Delivery;
use crate::connections::loss::Loss;
use crate::connections::memory::Receipt;
use crate::{Event, Identifier};

/// One thing to do, in the order in which it was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Ask the gateway what it can, then report it.
    Ask,
    /// Publish nothing to this topic of the process's own, then report how it came out.
    Check(TopicName),
    /// Publish this, then report how it came out. Until then nothing else is published to the topic.
    Publish(Publication),
    /// Ask for the description of the identifier's topic, then report it to who asks.
    Look(Identifier, Asker),
    /// Delete the identifier's topic, then report whether that is done.
    Delete(Identifier),
    /// Tell whoever waits for this delivery, or for a topic to exist.
    Settle(Receipt, Delivery),
    /// Count events that no client will get.
    Lost(&'static str, Loss, u64),
    /// The gateway's log is another one than before; stories are published again.
    NewEpoch(Epoch),
}

/// One publish to an identifier's topic; without events and end it only makes the topic, or keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    pub(crate) identifier: Identifier,
    /// Taken by the gateway all or nothing.
    pub(crate) events: Vec<Arc<Event>>,
    /// Completes the topic, with this reason.
    pub(crate) end: Option<Arc<str>>,
    /// The idempotency key: the same for the same events, however often they are published.
    pub(crate) key: Option<String>,
}

/// Who wants to know of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asker {
    /// A queue that does not know whether its last publish is there.
    Queue,
    /// The gauge of connections.
    Audience,
}

/// How a publish came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is in the log of this epoch, and so many streams listened.
    Taken { epoch: Epoch, receivers: u64 },
    /// The topic is complete: 409 `TOPIC_COMPLETED`.
    Completed,
    /// The key was used with other events: 409 `KEY_REUSED`.
    KeyReused,
    /// The gateway will never take this: too large, or malformed.
    Rejected,
    /// The gateway did not take it, and may later: too many topics, a full disk, not allowed.
    Refused,
    /// The gateway has no such route: it has no topics.
    NoTopics,
    /// No connection came about: the gateway has seen nothing.
    NotConnected,
    /// Nobody knows whether the gateway took it.
    Unknown,
}

impl Outcome {
    /// Gives the label of the metric.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Outcome::Taken { .. } => "ok",
            Outcome::Completed => "completed",
            Outcome::KeyReused => "key_reused",
            Outcome::Rejected => "rejected",
            Outcome::Refused | Outcome::NoTopics | Outcome::NotConnected => "not_taken",
            Outcome::Unknown => "unknown",
        }
    }
}

/// What is known of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// It exists.
    Found { receivers: u64, has_content: bool },
    /// It does not exist.
    Missing,
    /// The gateway did not say.
    Unanswered,
}
