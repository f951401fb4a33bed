//! `POST /internal/close`: the end of streams, by what they are known by (protocol, section 16.2).

use std::sync::Arc;

use serde_json::value::RawValue;

use crate::callback::answer::read_subject;
use crate::code::Code;
use crate::json::{Members, Text};
use crate::publish::{REASON_BYTES_MAX, TOPIC};
use crate::send::{NO_TOKEN, NOT_JSON, Rejection, reject};
use crate::{Token, TopicName};

/// Ends streams with a `connection_close`; completes no topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Which streams.
    pub target: Target,
    /// Stands in the `connection_close`: at most [`REASON_BYTES_MAX`].
    pub reason: Arc<str>,
}

/// Which streams a close ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one of this token; `None` when the text can be no token, so that no stream has it.
    Token(Option<Token>),
    /// All that listen to this topic.
    Topic(TopicName),
    /// All that belong to this subject.
    Subject(Box<str>),
}

impl Close {
    /// Reads a body; the first failing check of the specification's order answers.
    ///
    /// # Errors
    /// A [`Rejection`] with the code and message of the table of section 16.2.
    pub fn read(body: &[u8]) -> Result<Self, Rejection> {
        let members = Members::read_body(body, ["token", "topic", "subject", "reason"]);
        let [token, topic, subject, reason] = members.ok_or(NOT_JSON)?.into_array();
        let target = read_target(token, topic, subject)?;
        let reason = reason.and_then(Text::read).filter(|reason| reason.len() <= REASON_BYTES_MAX);
        Ok(Self { target, reason: reason.ok_or(REASON)?.into() })
    }
}

fn read_target(
    token: Option<&RawValue>,
    topic: Option<&RawValue>,
    subject: Option<&RawValue>,
) -> Result<Target, Rejection> {
    match (token, topic, subject) {
        (Some(token), None, None) => {
            let token = Text::read(token).filter(|token| !token.is_empty()).ok_or(NO_TOKEN)?;
            Ok(Target::Token(Token::parse(&token)))
        }
        (None, Some(topic), None) => {
            let topic = Text::read(topic).and_then(|topic| TopicName::parse(&topic));
            Ok(Target::Topic(topic.ok_or(TOPIC)?))
        }
        (None, None, Some(subject)) => Ok(Target::Subject(read_subject(subject).ok_or(SUBJECT)?)),
        _ => Err(NOT_ONE),
    }
}

const NOT_ONE: Rejection =
    reject(Code::InvalidTokenMissing, "Invalid request: exactly one of token, topic and subject is required");
const SUBJECT: Rejection =
    reject(Code::InvalidSubject, "Invalid request: subject must be a string of 1 to 256 bytes");
const REASON: Rejection = reject(
    Code::InvalidCloseType,
    "Invalid request: reason is required and must be a string of at most 1024 bytes",
);
