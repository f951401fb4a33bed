//! `POST /internal/send`: one backend request to one stream (protocol, section 4).

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::code::Code;
use crate::json::{Members, Text, opens_with};
use crate::sse::Encoder;
use crate::sse::Frame;
use crate::{Event, Token, event};

/// The largest `retry_ms`, and the largest delay that browsers' timers take.
pub const RETRY_MS_MAX: u64 = i32::MAX as u64;

/// What a backend posts.
#[derive(Clone, Debug, Serialize)]
pub struct SendRequest {
    /// The stream.
    pub token: Token,
    /// One event; stands alone, never beside `events`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// Several events, all or nothing, back to back; only to a gateway that names the feature.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Event>,
    /// Ends the stream after the events.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub close: bool,
    /// With `close`: how long the browser waits before it comes back, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_ms: Option<u64>,
}

/// A send that passed every check which needs no stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Send {
    /// The stream; `None` when the text can be no token, so that no stream has it.
    pub token: Option<Token>,
    /// The events, encoded once; `None` when there are none.
    pub frame: Option<Frame>,
    /// Whether the stream ends after them.
    pub close: bool,
}

/// Why a send is refused before its stream is looked up: a code and the words for people.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The code in the answer.
    pub code: Code,
    /// The message in the answer.
    pub message: &'static str,
}

impl Send {
    /// Reads a body; the first failing check of the specification's order answers.
    ///
    /// # Errors
    /// A [`Rejection`] with the code and message of the table of section 4.2.
    pub fn read(body: &[u8]) -> Result<Self, Rejection> {
        let members = Members::read_body(body, ["token", "event", "events", "close", "retry_ms"]);
        let [token, event, events, close, retry_ms] = members.ok_or(NOT_JSON)?.into_array();
        let token = token.and_then(Text::read).filter(|token| !token.is_empty()).ok_or(NO_TOKEN)?;
        let events = read_events(event, events)?;
        let close = match close.map(RawValue::get) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(CLOSE_TYPE),
        };
        let retry_ms =
            retry_ms.map(|raw| read_retry_ms(raw).ok_or(RETRY_TYPE)).transpose()?.filter(|_| close);
        Ok(Self { token: Token::parse(&token), frame: encode(&events, retry_ms), close })
    }
}

fn encode(events: &[Checked<'_>], retry_ms: Option<u64>) -> Option<Frame> {
    if events.is_empty() && retry_ms.is_none() {
        return None;
    }
    let mut encoder = Encoder::for_payload(events.iter().map(|event| event.data.len() + 64).sum());
    for event in events {
        encoder.event(event.name.as_deref(), &event.data);
    }
    if let Some(retry_ms) = retry_ms {
        encoder.retry(retry_ms);
    }
    Some(encoder.finish())
}

/// An event whose name can stand on the wire.
pub(crate) struct Checked<'a> {
    pub(crate) name: Option<Cow<'a, str>>,
    pub(crate) data: Cow<'a, str>,
}

pub(crate) fn read_events<'a>(
    event: Option<&'a RawValue>,
    events: Option<&'a RawValue>,
) -> Result<Vec<Checked<'a>>, Rejection> {
    match (event, events) {
        (None, None) => Ok(Vec::new()),
        (Some(event), None) => Ok(vec![read_event(event)?]),
        (None, Some(events)) => {
            let list: Vec<&RawValue> = serde_json::from_str(events.get()).map_err(|_| EVENTS_TYPE)?;
            if list.is_empty() {
                return Err(EVENTS_TYPE);
            }
            list.into_iter().map(read_event).collect()
        }
        (Some(_), Some(_)) => Err(EVENTS_TYPE),
    }
}

fn read_event(raw: &RawValue) -> Result<Checked<'_>, Rejection> {
    let members = opens_with(raw, '{').then(|| Members::read(raw.get(), ["name", "data"])).flatten();
    read_event_object(members.ok_or(EVENT_TYPE)?)
}

pub(crate) fn read_event_object(members: Members<'_, 2>) -> Result<Checked<'_>, Rejection> {
    let [name, data] = members.into_array();
    let data = data.and_then(Text::read).ok_or(NO_DATA)?;
    let name = match name {
        None => None,
        Some(raw) => Some(Text::read(raw).ok_or(NAME_TYPE)?),
    };
    if name.as_deref().is_some_and(|name| !event::is_valid_name(name)) {
        return Err(NAME_CHARACTERS);
    }
    Ok(Checked { name, data })
}

pub(crate) fn read_retry_ms(raw: &RawValue) -> Option<u64> {
    raw.get().parse().ok().filter(|retry_ms| *retry_ms <= RETRY_MS_MAX)
}

pub(crate) const fn reject(code: Code, message: &'static str) -> Rejection {
    Rejection { code, message }
}

pub(crate) const NOT_JSON: Rejection =
    reject(Code::InvalidJson, "Invalid request: body must be a JSON object");
pub(crate) const NO_TOKEN: Rejection =
    reject(Code::InvalidTokenMissing, "Invalid request: token is required and must be a string");
const EVENT_TYPE: Rejection = reject(Code::InvalidEventType, "Invalid request: event must be an object");
const EVENTS_TYPE: Rejection = reject(
    Code::InvalidEventType,
    "Invalid request: events must be a non-empty array and cannot stand beside event",
);
const NO_DATA: Rejection =
    reject(Code::InvalidEventDataMissing, "Invalid request: event.data is required and must be a string");
const NAME_TYPE: Rejection =
    reject(Code::InvalidEventNameType, "Invalid request: event.name must be a string");
pub(crate) const NAME_CHARACTERS: Rejection =
    reject(Code::InvalidEventName, "Invalid request: event.name must not contain CR, LF or NUL");
const CLOSE_TYPE: Rejection = reject(Code::InvalidCloseType, "Invalid request: close must be a boolean");
const RETRY_TYPE: Rejection =
    reject(Code::InvalidRetry, "Invalid request: retry_ms must be an integer from 0 to 2147483647");
