//! What a stream has that one of the original gateway has not; those have none of it and pay nothing.

use std::borrow::Borrow;
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use sse_gateway_protocol::control::GapReason;
use sse_gateway_protocol::sse::Frame;
use sse_gateway_protocol::{Seq, TopicName};

use crate::log::{Subscription, TopicId};
use crate::rosters::Place;

/// Topics, a subject, and what the connect answer said about coming back.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) listening: Option<Listening>,
    /// Where it sits among the streams of its subject.
    pub(crate) subject: Option<Place>,
    /// Told inside the first block that has data, in milliseconds.
    pub(crate) retry_ms: Option<u32>,
}

/// How a stream follows its topics.
///
/// ```text
///   opens --> Replaying <----------------------------+
///                | a page reaches the head           | an entry finds no room, or topics are added
///                v                                   |
///              Live ---------------------------------+
/// ```
#[derive(Debug)]
pub(crate) struct Listening {
    /// The number of its subscription, or of the newest change to it.
    pub(crate) since: Seq,
    /// It has everything of its topics up to here.
    pub(crate) cursor: Seq,
    /// One at least.
    pub(crate) topics: Vec<Listed>,
    pub(crate) mode: Mode,
}

/// One topic of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listed {
    /// Where the stream sits among the topic's listeners.
    pub(crate) place: Place,
    /// What the topic has up to here is not for this stream.
    pub(crate) after: Seq,
}

#[derive(Debug)]
pub(crate) enum Mode {
    /// It gets what is offered.
    Live,
    /// It reads pages of the log; offers pass it by.
    Replaying(Box<Replay>),
}

#[derive(Debug)]
pub(crate) struct Replay {
    /// What the first page must tell; `None` behind it.
    pub(crate) opening: Option<Opening>,
    /// Whether the client can resume: it has got an id, and no gap since.
    pub(crate) placed: bool,
    /// Whether a read of this stream waits among the effects; one does at most.
    pub(crate) read_queued: bool,
    /// What the log has offered since and comes after what is still to be read, in order. The log lets the
    /// stream read up to the first of it.
    pub(crate) later: VecDeque<Later>,
}

/// What a live stream would have had at once. A replaying one gets to it when it has read all before,
/// so a slow reader hears the same as a fast one.
#[derive(Debug)]
pub(crate) enum Later {
    /// It is told to go, if it still listens to the topic then.
    SentAway { topic: TopicId, close: Frame },
    /// It listens to other topics.
    Changed(Change),
}

/// Other topics for a stream.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) at: Seq,
    pub(crate) add: Vec<Subscription>,
    pub(crate) remove: Vec<TopicId>,
}

/// How the client's cursor was taken.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Why it does not count.
    pub(crate) gap: Option<GapReason>,
    /// How it came.
    pub(crate) asked: Option<Box<str>>,
}

impl Standing {
    /// Tells whether the stream is like one of the original gateway.
    pub(crate) fn is_bare(&self) -> bool {
        self.listening.is_none() && self.subject.is_none() && self.retry_ms.is_none()
    }

    /// Puts what is to be told first into the first frame that has an event.
    pub(crate) fn lead(&mut self, frame: Frame) -> Frame {
        match self.retry_ms {
            Some(retry_ms) if frame.events() > 0 => {
                self.retry_ms = None;
                frame.with_retry(u64::from(retry_ms))
            }
            _ => frame,
        }
    }
}

impl Listening {
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.mode, Mode::Live)
    }

    pub(crate) fn replay(&self) -> Option<&Replay> {
        match &self.mode {
            Mode::Replaying(replay) => Some(replay),
            Mode::Live => None,
        }
    }

    pub(crate) fn replay_mut(&mut self) -> Option<&mut Replay> {
        match &mut self.mode {
            Mode::Replaying(replay) => Some(replay),
            Mode::Live => None,
        }
    }

    /// Says where it stands when it has read up to the head.
    ///
    /// The head may lie below the subscription, while what a disk does not hold yet is between them;
    /// then a stream that wants nothing of it stands behind it, and one that does before it.
    pub(crate) fn caught_up_at(&self, head: Seq) -> Seq {
        let wanted_above = self.topics.iter().map(|listed| listed.after).min().unwrap_or_default();
        self.cursor.max(head).max(wanted_above)
    }
}

impl Replay {
    /// Begins with what the connect brought.
    pub(crate) fn opening(opening: Opening) -> Box<Self> {
        Box::new(Self { opening: Some(opening), placed: false, read_queued: false, later: VecDeque::new() })
    }

    /// Begins anew, for a client that has its place.
    pub(crate) fn again() -> Box<Self> {
        Box::new(Self { opening: None, placed: true, read_queued: false, later: VecDeque::new() })
    }

    /// Tells whether a change that it has not got to adds a topic.
    pub(crate) fn adds(&self, topic: TopicId) -> bool {
        self.later.iter().any(|later| match later {
            Later::Changed(change) => change.add.iter().any(|subscription| subscription.topic == topic),
            Later::SentAway { .. } => false,
        })
    }
}

/// A topic as the lists of listeners know it.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    pub(crate) id: TopicId,
    pub(crate) name: TopicName,
}

impl PartialEq for Topic {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Topic {}

impl Hash for Topic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl Borrow<TopicId> for Topic {
    fn borrow(&self) -> &TopicId {
        &self.id
    }
}
