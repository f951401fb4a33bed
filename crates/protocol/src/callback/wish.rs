//! What a stream asks of the log (protocol, section 13).

use std::collections::HashSet;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::answer::{InvalidAnswer, invalid, read_event, without_null};
use crate::json::{Members, Text, opens_with};
use crate::publish::{REASON_BYTES_MAX, RESERVED};
use crate::{Event, Position, TopicName};

/// How many topics one answer may name, and one stream may listen to.
pub const TOPICS_MAX: usize = 100;

/// One topic that a stream wants to listen to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopicWish {
    /// The topic; it is made when it does not exist, unless `if_missing` says otherwise.
    pub name: TopicName,
    /// Where to begin, for a client that brings no cursor.
    #[serde(skip_serializing_if = "From::is_now")]
    pub from: From,
    /// Takes the topic over: no other stream listens to it afterwards.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
    /// What the stream gets, and nothing else, when the topic does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_missing: Option<IfMissing>,
}

impl TopicWish {
    /// Listens to a topic from now on, beside others.
    #[must_use]
    pub fn to(name: TopicName) -> Self {
        Self { name, from: From::Now, exclusive: false, if_missing: None }
    }
}

/// Where a stream without a cursor begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// With what is published after the stream has opened.
    #[default]
    Now,
    /// With all that is retained.
    Start,
    /// With the newest event.
    Last,
    /// After the newest event that was handed to any stream of this topic.
    Undelivered,
    /// After a position.
    At(Position),
}

impl From {
    /// Reads the text of the wire; one that names no place is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "now" => Self::Now,
            "start" => Self::Start,
            "last" => Self::Last,
            "undelivered" => Self::Undelivered,
            position => Self::At(Position::parse(position.as_bytes())?),
        })
    }

    fn is_now(&self) -> bool {
        *self == Self::Now
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::Start => f.write_str("start"),
            Self::Last => f.write_str("last"),
            Self::Undelivered => f.write_str("undelivered"),
            Self::At(position) => position.fmt(f),
        }
    }
}

impl Serialize for From {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The whole of a stream whose topic does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IfMissing {
    /// What it gets first; may be empty.
    pub events: Vec<Event>,
    /// Stands in the `connection_close` that follows: at most [`REASON_BYTES_MAX`].
    pub reason: String,
}

/// Reads the member `topics` of an answer, or `add` of a change.
pub(crate) fn read_topics(raw: &RawValue) -> Result<Vec<TopicWish>, InvalidAnswer> {
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| TOPICS)?;
    if list.len() > TOPICS_MAX {
        return Err(TOO_MANY);
    }
    let wishes = list.into_iter().map(read_wish).collect::<Result<Vec<_>, _>>()?;
    let names: HashSet<&TopicName> = wishes.iter().map(|wish| &wish.name).collect();
    if names.len() < wishes.len() {
        return Err(TWICE);
    }
    Ok(wishes)
}

fn read_wish(raw: &RawValue) -> Result<TopicWish, InvalidAnswer> {
    if let Some(name) = Text::read(raw) {
        return Ok(TopicWish::to(TopicName::parse(&name).ok_or(NAME)?));
    }
    let [name, from, exclusive, if_missing] = opens_with(raw, '{')
        .then(|| Members::read(raw.get(), ["name", "from", "exclusive", "if_missing"]))
        .flatten()
        .ok_or(TOPICS)?
        .into_array()
        .map(without_null);
    Ok(TopicWish {
        name: name.and_then(Text::read).and_then(|name| TopicName::parse(&name)).ok_or(NAME)?,
        from: from.map_or(Some(From::Now), |raw| From::parse(&Text::read(raw)?)).ok_or(FROM)?,
        exclusive: match exclusive.map(RawValue::get) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(EXCLUSIVE),
        },
        if_missing: if_missing.map(|raw| read_if_missing(raw).ok_or(IF_MISSING)).transpose()?,
    })
}

fn read_if_missing(raw: &RawValue) -> Option<IfMissing> {
    let [events, reason] =
        opens_with(raw, '{').then(|| Members::read(raw.get(), ["events", "reason"]))??.into_array();
    let events: Vec<&RawValue> = match without_null(events) {
        None => Vec::new(),
        Some(events) => serde_json::from_str(events.get()).ok()?,
    };
    let own = |event: &Event| event.name.as_deref().is_none_or(|name| !RESERVED.contains(&name));
    let events = events.into_iter().map(|raw| read_event(raw).filter(own)).collect::<Option<_>>()?;
    let reason = Text::read(reason?).filter(|reason| reason.len() <= REASON_BYTES_MAX)?;
    Some(IfMissing { events, reason: reason.into_owned() })
}

const TOPICS: InvalidAnswer = invalid("topics", "an array of strings and objects");
const TOO_MANY: InvalidAnswer = invalid("topics", "at most 100 topics");
const TWICE: InvalidAnswer = invalid("topics", "a list without a name that comes twice");
const NAME: InvalidAnswer = invalid("topics[].name", "a string of 1 to 256 bytes without control characters");
const FROM: InvalidAnswer = invalid("topics[].from", "now, start, last, undelivered or a position");
const EXCLUSIVE: InvalidAnswer = invalid("topics[].exclusive", "a boolean");
const IF_MISSING: InvalidAnswer = invalid(
    "topics[].if_missing",
    "{\"events\": array of events whose names are not the gateway's own, \"reason\": string of at most 1024 bytes}",
);
