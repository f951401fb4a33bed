//! `POST /internal/publish` (protocol 2.2): one publish, an array of them, or a stream.

use std::rc::Rc;

use http::StatusCode;
use hyper::body::Incoming;
use hyper::{Request, Response};
use sse_gateway_protocol::Position;
use sse_gateway_protocol::code::{Code, error_body};
use sse_gateway_protocol::lines::Line;
use sse_gateway_protocol::publish::{self, Publish, Published};
use sse_gateway_protocol::send::Rejection;

use super::body::{self, Kind, Refused};
use super::pipe::{self, Pipe};
use super::{lines, refusal};
use crate::query;
use crate::reply::{self, Body};
use crate::worker::Worker;

/// How many publishes are one command of the log; those behind them follow at once.
pub(super) const TOGETHER_MAX: usize = 512;

/// Answers a publish once it stands in the inbox of every shard that has a receiver.
pub(super) async fn publish(request: Request<Incoming>, worker: &Rc<Worker>) -> Response<Body> {
    let topic = parameter(&request, "topic");
    let answer = match Kind::of(request.headers()) {
        Kind::Lines if topic.is_none() => {
            let idle = worker.shared.config.requests.publish_idle_timeout;
            return lines::answer(request.into_body(), worker, idle, answer_lines);
        }
        kind @ (Kind::Lines | Kind::EventStream) => match read_pipe(kind, topic, &request, worker) {
            Ok(pipe) => pipe::run(pipe, request.into_body(), worker).await,
            Err(rejection) => Err(Refused::unread(rejection)),
        },
        Kind::Json | Kind::Other => publish_whole(request, worker).await,
    };
    answer.unwrap_or_else(|refused| {
        worker.shared.metrics.topics.publish_refused(refused.rejection.code);
        refused.answer()
    })
}

fn parameter(request: &Request<Incoming>, name: &str) -> Option<Vec<u8>> {
    query::parameter(request.uri().query()?, name)
}

fn read_pipe(
    kind: Kind,
    topic: Option<Vec<u8>>,
    request: &Request<Incoming>,
    worker: &Worker,
) -> Result<Pipe, Rejection> {
    // What is no UTF-8 is no name, as the empty text is none.
    let topic = publish::read_topic(std::str::from_utf8(&topic.unwrap_or_default()).unwrap_or_default())?;
    let close =
        parameter(request, "close").map(|reason| publish::read_reason(&String::from_utf8_lossy(&reason)));
    Ok(Pipe::new(kind, topic, close.transpose()?, &worker.shared.config.requests))
}

async fn publish_whole(request: Request<Incoming>, worker: &Worker) -> Result<Response<Body>, Refused> {
    let bytes_max = worker.shared.config.requests.send_body_bytes_max;
    let body = body::read_json(request, bytes_max, NOT_DECLARED).await?;
    match body::elements(&body) {
        None => {
            let publish = Publish::read(&body)?;
            let answers = carry_out_all(vec![Ok(publish)], worker).await;
            Ok(match answers.into_iter().next() {
                Some(Err(rejection)) => body::reject(&rejection),
                answer => reply::json(StatusCode::OK, answer.map(text).unwrap_or_default()),
            })
        }
        // Each element is answered for itself, in order; a wrong one does not keep the others back.
        Some(elements) => {
            let read = elements?.into_iter().map(|element| Publish::read(element.get().as_bytes()));
            let answers: Vec<String> =
                carry_out_all(read.collect(), worker).await.into_iter().map(text).collect();
            Ok(reply::json(StatusCode::OK, format!("[{}]", answers.join(","))))
        }
    }
}

async fn answer_lines(lines: Vec<Line>, worker: Rc<Worker>) -> Vec<String> {
    let publishes = lines.into_iter().map(|line| match line {
        Line::Whole(bytes) => Publish::read(&bytes),
        Line::TooLong => Err(body::TOO_LARGE),
    });
    carry_out_all(publishes.collect(), &worker).await.into_iter().map(text).collect()
}

const NOT_DECLARED: Rejection = Rejection {
    code: Code::InvalidJson,
    message: "Invalid request: Content-Type must be application/json, application/x-ndjson, or text/event-stream with ?topic=",
};

/// Carries publishes out in order, and answers in the order asked.
async fn carry_out_all(
    publishes: Vec<Result<Publish, Rejection>>,
    worker: &Worker,
) -> Vec<Result<Published, Rejection>> {
    let mut answers = Vec::with_capacity(publishes.len());
    let mut rest = publishes.into_iter();
    while rest.len() > 0 {
        answers.extend(carry_out(rest.by_ref().take(TOGETHER_MAX).collect(), worker).await);
    }
    answers
}

/// Carries out as many as are one command of the log.
async fn carry_out(
    publishes: Vec<Result<Publish, Rejection>>,
    worker: &Worker,
) -> Vec<Result<Published, Rejection>> {
    let metrics = &worker.shared.metrics.topics;
    let events: Vec<usize> =
        publishes.iter().map(|publish| publish.as_ref().map_or(0, |publish| publish.events.len())).collect();
    let log = &worker.shared.log;
    let outcome = log.publish(move |log, now| {
        let carry_out =
            |publish: Result<Publish, Rejection>| log.publish(&publish?, now).map_err(refusal::by_log);
        publishes.into_iter().map(carry_out).collect::<Vec<_>>()
    });
    let answers = match outcome.await {
        Ok(answers) => answers,
        Err(unavailable) => events.iter().map(|_| Err(refusal::unavailable(unavailable))).collect(),
    };
    for (answer, events) in answers.iter().zip(events) {
        match answer {
            Ok(_) => metrics.published(events),
            Err(rejection) => metrics.publish_refused(rejection.code),
        }
    }
    let position = |seq| Position { epoch: log.epoch().clone(), seq };
    let answer = |published: sse_gateway_engine::log::Published| Published {
        position: position(published.position),
        receivers: published.receivers as u64,
    };
    answers.into_iter().map(|published| published.map(answer)).collect()
}

/// Writes one answer; among many, its code says what the status would have said.
fn text(answer: Result<Published, Rejection>) -> String {
    match answer {
        Ok(published) => serde_json::to_string(&published).expect("a position and a number serialise"),
        Err(Rejection { code, message }) => error_body(code, message),
    }
}
