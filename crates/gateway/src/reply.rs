//! Ordinary answers: small JSON bodies, and errors of one shape.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::Full;
use hyper::Response;
use hyper::body::{Body, Frame, SizeHint};
use sse_gateway_protocol::code::{Code, error_body};

use crate::listener::AnswerGuard;

pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Answers an error with its code's own status.
pub(crate) fn error(code: Code, message: &str) -> Response<Full<Bytes>> {
    error_with(status(code), code, message)
}

pub(crate) fn error_with(status: StatusCode, code: Code, message: &str) -> Response<Full<Bytes>> {
    json(status, error_body(code, message))
}

pub(crate) fn not_found() -> Response<Full<Bytes>> {
    error(Code::NotFound, "Not found")
}

pub(crate) fn method_not_allowed(allowed: &'static str) -> Response<Full<Bytes>> {
    let mut response = error(Code::MethodNotAllowed, "Method not allowed");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Writes an error answer as bytes, for a connection whose request could not be read.
pub(crate) fn closing_error(code: Code, message: &str) -> Vec<u8> {
    let status = status(code);
    let reason = status.canonical_reason().unwrap_or_default();
    let date = httpdate::fmt_http_date(SystemTime::now());
    let body = error_body(code, message);
    format!(
        "HTTP/1.1 {} {reason}\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        status.as_u16(),
        body.len(),
    )
    .into_bytes()
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A body that holds its connection's guard until hyper has taken all of it.
#[derive(Debug)]
pub(crate) struct Guarded {
    body: Full<Bytes>,
    _guard: AnswerGuard,
}

impl Guarded {
    pub(crate) fn new(body: Full<Bytes>, guard: AnswerGuard) -> Self {
        Self { body, _guard: guard }
    }
}

impl Body for Guarded {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
