//! `POST /internal/send` (protocol 1.3).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use sse_gateway_engine::Sent;
use sse_gateway_protocol::code::Code;
use sse_gateway_protocol::send::Send;

use crate::reply;
use crate::worker::Worker;

/// How long the body of a send may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers a send once its shard has accepted or refused it.
pub(crate) async fn send(request: Request<Incoming>, worker: &Worker) -> Response<Full<Bytes>> {
    match read(request, worker).await {
        Ok(send) => answer(send, worker).await,
        Err((code, message)) => {
            worker.shared.metrics.send_rejected();
            reply::error(code, message)
        }
    }
}

async fn read(request: Request<Incoming>, worker: &Worker) -> Result<Send, (Code, &'static str)> {
    let bytes_max = worker.shared.config.requests.send_body_bytes_max;
    let (parts, body) = request.into_parts();
    let body = read_body(body, bytes_max).await?;
    if !is_json(&parts.headers) {
        return Err((Code::InvalidJson, "Invalid request: Content-Type must be application/json"));
    }
    Send::read(&body).map_err(|rejection| (rejection.code, rejection.message))
}

async fn read_body(body: Incoming, bytes_max: usize) -> Result<Bytes, (Code, &'static str)> {
    const TOO_LARGE: (Code, &str) = (Code::BodyTooLarge, "Request body is too large (SEND_BODY_BYTES_MAX)");
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(TOO_LARGE);
    }
    let collected = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, bytes_max).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(TOO_LARGE),
        Ok(Err(_)) => Err((Code::BadRequest, "Request body is broken")),
        Err(_) => Err((Code::RequestTimeout, "Request body took too long")),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

async fn answer(send: Send, worker: &Worker) -> Response<Full<Bytes>> {
    let Some(token) = send.token else {
        worker.shared.metrics.send_to_nobody();
        return reply::error(Code::TokenNotFound, "Token not found");
    };
    match worker.send(token, send.frame, send.close).await {
        Some(Sent::Ok) => reply::json(StatusCode::OK, r#"{"status":"ok"}"#),
        Some(Sent::Buffered) => reply::json(StatusCode::OK, r#"{"status":"buffered"}"#),
        Some(Sent::NotFound) => reply::error(Code::TokenNotFound, "Token not found"),
        Some(Sent::TooLarge) => {
            reply::error(Code::EventTooLarge, "Event is larger than a stream may hold (OUTBOX_BYTES_MAX)")
        }
        Some(Sent::Full) => reply::error(
            Code::StreamBufferFull,
            "Stream has no room: it is still opening, or its client reads too slowly and it was closed",
        ),
        Some(Sent::WriteFirst(_)) | None => reply::error(Code::InternalError, "Internal error"),
    }
}
