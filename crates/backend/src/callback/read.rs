//! From a body to a callback.

use serde_json::Value;
use sse_gateway_protocol::callback::Callback;

/// What is wrong with a callback's body; the gateway, or whoever calls instead of it, is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejection {
    #[error("The body must be a JSON object")]
    NotJson,
    #[error("The action must be connect or disconnect")]
    UnknownAction,
    #[error("The callback has the wrong shape")]
    WrongShape(String),
}

pub(super) fn callback(body: &[u8]) -> Result<Callback, Rejection> {
    let value: Value = serde_json::from_slice(body).map_err(|_| Rejection::NotJson)?;
    let object = value.as_object().ok_or(Rejection::NotJson)?;
    match object.get("action").and_then(Value::as_str) {
        Some("connect" | "disconnect") => {
            serde_json::from_value(value).map_err(|error| Rejection::WrongShape(error.to_string()))
        }
        _ => Err(Rejection::UnknownAction),
    }
}
