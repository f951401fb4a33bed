//! What a gateway called.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use serde_json::Value;

use crate::Head;

/// What a request to the backend is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A client wants a stream.
    Connect,
    /// A stream has ended.
    Disconnect,
    /// No callback at all, such as a followed redirect.
    Other,
}

/// One request to the backend, taken apart.
#[derive(Debug)]
pub struct Callback {
    /// What it is.
    pub action: Action,
    /// The stream; empty when the body names none.
    pub token: String,
    /// The client's request target.
    pub url: String,
    /// The client's headers, as the body tells them.
    pub headers: BTreeMap<String, String>,
    /// What ended the stream; empty in a connect.
    pub reason: String,
    /// Whether the stream had opened, where the gateway says so.
    pub opened: Option<bool>,
    /// The callback's own request line and headers.
    pub head: Head,
    /// The body as it arrived.
    pub raw: Bytes,
    /// Which of the backend's connections it came on, counted from 0.
    pub connection: usize,
    /// When it had arrived completely.
    pub at: Instant,
}

impl Callback {
    pub(super) fn read(head: Head, raw: Bytes, connection: usize) -> Self {
        let body: Value = serde_json::from_slice(&raw).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let headers = body["request"]["headers"].as_object().into_iter().flatten();
        Self {
            action: match body["action"].as_str() {
                Some("connect") => Action::Connect,
                Some("disconnect") => Action::Disconnect,
                _ => Action::Other,
            },
            token: text(&body["token"]),
            url: text(&body["request"]["url"]),
            headers: headers.map(|(name, value)| (name.clone(), text(value))).collect(),
            reason: text(&body["reason"]),
            opened: body["opened"].as_bool(),
            head,
            raw,
            connection,
            at: Instant::now(),
        }
    }

    /// Reads the body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.raw).expect("a JSON body")
    }

    /// The target of the callback's own request: path and query.
    #[must_use]
    pub fn target(&self) -> &str {
        self.head.start.split(' ').nth(1).unwrap_or_default()
    }
}
