//! `POST /internal/send`: events to one stream.

use hyper::{Method, StatusCode};
use serde::Deserialize;
use sse_gateway_protocol::send::SendRequest;

use super::{Failure, Gateway};
use crate::connections::registry::{Outcome, Request};

impl Gateway {
    /// Posts one request; never longer than the send timeout.
    pub(in crate::connections) async fn send(&self, request: &Request, retry_ms: Option<u64>) -> Outcome {
        let body =
            serde_json::to_vec(&wire(request, retry_ms)).expect("strings and numbers always serialise");
        match self.answer(self.request(Method::POST, &self.send, body.into())).await {
            Ok(answer) => outcome(answer.status, &answer.body),
            Err(Failure::NotConnected) => Outcome::NotTaken,
            Err(Failure::Broken) => Outcome::Unknown,
        }
    }
}

/// One event goes out as `event`, which every gateway understands.
fn wire(request: &Request, retry_ms: Option<u64>) -> SendRequest {
    let mut events = request.events.iter().map(|event| (**event).clone());
    let (event, events) = match events.len() {
        0 | 1 => (events.next(), Vec::new()),
        _ => (None, events.collect()),
    };
    SendRequest { token: request.token, event, events, close: request.close, retry_ms }
}

#[derive(Deserialize)]
struct Sent {
    status: String,
}

/// Reads the answer by protocol 1.3. What is neither a yes nor a known no stays unknown.
fn outcome(status: StatusCode, body: &[u8]) -> Outcome {
    match status {
        StatusCode::OK => match serde_json::from_slice::<Sent>(body) {
            Ok(Sent { status }) if status == "ok" => Outcome::Ok,
            Ok(Sent { status }) if status == "buffered" => Outcome::Buffered,
            _ => Outcome::Unknown,
        },
        StatusCode::NOT_FOUND => Outcome::Gone,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Outcome::Rejected,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => Outcome::NotTaken,
        _ => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_yes_a_known_no_or_unknown() {
        let read = |status: u16, body: &str| {
            outcome(StatusCode::from_u16(status).expect("a status"), body.as_bytes())
        };
        assert_eq!(read(200, r#"{"status":"ok"}"#), Outcome::Ok);
        assert_eq!(read(200, r#"{"status":"buffered"}"#), Outcome::Buffered);
        assert_eq!(read(200, "<html>"), Outcome::Unknown);
        assert_eq!(read(404, "{}"), Outcome::Gone);
        assert_eq!(read(413, "{}"), Outcome::Rejected);
        assert_eq!(read(400, "{}"), Outcome::Rejected);
        assert_eq!(read(429, "{}"), Outcome::NotTaken);
        assert_eq!(read(401, "{}"), Outcome::NotTaken);
        for status in [302, 500, 502, 503, 504] {
            assert_eq!(read(status, ""), Outcome::Unknown, "{status}");
        }
    }
}
