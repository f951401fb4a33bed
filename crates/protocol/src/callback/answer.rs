//! The body of an accepted connect (protocol, sections 2.4 and 13).

use serde::Serialize;
use serde_json::value::RawValue;

use super::wish::{self, TopicWish};
use crate::json::{Members, Text, opens_with};
use crate::send::read_retry_ms;
use crate::{Event, event};

/// The longest subject, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 256;

/// The optional body of an accepted connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConnectAnswer {
    /// Goes out first, before anything that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// Ends the stream after the event and after everything that was kept.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub close: bool,
    /// What the stream listens to: at most [`TOPICS_MAX`](super::TOPICS_MAX), each named once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<TopicWish>,
    /// How long the browser waits before it comes back, in milliseconds; sent inside the first block
    /// that has data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
    /// Who the stream belongs to: 1 to 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Box<str>>,
}

impl ConnectAnswer {
    /// Reads the body of a 2xx answer; `event` or `close` that is wrong is left out and named.
    ///
    /// The stream opens all the same: the backend has said yes. `null` counts as absent, because
    /// serialisers of many languages write absent members so.
    ///
    /// # Errors
    /// A member that the original gateway does not know is wrong: a stream without what it asks for
    /// would miss events that nobody counts, so it does not open.
    pub fn read(body: &[u8]) -> Result<(Self, Option<Defect>), InvalidAnswer> {
        if body.is_empty() {
            return Ok((Self::default(), None));
        }
        let members = Members::read_body(body, ["event", "close", "topics", "retry_ms", "subject"]);
        let Some(members) = members else {
            return Ok((Self::default(), Some(Defect::NoObject)));
        };
        let [event, close, topics, retry_ms, subject] = members.into_array().map(without_null);
        let (event, close, defect) = read_first(event, close);
        let topics = topics.map_or(Ok(Vec::new()), wish::read_topics)?;
        let retry_ms = retry_ms.map(|raw| read_retry_ms(raw).ok_or(RETRY_MS)).transpose()?;
        let subject = subject.map(|raw| read_subject(raw).ok_or(SUBJECT)).transpose()?;
        Ok((Self { event, close, topics, retry_ms, subject }, defect))
    }
}

/// Reads the members that the original gateway knows, leniently as it does.
fn read_first(event: Option<&RawValue>, close: Option<&RawValue>) -> (Option<Event>, bool, Option<Defect>) {
    let mut defect = None;
    let close = match close.map(RawValue::get) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            defect = Some(Defect::Close);
            false
        }
    };
    let event = event.and_then(|raw| {
        let event = read_event(raw);
        if event.is_none() {
            defect = Some(Defect::Event);
        }
        event
    });
    (event, close, defect)
}

pub(super) fn without_null(member: Option<&RawValue>) -> Option<&RawValue> {
    member.filter(|raw| raw.get() != "null")
}

pub(super) fn read_event(raw: &RawValue) -> Option<Event> {
    let [name, data] =
        opens_with(raw, '{').then(|| Members::read(raw.get(), ["name", "data"]))??.into_array();
    let name = match without_null(name) {
        None => None,
        Some(raw) => Some(Text::read(raw).filter(|name| event::is_valid_name(name))?.into_owned()),
    };
    Some(Event { name, data: Text::read(data?)?.into_owned() })
}

/// Reads a subject; a text of another length or another type is `None`.
pub(crate) fn read_subject(raw: &RawValue) -> Option<Box<str>> {
    let subject = Text::read(raw).filter(|text| (1..=SUBJECT_BYTES_MAX).contains(&text.len()))?;
    Some(subject.into())
}

/// What is wrong with an accepted connect's body; logged, never fatal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// The body is not a JSON object.
    #[error("the answer is not a JSON object")]
    NoObject,
    /// `event` has the wrong shape, or a name that cannot stand on the wire.
    #[error("`event` is not {{\"name\"?: string without line breaks, \"data\": string}}")]
    Event,
    /// `close` is no boolean.
    #[error("`close` is not a boolean")]
    Close,
}

/// Why an accepted connect's body cannot be followed: the backend's fault, answered to the client
/// as 502 `INVALID_CALLBACK_ANSWER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{member}` is not {expected}")]
pub struct InvalidAnswer {
    /// The member, as a path such as `topics[].from`.
    pub member: &'static str,
    /// What it should be.
    pub expected: &'static str,
}

pub(super) const fn invalid(member: &'static str, expected: &'static str) -> InvalidAnswer {
    InvalidAnswer { member, expected }
}

const RETRY_MS: InvalidAnswer = invalid("retry_ms", "an integer from 0 to 2147483647");
const SUBJECT: InvalidAnswer = invalid("subject", "a string of 1 to 256 bytes");
