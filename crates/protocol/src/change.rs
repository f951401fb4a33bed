//! `POST /internal/streams/{token}/topics`: what a live stream listens to (protocol, section 16.1).

use std::collections::HashSet;

use serde_json::value::RawValue;

use crate::TopicName;
use crate::callback::wish::read_topics;
use crate::callback::{From, TOPICS_MAX, TopicWish};
use crate::code::Code;
use crate::json::{Members, Text};
use crate::send::{NOT_JSON, Rejection, reject};

/// Changes what a live stream listens to, all or nothing. No name is in it twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Listened to from the answer's position on; each `from` is `now`.
    pub add: Vec<TopicWish>,
    /// Left at the answer's position.
    pub remove: Vec<TopicName>,
}

impl Change {
    /// Reads a body; the first failing check of the specification's order answers.
    ///
    /// # Errors
    /// A [`Rejection`] with the code and message of the table of section 16.1.
    pub fn read(body: &[u8]) -> Result<Self, Rejection> {
        let members = Members::read_body(body, ["add", "remove"]);
        let [add, remove] = members.ok_or(NOT_JSON)?.into_array();
        let add = add.map_or(Ok(Vec::new()), read_add)?;
        let remove = remove.map_or(Some(Vec::new()), read_remove).ok_or(REMOVE)?;
        let mut names: HashSet<&TopicName> = add.iter().map(|wish| &wish.name).collect();
        if remove.iter().all(|name| names.insert(name)) { Ok(Self { add, remove }) } else { Err(TWICE) }
    }
}

fn read_add(raw: &RawValue) -> Result<Vec<TopicWish>, Rejection> {
    let wishes =
        read_topics(raw).map_err(|error| if error.member.ends_with(".from") { NOT_NOW } else { ADD })?;
    if wishes.iter().all(|wish| wish.from == From::Now) { Ok(wishes) } else { Err(NOT_NOW) }
}

fn read_remove(raw: &RawValue) -> Option<Vec<TopicName>> {
    let list: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
    let short = list.len() <= TOPICS_MAX;
    short.then(|| list.into_iter().map(|raw| TopicName::parse(&Text::read(raw)?)).collect())?
}

const ADD: Rejection = reject(
    Code::InvalidTopic,
    "Invalid request: add must be an array of at most 100 topics, each named once",
);
const REMOVE: Rejection =
    reject(Code::InvalidTopic, "Invalid request: remove must be an array of at most 100 topic names");
const TWICE: Rejection = reject(Code::InvalidTopic, "Invalid request: a topic is named twice");
const NOT_NOW: Rejection =
    reject(Code::InvalidFrom, "Invalid request: from of a topic that is added must be now");
