//! What streams listen to, and their end (protocol 2.3): `POST /internal/streams/{token}/topics` and
//! `POST /internal/close`.

use std::sync::Arc;

use http::StatusCode;
use hyper::body::Incoming;
use hyper::{Request, Response};
use sse_gateway_protocol::change::Change;
use sse_gateway_protocol::close::{Close, Target};
use sse_gateway_protocol::code::Code;
use sse_gateway_protocol::send::Rejection;
use sse_gateway_protocol::{Position, Token};

use super::body::{self, Refused};
use super::refusal;
use crate::reply::{self, Body};
use crate::shard::Unchanged;
use crate::worker::Worker;

/// Changes what a live stream listens to, in order with publishes.
pub(super) async fn change(
    token: &str,
    request: Request<Incoming>,
    worker: &Worker,
) -> Result<Response<Body>, Refused> {
    let body = body::read_json(request, bytes_max(worker), NOT_DECLARED).await?;
    let change = Change::read(&body)?;
    let token = Token::parse(token).ok_or(NOT_FOUND)?;
    let seq = worker.change(token, change).await.map_err(|unchanged| match unchanged {
        Unchanged::NotFound => NOT_FOUND,
        Unchanged::TooMany => TOO_MANY,
        Unchanged::Refused(refused) => refusal::by_log(refused),
        Unchanged::Unavailable(unavailable) => refusal::unavailable(unavailable),
    })?;
    let position = Position { epoch: worker.shared.log.epoch().clone(), seq };
    Ok(reply::json(StatusCode::OK, format!(r#"{{"position":"{position}"}}"#)))
}

/// Ends streams with a reason; completes no topic.
pub(super) async fn close(request: Request<Incoming>, worker: &Worker) -> Result<Response<Body>, Refused> {
    let body = body::read_json(request, bytes_max(worker), NOT_DECLARED).await?;
    let Close { target, reason } = Close::read(&body)?;
    let streams = match target {
        Target::Token(token) => {
            let token = token.ok_or(NOT_FOUND)?;
            if !worker.close(token, reason).await {
                return Err(NOT_FOUND.into());
            }
            1
        }
        Target::Topic(topic) => {
            let log = &worker.shared.log;
            let closed = log.execute(move |log, now| log.close_listeners(topic.as_str(), &reason, now)).await;
            closed.map_err(refusal::unavailable)?.map_err(refusal::by_log)?
        }
        Target::Subject(subject) => worker.close_subject(&Arc::from(subject), &reason).await,
    };
    Ok(reply::json(StatusCode::OK, format!(r#"{{"streams":{streams}}}"#)))
}

fn bytes_max(worker: &Worker) -> usize {
    worker.shared.config.requests.send_body_bytes_max
}

const NOT_DECLARED: Rejection =
    Rejection { code: Code::InvalidJson, message: "Invalid request: Content-Type must be application/json" };
const NOT_FOUND: Rejection = Rejection { code: Code::TokenNotFound, message: "Token not found" };
const TOO_MANY: Rejection = Rejection {
    code: Code::InvalidTopic,
    message: "Invalid request: a stream listens to at most 100 topics",
};
