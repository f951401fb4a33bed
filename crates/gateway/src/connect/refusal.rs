//! Why a client is turned away, before or after the backend was asked.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::Response;
use sse_gateway_protocol::code::Code;
use sse_gateway_protocol::control;
use sse_gateway_protocol::sse::{Frame, Framing};

use super::head;
use super::trouble::{Tone, Trouble};
use crate::cors::Cors;
use crate::reply::{self, Body};
use crate::telemetry::Metrics;

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
    pub(super) fn answer(&self, tone: Tone, metrics: &Metrics) -> Response<Body> {
        match self.telling(tone, metrics) {
            Telling::Stream(frame) => head::ended_stream(&frame),
            Telling::Status(headers) => {
                let mut response = reply::error_with(self.status, self.code, &self.message);
                response.headers_mut().extend(headers);
                response
            }
        }
    }

    /// Gives the same as bytes, for a socket that hyper does not serve any more.
    pub(super) fn answer_bytes(
        &self,
        tone: Tone,
        metrics: &Metrics,
        framing: Framing,
        cors: &Cors,
    ) -> Vec<u8> {
        match self.telling(tone, metrics) {
            Telling::Stream(frame) => head::ended_stream_bytes(framing, cors, &frame),
            Telling::Status(mut headers) => {
                cors.apply(&mut headers);
                reply::closing_error(self.code, &self.message, &headers)
            }
        }
    }

    fn telling(&self, tone: Tone, metrics: &Metrics) -> Telling {
        let Some(trouble) = Trouble::of(self.code, self.status) else {
            return Telling::Status(HeaderMap::new());
        };
        metrics.transient_refusal(trouble.as_str());
        let delay_ms = fastrand::u64(trouble.delays(tone.retry_ms));
        if tone.as_stream {
            return Telling::Stream(control::unavailable(trouble.as_str(), delay_ms));
        }
        let retry_after = HeaderValue::from(delay_ms.div_ceil(1_000));
        Telling::Status(HeaderMap::from_iter([(header::RETRY_AFTER, retry_after)]))
    }
}

/// The form that an answer takes.
enum Telling {
    /// A stream of this event, and the end.
    Stream(Frame),
    /// The refusal's status, with these headers.
    Status(HeaderMap),
}
