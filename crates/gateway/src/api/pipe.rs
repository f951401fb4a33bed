//! One topic as a stream (protocol 2.2): each event of a body is published as it arrives.
//!
//! What has arrived together is one command of the log; the next bytes are read when it is carried
//! out, so that a publisher is no faster than the shards. A task of its own does it: what arrived
//! whole is published, whatever becomes of its connection.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use sse_gateway_protocol::code::Code;
use sse_gateway_protocol::lines::{Line, Lines};
use sse_gateway_protocol::publish::{self, Publish};
use sse_gateway_protocol::send::Rejection;
use sse_gateway_protocol::sse::{Decoder, Draft, Item};
use sse_gateway_protocol::{Position, Seq, TopicName};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::body::{self, Kind, Refused};
use super::publish::TOGETHER_MAX;
use super::refusal;
use crate::config::Requests;
use crate::reply::{self, Body};
use crate::worker::Worker;

/// A body on its way into a topic.
#[derive(Debug)]
pub(super) struct Pipe {
    topic: TopicName,
    /// Completes the topic at the end of the body.
    close: Option<Arc<str>>,
    form: Form,
    idle_timeout: Duration,
    /// The last number that was taken.
    last: Option<Seq>,
    events: u64,
}

#[derive(Debug)]
enum Form {
    Lines(Lines),
    EventStream(Box<Decoder>),
}

type Found = Result<Draft, Rejection>;

/// Publishes a body to its end and answers then; the first event that is refused ends it.
pub(super) async fn run(
    mut pipe: Pipe,
    body: Incoming,
    worker: &Rc<Worker>,
) -> Result<Response<Body>, Refused> {
    let owned = Rc::clone(worker);
    let task =
        spawn_local(async move { pipe.publish_all(body, &owned).await.map(|()| (pipe.last, pipe.events)) });
    let (last, events) = task.await.unwrap_or(Err(FAILED)).map_err(Refused::unread)?;
    let epoch = worker.shared.log.epoch();
    let position = last.map(|seq| Position { epoch: epoch.clone(), seq });
    let position = position.map_or("null".to_owned(), |position| format!("\"{position}\""));
    Ok(reply::json(StatusCode::OK, format!(r#"{{"position":{position},"count":{events}}}"#)))
}

impl Pipe {
    pub(super) fn new(kind: Kind, topic: TopicName, close: Option<Arc<str>>, requests: &Requests) -> Self {
        let bytes_max = requests.send_body_bytes_max;
        let form = match kind {
            Kind::EventStream => Form::EventStream(Box::new(Decoder::with_block_bytes_max(bytes_max))),
            Kind::Lines | Kind::Json | Kind::Other => Form::Lines(Lines::new(bytes_max)),
        };
        Self { topic, close, form, idle_timeout: requests.publish_idle_timeout, last: None, events: 0 }
    }

    async fn publish_all(&mut self, mut body: Incoming, worker: &Worker) -> Result<(), Rejection> {
        while let Some(chunk) = self.next_chunk(&mut body, worker).await? {
            self.publish_found(|form, found| form.push(chunk, found), worker).await?;
        }
        self.publish_found(Form::finish, worker).await?;
        if let Some(reason) = self.close.take() {
            let end = Publish::new(self.topic.clone(), Vec::new(), None, Some(reason));
            self.carry_out(vec![end], worker).await?;
        }
        Ok(())
    }

    /// Waits for more of the body; `None` is its end.
    async fn next_chunk(&self, body: &mut Incoming, worker: &Worker) -> Result<Option<Bytes>, Rejection> {
        loop {
            let frame = tokio::select! {
                frame = timeout(self.idle_timeout, body.frame()) => frame.map_err(|_| SILENT)?,
                () = worker.shared.draining.cancelled() => return Err(refusal::SHUTTING_DOWN),
            };
            match frame {
                None => return Ok(None),
                Some(Err(_)) => return Err(body::BROKEN),
                Some(Ok(frame)) => {
                    if let Ok(chunk) = frame.into_data() {
                        return Ok(Some(chunk));
                    }
                }
            }
        }
    }

    /// Publishes what bytes complete; those before the first that is refused are published.
    async fn publish_found(
        &mut self,
        find: impl FnOnce(&mut Form, &mut Vec<Found>),
        worker: &Worker,
    ) -> Result<(), Rejection> {
        let mut found = Vec::new();
        find(&mut self.form, &mut found);
        let mut found = found.into_iter();
        while found.len() > 0 {
            let mut refused = None;
            let together = found
                .by_ref()
                .take(TOGETHER_MAX)
                .map_while(|draft| draft.map_err(|why| refused = Some(why)).ok());
            let publishes: Vec<Publish> =
                together.map(|draft| Publish::new(self.topic.clone(), vec![draft], None, None)).collect();
            self.carry_out(publishes, worker).await?;
            refused.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    async fn carry_out(&mut self, publishes: Vec<Publish>, worker: &Worker) -> Result<(), Rejection> {
        if publishes.is_empty() {
            return Ok(());
        }
        let outcome = worker.shared.log.publish(move |log, now| {
            let mut taken = Vec::with_capacity(publishes.len());
            for publish in &publishes {
                match log.publish(publish, now) {
                    Ok(published) => taken.push((published.position, publish.events.len())),
                    Err(refused) => return (taken, Some(refused)),
                }
            }
            (taken, None)
        });
        let (taken, refused) = outcome.await.map_err(refusal::unavailable)?;
        for (position, events) in taken {
            worker.shared.metrics.topics.published(events);
            self.last = Some(position);
            self.events += events as u64;
        }
        refused.map_or(Ok(()), |refused| Err(refusal::by_log(refused)))
    }
}

impl Form {
    fn push(&mut self, chunk: Bytes, found: &mut Vec<Found>) {
        match self {
            Self::Lines(lines) => {
                lines.push(chunk);
                found.extend(std::iter::from_fn(|| lines.next()).map(read_line));
            }
            Self::EventStream(decoder) => {
                found.extend(decoder.push(&chunk).into_iter().filter_map(read_item))
            }
        }
    }

    /// The end of the body ends a last line, but no block.
    fn finish(&mut self, found: &mut Vec<Found>) {
        if let Self::Lines(lines) = self {
            found.extend(lines.finish().map(read_line));
        }
    }
}

fn read_line(line: Line) -> Found {
    match line {
        Line::Whole(bytes) => publish::read_event(&bytes),
        Line::TooLong => Err(body::TOO_LARGE),
    }
}

fn read_item(item: Item) -> Option<Found> {
    match item {
        Item::Event { event, data, .. } => {
            Some(publish::encode_event((!event.is_empty()).then_some(event.as_str()), &data))
        }
        Item::TooLong => Some(Err(body::TOO_LARGE)),
        // The log gives events ids of its own, and browsers come back as the backend said on connect.
        Item::Comment(_) | Item::Retry(_) => None,
    }
}

const SILENT: Rejection =
    Rejection { code: Code::RequestTimeout, message: "Request body was silent (PUBLISH_IDLE_SECONDS)" };
const FAILED: Rejection = Rejection { code: Code::InternalError, message: "Internal error" };
