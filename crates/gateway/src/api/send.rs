//! `POST /internal/send` (protocol 1.3): one send, an array of sends, or a stream of them.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Response};
use serde_json::value::RawValue;
use sse_gateway_engine::Sent;
use sse_gateway_protocol::code::{Code, error_body};
use sse_gateway_protocol::send::Send;

use super::stream;
use crate::reply::{self, Body};
use crate::worker::Worker;

/// How long the body of a send may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a request is not carried out: a code and the words for people.
pub(super) type Rejection = (Code, &'static str);

/// Answers a send once its shard has accepted or refused it.
pub(crate) async fn send(request: Request<Incoming>, worker: &Rc<Worker>) -> Response<Body> {
    let bytes_max = worker.shared.config.requests.send_body_bytes_max;
    match media_type(request.headers()).as_str() {
        "application/x-ndjson" => stream::answer(request.into_body(), worker),
        media_type => {
            let is_json = media_type == "application/json";
            match read_body(request.into_body(), bytes_max).await {
                Ok(_) if !is_json => reject(worker, NOT_DECLARED),
                Ok(body) if is_array(&body) => answer_array(&body, worker).await,
                Ok(body) => match parse(&body) {
                    Ok(send) => answer_one(carry_out(send, worker).await),
                    Err(rejection) => reject(worker, rejection),
                },
                // The rest of the body is not read.
                Err(rejection) => reply::closing(reject(worker, rejection)),
            }
        }
    }
}

const NOT_DECLARED: Rejection = (
    Code::InvalidJson,
    "Invalid request: Content-Type must be application/json, or application/x-ndjson for one send a line",
);
pub(super) const TOO_LARGE: Rejection =
    (Code::BodyTooLarge, "Request body is too large (SEND_BODY_BYTES_MAX)");
const BROKEN: Rejection = (Code::BadRequest, "Request body is broken");
const TOO_SLOW: Rejection = (Code::RequestTimeout, "Request body took too long");
const NOT_FOUND: Rejection = (Code::TokenNotFound, "Token not found");

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

async fn read_body(body: Incoming, bytes_max: usize) -> Result<Bytes, Rejection> {
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(TOO_LARGE);
    }
    let mut collected = pin!(collect(body, bytes_max));
    // A small body has come with its head: no clock is asked for it.
    let at_once = poll_fn(|cx| Poll::Ready(collected.as_mut().poll(cx))).await;
    match at_once {
        Poll::Ready(collected) => collected,
        Poll::Pending => tokio::time::timeout(BODY_TIMEOUT, collected).await.unwrap_or(Err(TOO_SLOW)),
    }
}

async fn collect(mut body: Incoming, bytes_max: usize) -> Result<Bytes, Rejection> {
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| BROKEN)?.into_data() else { continue };
        if first.len().max(joined.len()) + piece.len() > bytes_max {
            return Err(TOO_LARGE);
        }
        if first.is_empty() {
            // Often it is the whole body, and nothing is copied.
            first = piece;
            continue;
        }
        if joined.is_empty() {
            joined.extend_from_slice(&first);
        }
        joined.extend_from_slice(&piece);
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

fn is_array(body: &[u8]) -> bool {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    body.trim_ascii_start().starts_with(b"[")
}

pub(super) fn parse(body: &[u8]) -> Result<Send, Rejection> {
    Send::read(body).map_err(|rejection| (rejection.code, rejection.message))
}

fn reject(worker: &Worker, (code, message): Rejection) -> Response<Body> {
    worker.shared.metrics.send_rejected();
    reply::error(code, message)
}

/// Answers each element for itself, in order; a wrong one does not keep the others back.
async fn answer_array(body: &[u8], worker: &Worker) -> Response<Body> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let Ok(elements) = serde_json::from_slice::<Vec<&RawValue>>(body) else {
        return reject(worker, (Code::InvalidJson, "Invalid request: body must be a JSON object or array"));
    };
    let sends = elements.iter().map(|element| parse(element.get().as_bytes())).collect();
    let answers: Vec<String> = carry_out_all(sends, worker).await.into_iter().map(text).collect();
    reply::json(StatusCode::OK, format!("[{}]", answers.join(",")))
}

async fn carry_out(send: Send, worker: &Worker) -> Result<Sent, Rejection> {
    let Some(token) = send.token else {
        worker.shared.metrics.send_to_nobody();
        return Err(NOT_FOUND);
    };
    settle(worker.send((token, send.frame, send.close)).await)
}

/// Carries out many sends, those of one stream in their order, and answers in the order asked.
pub(super) async fn carry_out_all(
    sends: Vec<Result<Send, Rejection>>,
    worker: &Worker,
) -> Vec<Result<Sent, Rejection>> {
    let mut answers: Vec<Result<Sent, Rejection>> = Vec::with_capacity(sends.len());
    let mut places = Vec::with_capacity(sends.len());
    let mut wanted = Vec::with_capacity(sends.len());
    for (place, send) in sends.into_iter().enumerate() {
        answers.push(Err(match send {
            Ok(Send { token: Some(token), frame, close }) => {
                places.push(place);
                wanted.push((token, frame, close));
                GONE
            }
            Ok(Send { token: None, .. }) => {
                worker.shared.metrics.send_to_nobody();
                NOT_FOUND
            }
            Err(rejection) => {
                worker.shared.metrics.send_rejected();
                rejection
            }
        }));
    }
    for (place, sent) in places.into_iter().zip(worker.send_all(wanted).await) {
        answers[place] = settle(sent);
    }
    answers
}

const GONE: Rejection = (Code::InternalError, "Internal error");

fn settle(sent: Option<Sent>) -> Result<Sent, Rejection> {
    match sent {
        Some(sent @ (Sent::Ok | Sent::Buffered)) => Ok(sent),
        Some(Sent::NotFound) => Err(NOT_FOUND),
        Some(Sent::TooLarge) => {
            Err((Code::EventTooLarge, "Event is larger than a stream may hold (OUTBOX_BYTES_MAX)"))
        }
        Some(Sent::Full) => Err((
            Code::StreamBufferFull,
            "Stream has no room: it is still opening, or its client reads too slowly and it was closed",
        )),
        Some(Sent::WriteFirst(_)) | None => Err(GONE),
    }
}

fn answer_one(answer: Result<Sent, Rejection>) -> Response<Body> {
    match answer {
        Ok(sent) => reply::json(StatusCode::OK, accepted(sent)),
        Err((code, message)) => reply::error(code, message),
    }
}

/// Writes one answer among many; its code says what the status would have said.
pub(super) fn text(answer: Result<Sent, Rejection>) -> String {
    match answer {
        Ok(sent) => accepted(sent).to_owned(),
        Err((code, message)) => error_body(code, message),
    }
}

fn accepted(sent: Sent) -> &'static str {
    match sent {
        Sent::Buffered => r#"{"status":"buffered"}"#,
        _ => r#"{"status":"ok"}"#,
    }
}
