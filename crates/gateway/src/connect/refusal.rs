//! Why a client is turned away, before or after the backend was asked.

use http::StatusCode;
use hyper::Response;
use sse_gateway_protocol::code::Code;

use crate::reply::{self, Body};

/// Why a client is turned away.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: Code,
    pub(super) message: String,
    /// Names the outcome in the metrics and the log.
    pub(super) outcome: &'static str,
    /// Whether the backend may have accepted, so that it must hear of the end.
    pub(super) perhaps_accepted: bool,
    /// What is known beyond the message, for the log.
    pub(super) detail: Option<String>,
}

impl Refusal {
    /// A refusal of the gateway's own, with its code's status; the backend has not accepted.
    pub(super) fn ours(code: Code, message: &str, outcome: &'static str) -> Self {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, message: message.to_owned(), outcome, perhaps_accepted: false, detail: None }
    }

    /// Gives what the client hears.
    pub(super) fn answer(&self) -> Response<Body> {
        reply::error_with(self.status, self.code, &self.message)
    }
}
