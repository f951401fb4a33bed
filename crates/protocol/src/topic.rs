//! One topic: its name, and what the gateway tells about it (protocol, section 16.3).

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Position;

/// The longest topic name, in bytes.
pub const TOPIC_NAME_BYTES_MAX: usize = 256;

/// Names one topic: 1 to 256 bytes of UTF-8 without control characters. Cloning is a reference count.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// Reads a name; a text that can be none is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let valid = (1..=TOPIC_NAME_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        valid.then(|| Self(text.into()))
    }

    /// Gives its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TopicName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TopicName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("a topic is 1 to 256 bytes without control characters"))
    }
}

/// What the gateway answers to `GET /internal/topics/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicDescription {
    /// The topic.
    pub topic: TopicName,
    /// The oldest event that is retained.
    pub first: Option<Position>,
    /// The newest event that is retained.
    pub last: Option<Position>,
    /// How many events are retained.
    pub events: u64,
    /// Their bytes, as the bounds of retention count them.
    pub bytes: u64,
    /// How many streams listen.
    pub receivers: u64,
    /// Its end, once it is complete.
    pub completed: Option<Completed>,
}

/// The end of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// Stands in the `connection_close` or `topic_close` of every stream.
    pub reason: String,
    /// After all of the topic's events.
    pub position: Position,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_1_to_256_bytes_without_control_characters() {
        for good in
            ["a", "task:42", " ", "-", "/a/b?c=d", "\u{e9}\u{65e5}\u{1f680}", "\u{feff}", &"x".repeat(256)]
        {
            assert_eq!(TopicName::parse(good).expect(good).as_str(), good);
        }
        let accents = "\u{e9}".repeat(129);
        for bad in ["", "a\nb", "\0", "\t", "\u{7f}", "\u{85}", "\u{9f}x", &"x".repeat(257), &accents] {
            assert_eq!(TopicName::parse(bad), None, "{bad:?}");
        }
    }
}
