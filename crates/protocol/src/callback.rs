//! What the gateway asks and tells the backend (protocol, sections 2 and 6), and what the backend
//! answers (sections 2 and 13).

pub(crate) mod answer;
pub(crate) mod wish;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::Token;
pub use answer::{ConnectAnswer, Defect, InvalidAnswer, SUBJECT_BYTES_MAX};
pub use wish::{From, IfMissing, TOPICS_MAX, TopicWish};

/// The body of a callback, told apart by `action`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum Callback {
    /// A client asks for a stream; the answer decides.
    Connect {
        /// The stream to be.
        token: Token,
        /// What the client asked.
        request: StoredRequest,
    },
    /// An accepted stream has ended; the answer does not matter.
    Disconnect {
        /// What ended it.
        reason: CloseReason,
        /// The stream that was.
        token: Token,
        /// The same request as in its connect.
        request: StoredRequest,
        /// Whether the stream opened; the original gateway does not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opened: Option<bool>,
    },
}

impl Callback {
    /// Writes the body of a connect around a request that is stored as JSON already.
    #[must_use]
    pub fn connect_body(token: &Token, stored_request: &str) -> String {
        let mut body = String::with_capacity(stored_request.len() + BODY_BYTES);
        body.push_str(r#"{"action":"connect""#);
        push_stream(&mut body, token, stored_request);
        body.push('}');
        body
    }

    /// Writes the body of a disconnect around a request that is stored as JSON already.
    #[must_use]
    pub fn disconnect_body(token: &Token, reason: CloseReason, opened: bool, stored_request: &str) -> String {
        let mut body = String::with_capacity(stored_request.len() + BODY_BYTES);
        body.push_str(r#"{"action":"disconnect","reason":""#);
        body.push_str(reason.as_str());
        body.push('"');
        push_stream(&mut body, token, stored_request);
        body.push_str(if opened { r#","opened":true}"# } else { r#","opened":false}"# });
        body
    }
}

/// Room for all of a body but the stored request.
const BODY_BYTES: usize = 144;

fn push_stream(body: &mut String, token: &Token, stored_request: &str) {
    body.push_str(r#","token":""#);
    token.push_to(body);
    body.push_str(r#"","request":"#);
    body.push_str(stored_request);
}

/// The client's request, as data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRequest {
    /// The raw request target.
    pub url: String,
    /// Lower-case names; bytes of the values decoded as ISO-8859-1, duplicates joined.
    #[serde(default, deserialize_with = "read_headers")]
    pub headers: BTreeMap<String, String>,
}

/// The original gateway gives `set-cookie` as a list, and any client can send one.
#[derive(Deserialize)]
#[serde(untagged)]
enum HeaderValue {
    Joined(String),
    List(Vec<String>),
}

fn read_headers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let headers = BTreeMap::<String, HeaderValue>::deserialize(deserializer)?;
    let joined = headers.into_iter().map(|(name, value)| match value {
        HeaderValue::Joined(value) => (name, value),
        HeaderValue::List(values) => (name, values.join(", ")),
    });
    Ok(joined.collect())
}

/// What ended a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The client left: FIN, RST or EPIPE.
    ClientClosed,
    /// The backend asked for the end, or the gateway is shutting down.
    ServerClosed,
    /// Slow or vanished reader, failure, or a connect whose outcome is unknown.
    Error,
}

impl CloseReason {
    /// Gives the text on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            CloseReason::ClientClosed => "client_closed",
            CloseReason::ServerClosed => "server_closed",
            CloseReason::Error => "error",
        }
    }
}
