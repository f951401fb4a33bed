//! A backend sends.

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::streams::{Kept, State, encode};
use super::{Response, Shared, answer, error, json_answer};

/// The limit of the original's body parser, which its documentation does not name.
const BODY_BYTES_MAX: usize = 100 * 1024;

pub(super) async fn send(body: Incoming, shared: &Shared) -> Response {
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(cause) if cause.is::<LengthLimitError>() => {
            return page(StatusCode::PAYLOAD_TOO_LARGE, "request entity too large");
        }
        Err(cause) => return page(StatusCode::BAD_REQUEST, &cause.to_string()),
    };
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return page(StatusCode::BAD_REQUEST, "Unexpected token in JSON");
    };
    if let Some((code, message)) = mistake(&body) {
        return error(StatusCode::BAD_REQUEST, code, &format!("Invalid request: {message}"));
    }
    let token = body["token"].as_str().unwrap_or_default();
    let event = body.get("event").map(encode);
    deliver(token, event, body["close"] == true, shared).await
}

async fn deliver(token: &str, event: Option<Bytes>, close: bool, shared: &Shared) -> Response {
    let frames = match shared.streams.lock().get_mut(token).map(|stream| &mut stream.state) {
        None => return error(StatusCode::NOT_FOUND, "TOKEN_NOT_FOUND", "Token not found"),
        Some(State::Opening { kept }) => {
            State::keep(kept, Kept { event, close });
            return json_answer(StatusCode::OK, &json!({"status": "buffered"}));
        }
        Some(State::Open { frames }) => frames.clone(),
    };
    if let Some(event) = event {
        // A client that has left takes nothing; the original says `ok` all the same.
        let _ = frames.send(event).await;
    }
    drop(frames);
    if close {
        end(token, shared).await;
    }
    json_answer(StatusCode::OK, &json!({"status": "ok"}))
}

/// Tells the backend first; the stream ends when that is answered, with its last sender.
pub(super) async fn end(token: &str, shared: &Shared) {
    let request = shared.streams.lock().get(token).map(|stream| stream.request.clone());
    if let (Some(request), Some(backend)) = (request, &shared.backend) {
        backend.disconnect(token, &request, "server_closed").await;
    }
    shared.streams.lock().remove(token);
}

/// The first wrong member, in the order of the original's checks.
fn mistake(body: &Value) -> Option<(&'static str, &'static str)> {
    if body["token"].as_str().is_none_or(str::is_empty) {
        return Some(("INVALID_TOKEN_MISSING", "token is required and must be a string"));
    }
    if let Some(event) = body.get("event") {
        if !event.is_object() {
            return Some(("INVALID_EVENT_TYPE", "event must be an object"));
        }
        if !event["data"].is_string() {
            return Some(("INVALID_EVENT_DATA_MISSING", "event.data is required and must be a string"));
        }
        if event.get("name").is_some_and(|name| !name.is_string()) {
            return Some(("INVALID_EVENT_NAME_TYPE", "event.name must be a string"));
        }
    }
    body.get("close")
        .is_some_and(|close| !close.is_boolean())
        .then_some(("INVALID_CLOSE_TYPE", "close must be a boolean"))
}

/// What the original's framework answers by itself.
fn page(status: StatusCode, text: &str) -> Response {
    answer(status, "text/html; charset=utf-8", format!("<!DOCTYPE html>\n<pre>{text}</pre>\n"))
}
