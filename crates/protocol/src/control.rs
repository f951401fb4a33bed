//! The gateway's own events (protocol, section 14.2): each is one frame of one event.

use serde::Serialize;

use crate::sse::{Encoder, Frame};
use crate::{Epoch, Position, Seq, TopicName};

/// Why a stream does not get all that it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// Retention has dropped some of it.
    Expired,
    /// The cursor is beyond the newest entry.
    Future,
    /// The cursor is of another life of the log.
    Epoch,
    /// The cursor names no position.
    Unknown,
}

impl GapReason {
    /// Gives the text on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Future => "future",
            Self::Epoch => "epoch",
            Self::Unknown => "unknown",
        }
    }
}

/// Announces the end of the stream: nothing follows it.
///
/// `id` is that of the completion when one ends the stream; `retry_ms` tells the browser how long to
/// stay away.
#[must_use]
pub fn connection_close(reason: &str, id: Option<(&Epoch, Seq)>, retry_ms: Option<u64>) -> Frame {
    event("connection_close", &Ending { topic: None, reason }, id, retry_ms)
}

/// Announces that one topic of the stream is complete, or gone; the stream goes on.
#[must_use]
pub fn topic_close(topic: &TopicName, reason: &str, id: (&Epoch, Seq)) -> Frame {
    event("topic_close", &Ending { topic: Some(topic.as_str()), reason }, Some(id), None)
}

/// Tells the client where its listening stands, so that it resumes without a hole before its first
/// event.
#[must_use]
pub fn cursor(id: (&Epoch, Seq)) -> Frame {
    event("cursor", &Empty {}, Some(id), None)
}

/// Tells the client that it misses events of these topics.
///
/// `from` is the cursor as it was asked, `to` where what follows begins. It carries no id: the
/// [`cursor`] or the event that follows does.
#[must_use]
pub fn gap(reason: GapReason, topics: &[TopicName], from: Option<&str>, to: (&Epoch, Seq)) -> Frame {
    let to = Position { epoch: to.0.clone(), seq: to.1 };
    event("gap", &Gap { reason, topics, from, to }, None, None)
}

/// Tells a client that it cannot have its stream at the moment, and when to ask again; the end follows.
#[must_use]
pub fn unavailable(reason: &str, retry_ms: u64) -> Frame {
    event("unavailable", &Ending { topic: None, reason }, None, Some(retry_ms))
}

#[derive(Serialize)]
struct Ending<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    reason: &'a str,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Gap<'a> {
    reason: GapReason,
    topics: &'a [TopicName],
    from: Option<&'a str>,
    to: Position,
}

fn event(name: &str, data: &impl Serialize, id: Option<(&Epoch, Seq)>, retry_ms: Option<u64>) -> Frame {
    let data = serde_json::to_string(data).expect("texts and lists of them always serialise");
    let mut encoder = Encoder::for_payload(data.len() + 128);
    encoder.event(Some(name), &data);
    if let Some((epoch, seq)) = id {
        encoder.id(epoch, seq);
    }
    if let Some(retry_ms) = retry_ms {
        encoder.retry(retry_ms);
    }
    encoder.finish()
}
