//! What goes back to the gateway.

use serde_json::json;
use sse_gateway_protocol::Event;
use sse_gateway_protocol::callback::{ConnectAnswer, TopicWish};

use super::read::Rejection;
use crate::InvalidIdentifier;

/// A status and a JSON body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, `application/json`.
    pub body: String,
}

impl CallbackAnswer {
    /// The client is connected: its stream begins with `connection_open`, and listens to the topic if
    /// there is one.
    pub(super) fn connected(wish: Option<TopicWish>) -> Self {
        let event = Event::named("connection_open", r#"{"status":"connected"}"#);
        let answer = ConnectAnswer {
            event: Some(event),
            topics: wish.into_iter().collect(),
            ..ConnectAnswer::default()
        };
        Self { status: 200, body: json!(answer).to_string() }
    }

    /// A disconnect was noted.
    pub(super) fn noted() -> Self {
        Self { status: 200, body: json!({ "status": "ok" }).to_string() }
    }

    pub(super) fn unauthorized() -> Self {
        Self::error(401, "UNAUTHORIZED", "The secret is missing or wrong")
    }

    pub(super) fn no_service() -> Self {
        Self::error(400, "NO_SERVICE", "No service takes this URL")
    }

    pub(super) fn bad_id(parameter: &str, error: InvalidIdentifier) -> Self {
        Self::error(400, "INVALID_IDENTIFIER", &format!("{parameter} {error}"))
    }

    /// A service's own refusal; a status that is no error would accept the client.
    pub(super) fn refused(status: u16, message: &str) -> Self {
        let status = if (400..600).contains(&status) { status } else { 403 };
        Self::error(status, "REFUSED", message)
    }

    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        Self { status, body: json!({ "error": { "message": message, "code": code } }).to_string() }
    }
}

impl From<Rejection> for CallbackAnswer {
    fn from(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        let (code, details) = match rejection {
            Rejection::NotJson => ("INVALID_JSON", None),
            Rejection::UnknownAction => ("UNKNOWN_ACTION", None),
            Rejection::WrongShape(details) => ("INVALID_CALLBACK", Some(details)),
        };
        let mut error = json!({ "message": message, "code": code });
        if let Some(details) = details {
            error["details"] = details.into();
        }
        Self { status: 400, body: json!({ "error": error }).to_string() }
    }
}
