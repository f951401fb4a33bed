//! The name of one stream.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Names one stream for its whole life; whoever holds it can send to the stream.
///
/// A token is a secret: `Debug` shows eight of its 32 hexadecimal digits, and only
/// [`expose`](Token::expose) gives the full text. It is never reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(Uuid);

impl Token {
    /// Makes a version 4 UUID of sixteen random bytes; six of the 128 bits become fixed.
    #[must_use]
    pub fn from_random_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Reads the canonical form only: lower-case, hyphenated, 36 characters.
    ///
    /// Anything else names no stream: two spellings of one token would be two keys elsewhere.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let canonical = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        canonical.then(|| Uuid::try_parse(text).ok()).flatten().map(Self)
    }

    /// Gives the full text, for the wire; never for a log.
    #[must_use]
    pub fn expose(&self) -> impl fmt::Display + use<> {
        self.0.hyphenated()
    }

    /// Adds the full text to a text for the wire, without the machinery of formatting.
    pub(crate) fn push_to(&self, text: &mut String) {
        text.push_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }

    /// Gives the sixteen bytes; all but six bits are random, the first eight bits among them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0.as_bytes();
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}…")
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.expose())
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Token::parse(&text).ok_or_else(|| serde::de::Error::custom("a token is a lower-case UUID"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_spelling_is_a_token() {
        let text = "0f4ba9ae-7ae0-4cd1-8ee6-2a3b8b1f2c3d";
        assert_eq!(Token::parse(text).expect("canonical").expose().to_string(), text);
        for other in [
            "0F4BA9AE-7AE0-4CD1-8EE6-2A3B8B1F2C3D",
            "0f4ba9ae7ae04cd18ee62a3b8b1f2c3d",
            "{0f4ba9ae-7ae0-4cd1-8ee6-2a3b8b1f2c3d}",
            "urn:uuid:0f4ba9ae-7ae0-4cd1-8ee6-2a3b8b1f2c3d",
            "",
            "tøken",
        ] {
            assert_eq!(Token::parse(other), None, "{other}");
        }
    }

    #[test]
    fn debug_shows_a_quarter_of_the_token() {
        let token = Token::from_random_bytes([0xab; 16]);
        assert_eq!(format!("{token:?}"), "abababab…");
    }
}
