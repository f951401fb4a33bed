//! `GET` and `DELETE /internal/topics/{name}` (protocol 2.3).

use http::{Method, StatusCode};
use hyper::Response;
use percent_encoding::percent_decode_str;
use sse_gateway_engine::log::{Description, Refused};
use sse_gateway_protocol::publish::read_topic;
use sse_gateway_protocol::send::Rejection;
use sse_gateway_protocol::{Completed, Position, Seq, TopicDescription, TopicName};

use super::{body, refusal};
use crate::reply::{self, Body};
use crate::worker::Worker;

/// Describes a topic, or deletes it; the name is as it stands in the path.
pub(super) async fn answer(name: &str, method: &Method, worker: &Worker) -> Response<Body> {
    // What is no UTF-8 is no name, as the empty text is none.
    let name = read_topic(&percent_decode_str(name).decode_utf8().unwrap_or_default());
    let answer = match name {
        Ok(name) if *method == Method::DELETE => delete(name, worker).await,
        Ok(name) => describe(name, worker),
        Err(rejection) => Err(rejection),
    };
    match answer {
        Ok(text) => reply::json(StatusCode::OK, text),
        Err(rejection) => body::reject(&rejection),
    }
}

fn describe(topic: TopicName, worker: &Worker) -> Result<String, Rejection> {
    let log = &worker.shared.log;
    let found = log.describe(topic.as_str()).ok_or_else(|| refusal::by_log(Refused::NotFound))?;
    let position = |seq: Seq| Position { epoch: log.epoch().clone(), seq };
    let Description { retained, events, bytes, receivers, completion } = found;
    let description = TopicDescription {
        topic,
        first: retained.map(|(first, _)| position(first)),
        last: retained.map(|(_, last)| position(last)),
        events: events as u64,
        bytes: bytes as u64,
        receivers: receivers as u64,
        completed: completion
            .map(|end| Completed { reason: end.reason.as_ref().to_owned(), position: position(end.seq) }),
    };
    Ok(serde_json::to_string(&description).expect("texts and numbers serialise"))
}

async fn delete(topic: TopicName, worker: &Worker) -> Result<String, Rejection> {
    let log = &worker.shared.log;
    let deleted = log.execute(move |log, _| log.delete(topic.as_str())).await;
    let seq = deleted.map_err(refusal::unavailable)?.map_err(refusal::by_log)?;
    let position = Position { epoch: log.epoch().clone(), seq };
    Ok(format!(r#"{{"position":"{position}"}}"#))
}
