//! Ordinary answers: small JSON bodies, and errors of one shape.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::Full;
use hyper::Response;
use hyper::body::{Frame, SizeHint};
use sse_gateway_protocol::code::{Code, error_body};
use tokio::sync::mpsc;

use crate::listener::AnswerGuard;

pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Answers an error with its code's own status.
pub(crate) fn error(code: Code, message: &str) -> Response<Body> {
    error_with(status(code), code, message)
}

pub(crate) fn error_with(status: StatusCode, code: Code, message: &str) -> Response<Body> {
    json(status, error_body(code, message))
}

pub(crate) fn not_found() -> Response<Body> {
    error(Code::NotFound, "Not found")
}

pub(crate) fn method_not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = error(Code::MethodNotAllowed, "Method not allowed");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Makes an answer the last on its connection, and say so: a pooled client would send its next
/// request into the close and lose it.
pub(crate) fn closing(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Writes an error answer as bytes, for a connection that hyper does not serve; `headers` are added.
pub(crate) fn closing_error(code: Code, message: &str, headers: &HeaderMap) -> Vec<u8> {
    let body = error_body(code, message);
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    closing_answer(status(code), &fields, headers, &body)
}

/// Writes an answer without a body as bytes: there is nothing to tell, and never will be.
pub(crate) fn closing_no_content(headers: &HeaderMap) -> Vec<u8> {
    closing_answer(StatusCode::NO_CONTENT, "", headers, "")
}

fn closing_answer(status: StatusCode, fields: &str, headers: &HeaderMap, body: &str) -> Vec<u8> {
    let reason = status.canonical_reason().unwrap_or_default();
    let date = httpdate::fmt_http_date(SystemTime::now());
    let mut answer =
        format!("HTTP/1.1 {} {reason}\r\nDate: {date}\r\n{fields}", status.as_u16()).into_bytes();
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            answer.extend_from_slice(part);
        }
    }
    answer.extend_from_slice(b"Connection: close\r\n\r\n");
    answer.extend_from_slice(body.as_bytes());
    answer
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The body of an answer, which holds its connection's guard until hyper has taken all of it.
#[derive(Debug)]
pub(crate) struct Body {
    content: Content,
    guard: Option<AnswerGuard>,
}

#[derive(Debug)]
enum Content {
    /// All of it is there.
    Whole(Full<Bytes>),
    /// It comes in pieces, as somebody writes them; the end of the channel is its end.
    Pieces(mpsc::Receiver<Bytes>),
}

impl Body {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self { content: Content::Whole(Full::new(bytes.into())), guard: None }
    }

    pub(crate) fn pieces(receiver: mpsc::Receiver<Bytes>) -> Self {
        Self { content: Content::Pieces(receiver), guard: None }
    }

    /// A body whose length is not said, as a stream's is not.
    pub(crate) fn streamed(bytes: impl Into<Bytes>) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        // There is room for one piece, and the receiver is right here.
        let _ = sender.try_send(bytes.into());
        Self::pieces(receiver)
    }

    /// Gives the body its connection's guard.
    pub(crate) fn guarded(mut self, guard: Option<AnswerGuard>) -> Self {
        self.guard = guard;
        self
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.content {
            Content::Whole(body) => Pin::new(body).poll_frame(cx),
            Content::Pieces(receiver) => {
                receiver.poll_recv(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(body) => body.is_end_stream(),
            Content::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(body) => body.size_hint(),
            Content::Pieces(_) => SizeHint::default(),
        }
    }
}
