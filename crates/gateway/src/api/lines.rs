//! Requests as a stream: one a line, answered line by line while the body still comes.
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

use crate::reply::Body;
use crate::worker::Worker;

/// How long answers may wait for a caller who does not read them.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How many pieces of answers may wait.
const PIECES_WAITING_MAX: usize = 4;
/// How many lines are carried out together; the others of a chunk follow at once.
const LINES_TOGETHER_MAX: usize = 512;

/// Answers at once with a body that grows as lines are carried out, each with one line of its own.
pub(super) fn answer<F>(body: Incoming, worker: &Rc<Worker>, idle: Duration, carry_out: F) -> Response<Body>
where
    F: AsyncFn(Vec<Line>, Rc<Worker>) -> Vec<String> + 'static,
{
    let (answers, receiver) = mpsc::channel(PIECES_WAITING_MAX);
    spawn_local(read(body, idle, answers, Rc::clone(worker), carry_out));
    let mut response = Response::new(Body::pieces(receiver));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

/// Reads to the end of the body, or until it breaks: what arrived whole before is carried out.
async fn read<F>(
    mut body: Incoming,
    idle: Duration,
    answers: mpsc::Sender<Bytes>,
    worker: Rc<Worker>,
    carry_out: F,
) where
    F: AsyncFn(Vec<Line>, Rc<Worker>) -> Vec<String>,
{
    let mut lines = Lines::new(worker.shared.config.requests.send_body_bytes_max);
    loop {
        let frame = match timeout(idle, body.frame()).await {
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
            if !hand_out(carry_out(together, Rc::clone(&worker)).await, &answers).await {
                return;
            }
        }
    }
    if let Some(last) = lines.finish() {
        hand_out(carry_out(vec![last], worker).await, &answers).await;
    }
}

/// Gives the answers of some lines; false when nobody takes them any more.
async fn hand_out(texts: Vec<String>, answers: &mpsc::Sender<Bytes>) -> bool {
    let mut piece = String::new();
    for text in texts {
        piece.push_str(&text);
        piece.push('\n');
    }
    matches!(timeout(ANSWER_TIMEOUT, answers.send(piece.into())).await, Ok(Ok(())))
}
