//! The bodies of the backend's requests: how large, how long, of what kind.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Response};
use serde_json::value::RawValue;
use sse_gateway_protocol::code::Code;
use sse_gateway_protocol::send::Rejection;

use crate::reply::{self, Body};

/// How long a body that is read as a whole may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What the caller says that a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `application/json`: read as a whole.
    Json,
    /// `application/x-ndjson`: read line by line.
    Lines,
    /// `text/event-stream`: read block by block.
    EventStream,
    /// Anything else, or nothing.
    Other,
}

impl Kind {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let value =
            headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/json" => Self::Json,
            "application/x-ndjson" => Self::Lines,
            "text/event-stream" => Self::EventStream,
            _ => Self::Other,
        }
    }
}

/// A request that is refused because of its body.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) rejection: Rejection,
    /// Whether something of the body is left on the connection.
    unread: bool,
}

impl Refused {
    /// What is left of the body is not read: the answer is the connection's last.
    pub(super) fn unread(rejection: Rejection) -> Self {
        Self { rejection, unread: true }
    }

    pub(super) fn answer(&self) -> Response<Body> {
        let answer = reject(&self.rejection);
        if self.unread { reply::closing(answer) } else { answer }
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, unread: false }
    }
}

pub(super) fn reject(rejection: &Rejection) -> Response<Body> {
    reply::error(rejection.code, rejection.message)
}

/// Reads the body of a route that takes JSON; `otherwise` answers any other kind.
pub(super) async fn read_json(
    request: Request<Incoming>,
    bytes_max: usize,
    otherwise: Rejection,
) -> Result<Bytes, Refused> {
    let kind = Kind::of(request.headers());
    // Read in any case, so that the connection can be used again.
    let body = read(request.into_body(), bytes_max).await.map_err(Refused::unread)?;
    if kind == Kind::Json { Ok(body) } else { Err(otherwise.into()) }
}

async fn read(body: Incoming, bytes_max: usize) -> Result<Bytes, Rejection> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(TOO_LARGE);
    }
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, bytes_max).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(TOO_LARGE),
        Ok(Err(_)) => Err(BROKEN),
        Err(_) => Err(Rejection { code: Code::RequestTimeout, message: "Request body took too long" }),
    }
}

/// Takes an array apart, each element still as JSON text; `None` for a body that is none.
pub(super) fn elements(body: &[u8]) -> Option<Result<Vec<&RawValue>, Rejection>> {
    const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let is_array = body.trim_ascii_start().starts_with(b"[");
    is_array.then(|| serde_json::from_slice(body).map_err(|_| NO_ARRAY))
}

const NO_ARRAY: Rejection =
    Rejection { code: Code::InvalidJson, message: "Invalid request: body must be a JSON object or array" };
pub(super) const TOO_LARGE: Rejection =
    Rejection { code: Code::BodyTooLarge, message: "Request body is too large (SEND_BODY_BYTES_MAX)" };
pub(super) const BROKEN: Rejection = Rejection { code: Code::BadRequest, message: "Request body is broken" };
