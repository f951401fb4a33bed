//! Sends as a stream: one a line, answered line by line while the body still comes.
//!
//! One connection can so carry all of a backend's traffic. What has arrived together is carried
//! out together; whoever does not read the answers is not read from either.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use sse_gateway_protocol::lines::{Line, Lines};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::send::{TOO_LARGE, carry_out_all, parse, text};
use crate::reply::Body;
use crate::worker::Worker;

/// How long nothing may come before the stream of sends is given up.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// How long answers may wait for a caller who does not read them.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How many pieces of answers may wait.
const PIECES_WAITING_MAX: usize = 4;
/// How many lines are carried out together; the others of a chunk follow at once.
const LINES_TOGETHER_MAX: usize = 512;

/// Answers at once with a body that grows as sends are carried out.
pub(super) fn answer(body: Incoming, worker: &Rc<Worker>) -> Response<Body> {
    let (answers, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    spawn_local(carry_out(body, answers, Rc::clone(worker)));
    let mut response = Response::new(Body::pieces(receiver));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

/// Reads to the end of the body, or until it breaks: what arrived whole before is carried out.
async fn carry_out(mut body: Incoming, answers: mpsc::Sender<Bytes>, worker: Rc<Worker>) {
    let mut lines = Lines::new(worker.shared.config.requests.send_body_bytes_max);
    loop {
        let frame = match timeout(IDLE_TIMEOUT, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(_))) | Err(_) => return,
        };
        let Ok(chunk) = frame.into_data() else { continue };
        lines.push(chunk);
        loop {
            let together: Vec<Line> = std::iter::from_fn(|| lines.next()).take(LINES_TOGETHER_MAX).collect();
            if together.is_empty() {
                break;
            }
            if !answer_lines(together, &answers, &worker).await {
                return;
            }
        }
    }
    if let Some(last) = lines.finish() {
        answer_lines(vec![last], &answers, &worker).await;
    }
}

/// Carries lines out; false when nobody takes the answers any more.
async fn answer_lines(lines: Vec<Line>, answers: &mpsc::Sender<Bytes>, worker: &Worker) -> bool {
    let sends = lines.into_iter().map(|line| match line {
        Line::Whole(bytes) => parse(&bytes),
        Line::TooLong => Err(TOO_LARGE),
    });
    let mut piece = String::new();
    for answer in carry_out_all(sends.collect(), worker).await {
        piece.push_str(&text(answer));
        piece.push('\n');
    }
    matches!(timeout(ANSWER_TIMEOUT, answers.send(piece.into())).await, Ok(Ok(())))
}
