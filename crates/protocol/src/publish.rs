//! `POST /internal/publish`: one backend request to one topic (protocol, section 15).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use twox_hash::XxHash3_64;

use crate::code::Code;
use crate::json::{Members, Text, opens_with};
use crate::send::{Checked, NOT_JSON, Rejection, read_event_object, read_events, reject};
use crate::sse::Draft;
use crate::{Event, Position, TopicName, event};

/// The names of the gateway's own events, which nobody can publish.
///
/// A send may use them: backends of the original gateway send `connection_close` themselves.
pub const RESERVED: [&str; 5] = ["connection_close", "topic_close", "gap", "cursor", "unavailable"];

/// The longest idempotency key, in bytes.
pub const KEY_BYTES_MAX: usize = 256;

/// The longest reason of a completion or a close, in bytes: a log keeps it with the topic.
pub const REASON_BYTES_MAX: usize = 1024;

/// What a backend posts.
#[derive(Clone, Debug, Serialize)]
pub struct PublishRequest {
    /// The topic.
    pub topic: TopicName,
    /// One event; stands alone, never beside `events`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// Several events, all or nothing, one after the other in the log.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// The idempotency key: the same request again changes nothing and is answered as the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Completes the topic after the events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<Completing>,
}

/// Completes a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Completing {
    /// Stands in the `connection_close` or `topic_close` that every stream gets: at most
    /// [`REASON_BYTES_MAX`].
    pub reason: String,
}

/// What the gateway answers a publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The last number that the publish took.
    pub position: Position,
    /// How many streams were subscribed at that position.
    pub receivers: u64,
}

/// A publish that passed every check which needs no log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The topic.
    pub topic: TopicName,
    /// The events, in order; may be none.
    pub events: Vec<Draft>,
    /// The idempotency key: 1 to 256 bytes.
    pub key: Option<Box<str>>,
    /// Tells bodies of one key apart: the same for the same events and completion, in every release
    /// and on every machine, because a durable log stores it.
    pub fingerprint: u64,
    /// Why the topic is complete after the events; `None` when it is not.
    pub close: Option<Arc<str>>,
}

impl Publish {
    /// Reads a body; the first failing check of the specification's order answers.
    ///
    /// # Errors
    /// A [`Rejection`] with the code and message of the table of section 15.2.
    pub fn read(body: &[u8]) -> Result<Self, Rejection> {
        let members = Members::read_body(body, ["topic", "id", "event", "events", "close"]);
        let [topic, id, event, events, close] = members.ok_or(NOT_JSON)?.into_array();
        let topic = topic.and_then(Text::read).ok_or(TOPIC).and_then(|topic| read_topic(&topic))?;
        let key = id.map(|raw| read_key(raw).ok_or(KEY)).transpose()?;
        let events = read_events(event, events)?.iter().map(draft).collect::<Result<Vec<_>, _>>()?;
        let close = close.map(read_close).transpose()?;
        Ok(Self::new(topic, events, key, close))
    }

    /// Puts together a publish from parts that were checked one by one.
    #[must_use]
    pub fn new(topic: TopicName, events: Vec<Draft>, key: Option<Box<str>>, close: Option<Arc<str>>) -> Self {
        let fingerprint = fingerprint(&events, close.as_deref());
        Self { topic, events, key, fingerprint, close }
    }
}

/// Reads a topic's name, such as that of `?topic=`.
///
/// # Errors
/// `INVALID_TOPIC` when it is not 1 to 256 bytes without control characters.
pub fn read_topic(text: &str) -> Result<TopicName, Rejection> {
    TopicName::parse(text).ok_or(TOPIC)
}

/// Reads one event object `{"name"?, "data"}`, such as a line of the streaming form.
///
/// # Errors
/// The code that `event` of a publish would get; `INVALID_JSON` for what is no object.
pub fn read_event(line: &[u8]) -> Result<Draft, Rejection> {
    let members = Members::read_body(line, ["name", "data"]).ok_or(NOT_JSON)?;
    draft(&read_event_object(members)?)
}

/// Checks and encodes an event that came in another form, such as a decoded event stream.
///
/// # Errors
/// `INVALID_EVENT_NAME` for a name with CR, LF or NUL, `RESERVED_EVENT_NAME` for the gateway's own.
pub fn encode_event(name: Option<&str>, data: &str) -> Result<Draft, Rejection> {
    if name.is_some_and(|name| !event::is_valid_name(name)) {
        return Err(crate::send::NAME_CHARACTERS);
    }
    draft(&Checked { name: name.map(Into::into), data: data.into() })
}

/// Reads the reason of a completion or a close, such as that of `?close=`.
///
/// # Errors
/// `INVALID_CLOSE_TYPE` when it is longer than [`REASON_BYTES_MAX`].
pub fn read_reason(text: &str) -> Result<Arc<str>, Rejection> {
    if text.len() > REASON_BYTES_MAX { Err(CLOSE) } else { Ok(text.into()) }
}

fn draft(event: &Checked<'_>) -> Result<Draft, Rejection> {
    if event.name.as_deref().is_some_and(|name| RESERVED.contains(&name)) {
        return Err(RESERVED_NAME);
    }
    Ok(Draft::new(event.name.as_deref(), &event.data))
}

fn read_key(raw: &RawValue) -> Option<Box<str>> {
    let key = Text::read(raw).filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()))?;
    Some(key.into())
}

fn read_close(raw: &RawValue) -> Result<Arc<str>, Rejection> {
    let members = opens_with(raw, '{').then(|| Members::read(raw.get(), ["reason"])).flatten();
    let [reason] = members.ok_or(CLOSE)?.into_array();
    read_reason(&reason.and_then(Text::read).ok_or(CLOSE)?)
}

/// Each part seeds the hash of the next, and a hash covers its part's length.
fn fingerprint(events: &[Draft], close: Option<&str>) -> u64 {
    let parts = events.iter().map(Draft::lines).chain(close.map(str::as_bytes));
    parts.fold(events.len() as u64, XxHash3_64::oneshot_with_seed)
}

pub(crate) const TOPIC: Rejection = reject(
    Code::InvalidTopic,
    "Invalid request: topic is required and must be 1 to 256 bytes without control characters",
);
const KEY: Rejection = reject(Code::InvalidId, "Invalid request: id must be a string of 1 to 256 bytes");
const RESERVED_NAME: Rejection =
    reject(Code::ReservedEventName, "Invalid request: event.name is one of the gateway's own");
const CLOSE: Rejection = reject(
    Code::InvalidCloseType,
    "Invalid request: close must be an object with a reason, a string of at most 1024 bytes",
);
