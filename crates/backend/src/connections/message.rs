//! What services give to the connections, and what they learn back.

use std::sync::Arc;

use crate::Event;

/// An event on its way to an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub(super) event: Arc<Event>,
    pub(super) fallback: Option<Fallback>,
    pub(super) kept: bool,
}

impl Message {
    /// Makes a message that is retained as long as its identifier's events are.
    #[must_use]
    pub fn kept(event: Event) -> Self {
        Self { event: Arc::new(event), fallback: None, kept: true }
    }

    /// Makes a message that goes first when its log is full.
    #[must_use]
    pub fn passing(event: Event) -> Self {
        Self { kept: false, ..Self::kept(event) }
    }

    /// Names the small event that takes this one's place when it is too large to be sent, and the
    /// reason of the end that then follows it.
    #[must_use]
    pub fn or_if_too_large(self, event: Event, reason: &'static str) -> Self {
        Self { fallback: Some(Fallback { event: Arc::new(event), reason }), ..self }
    }

    /// Gives what goes out where so many bytes have room, and the reason of the end behind it: the
    /// message with the end's own reason, or its fallback.
    pub(super) fn fitting(self, room: usize, reason: &str) -> (Self, &str) {
        match self.fallback {
            Some(Fallback { event, reason }) if event_bytes(&self.event) + event_bytes(&event) > room => {
                (Self { event, fallback: None, kept: true }, reason)
            }
            fallback => (Self { fallback, ..self }, reason),
        }
    }

    /// Counts what the message holds in memory, give or take the allocator.
    pub(super) fn bytes(&self) -> usize {
        event_bytes(&self.event) + self.fallback.as_ref().map_or(0, |fallback| event_bytes(&fallback.event))
    }
}

/// What is sent instead of an event that is too large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fallback {
    pub(super) event: Arc<Event>,
    pub(super) reason: &'static str,
}

pub(super) fn event_bytes(event: &Event) -> usize {
    event.name.as_deref().map_or(0, str::len) + event.data.len() + EVENT_OVERHEAD
}

/// What an event costs besides its text.
pub(super) const EVENT_OVERHEAD: usize = 128;

/// What a client gets when nothing is known of its identifier.
///
/// It also says what kind of identifier that is, for with topics another process may know it: every
/// process must give the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// Identifiers are queues: it listens to one that is empty.
    Create,
    /// Identifiers are logs, and there is none: it gets these events, then `connection_close` with the reason, and the end.
    Tell {
        /// What it is told.
        events: Vec<Event>,
        /// The reason in `connection_close`.
        reason: &'static str,
    },
}

/// How far an event has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// The gateway took it for the live stream.
    Delivered,
    /// It is queued for the next occasion.
    Queued,
}

/// Why an event is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// A bound of ours is reached: too many identifiers, or too many bytes.
    #[error("too much is retained already")]
    Full,
    /// The event alone is larger than its identifier may retain; the caller is at fault.
    #[error("the event is too large")]
    TooLarge,
    /// The identifier takes no events: its story has ended, or it was forgotten.
    #[error("nothing more can be published to this identifier")]
    Ended,
}
