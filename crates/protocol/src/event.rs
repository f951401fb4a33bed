//! What a backend sends.

use serde::{Deserialize, Serialize};

/// One server-sent event: an optional name and its data.
///
/// An absent or empty name leaves the `event:` line out, and browsers dispatch it as `message`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The event's type; without CR, LF and NUL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The payload, any Unicode; line breaks of each kind arrive as LF.
    pub data: String,
}

impl Event {
    /// Makes a named event.
    pub fn named(name: impl Into<String>, data: impl Into<String>) -> Self {
        Self { name: Some(name.into()), data: data.into() }
    }

    /// Makes an event without a name.
    pub fn unnamed(data: impl Into<String>) -> Self {
        Self { name: None, data: data.into() }
    }
}

/// Tells whether a name can stand on an `event:` line: no CR, LF or NUL.
pub(crate) fn is_valid_name(name: &str) -> bool {
    !name.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}
