//! `POST /internal/send` (protocol 1.3): one send, an array of sends, or a stream of them.

use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use hyper::body::Incoming;
use hyper::{Request, Response};
use sse_gateway_engine::Sent;
use sse_gateway_protocol::code::{Code, error_body};
use sse_gateway_protocol::lines::Line;
use sse_gateway_protocol::send::{Rejection, Send};

use super::body::{self, Kind, Refused};
use super::lines;
use crate::reply::{self, Body};
use crate::worker::Worker;

/// How long nothing may come before a stream of sends is given up.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Answers a send once its shard has accepted or refused it.
pub(super) async fn send(request: Request<Incoming>, worker: &Rc<Worker>) -> Response<Body> {
    if Kind::of(request.headers()) == Kind::Lines {
        return lines::answer(request.into_body(), worker, IDLE_TIMEOUT, answer_lines);
    }
    match send_whole(request, worker).await {
        Ok(answer) => answer,
        Err(refused) => {
            worker.shared.metrics.send_rejected();
            refused.answer()
        }
    }
}

async fn send_whole(request: Request<Incoming>, worker: &Worker) -> Result<Response<Body>, Refused> {
    let bytes_max = worker.shared.config.requests.send_body_bytes_max;
    let body = body::read_json(request, bytes_max, NOT_DECLARED).await?;
    match body::elements(&body) {
        None => {
            let send = Send::read(&body)?;
            Ok(match carry_out(send, worker).await {
                Ok(sent) => reply::json(StatusCode::OK, accepted(sent)),
                Err(rejection) => body::reject(&rejection),
            })
        }
        // Each element is answered for itself, in order; a wrong one does not keep the others back.
        Some(elements) => {
            let sends = elements?.into_iter().map(|element| Send::read(element.get().as_bytes())).collect();
            let answers: Vec<String> = carry_out_all(sends, worker).await.into_iter().map(text).collect();
            Ok(reply::json(StatusCode::OK, format!("[{}]", answers.join(","))))
        }
    }
}

async fn answer_lines(lines: Vec<Line>, worker: Rc<Worker>) -> Vec<String> {
    let sends = lines.into_iter().map(|line| match line {
        Line::Whole(bytes) => Send::read(&bytes),
        Line::TooLong => Err(body::TOO_LARGE),
    });
    carry_out_all(sends.collect(), &worker).await.into_iter().map(text).collect()
}

const NOT_DECLARED: Rejection = Rejection {
    code: Code::InvalidJson,
    message: "Invalid request: Content-Type must be application/json, or application/x-ndjson for one send a line",
};
const NOT_FOUND: Rejection = Rejection { code: Code::TokenNotFound, message: "Token not found" };

async fn carry_out(send: Send, worker: &Worker) -> Result<Sent, Rejection> {
    let Some(token) = send.token else {
        worker.shared.metrics.send_to_nobody();
        return Err(NOT_FOUND);
    };
    settle(worker.send((token, send.frame, send.close)).await)
}

/// Carries out many sends, those of one stream in their order, and answers in the order asked.
async fn carry_out_all(sends: Vec<Result<Send, Rejection>>, worker: &Worker) -> Vec<Result<Sent, Rejection>> {
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

const GONE: Rejection = Rejection { code: Code::InternalError, message: "Internal error" };
const TOO_LARGE: Rejection = Rejection {
    code: Code::EventTooLarge,
    message: "Event is larger than a stream may hold (OUTBOX_BYTES_MAX)",
};
const FULL: Rejection = Rejection {
    code: Code::StreamBufferFull,
    message: "Stream has no room: it is still opening, or its client reads too slowly and it was closed",
};

fn settle(sent: Option<Sent>) -> Result<Sent, Rejection> {
    match sent {
        Some(sent @ (Sent::Ok | Sent::Buffered)) => Ok(sent),
        Some(Sent::NotFound) => Err(NOT_FOUND),
        Some(Sent::TooLarge) => Err(TOO_LARGE),
        Some(Sent::Full) => Err(FULL),
        Some(Sent::WriteFirst(_)) | None => Err(GONE),
    }
}

/// Writes one answer among many; its code says what the status would have said.
fn text(answer: Result<Sent, Rejection>) -> String {
    match answer {
        Ok(sent) => accepted(sent).to_owned(),
        Err(Rejection { code, message }) => error_body(code, message),
    }
}

fn accepted(sent: Sent) -> &'static str {
    match sent {
        Sent::Buffered => r#"{"status":"buffered"}"#,
        _ => r#"{"status":"ok"}"#,
    }
}
