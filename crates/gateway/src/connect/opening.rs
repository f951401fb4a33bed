//! From the request to the open stream.

use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{HeaderMap, Version};
use hyper::body::Incoming;
use hyper::{Request, Response};
use sse_gateway_engine::{Accepted, Answer, Key, Then};
use sse_gateway_protocol::Token;
use sse_gateway_protocol::callback::{Callback, ConnectAnswer};
use sse_gateway_protocol::code::Code;
use sse_gateway_protocol::sse::{Encoder, Frame, Framing};
use tokio::sync::oneshot;
use tracing::{debug, warn};

use super::admission;
use super::judgement::Judgement;
use super::refusal::Refusal;
use super::trouble::Tone;
use super::{head, request};
use crate::callbacks::Outcome;
use crate::cors::Cors;
use crate::listener::{self, Handoff};
use crate::reply::{self, Body};
use crate::worker::{Opened, Worker};

/// How long an answer before this one on the connection may take to reach the client.
const HANDOFF_TIMEOUT: Duration = Duration::from_secs(30);

/// Asks the backend and waits for the refusal; an accepted client's connection is taken away from
/// under this future, which is then dropped.
pub(super) async fn open(
    request: Request<Incoming>,
    cors: Cors,
    handoff: Rc<Handoff>,
    worker: Rc<Worker>,
) -> Response<Body> {
    let tone = Tone::of(request.headers(), &worker.shared.config.retries);
    let place = match admission::admit(&worker) {
        Ok(place) => place,
        Err(refusal) => {
            worker.shared.metrics.connect(refusal.outcome);
            return refusal.answer(tone, &worker.shared.metrics);
        }
    };
    // Given back when the engine says that nothing more is owed for the stream.
    place.forget();
    let stored = request::store(&request);
    let token = worker.new_token();
    let body = Callback::connect_body(&token, &stored);
    let opening = Opening {
        key: worker.begin(token, stored),
        token,
        path: request.uri().path().to_owned(),
        cursor: request::cursor(&request),
        tone,
        framing: if request.version() == Version::HTTP_10 { Framing::Unframed } else { Framing::Chunked },
        cors,
        handoff: Rc::clone(&handoff),
        worker: Rc::clone(&worker),
    };
    // The request holds the buffer that its head was read into.
    drop(request);
    handoff.begin();
    let presence = Presence { key: opening.key, handoff: Rc::clone(&handoff), worker: Rc::clone(&worker) };
    let (refuse, refused) = oneshot::channel();
    worker.shared.callbacks_running.spawn_local(opening.run(body, refuse));
    let response = match refused.await {
        Ok(response) => response,
        // The stream is opening on this connection's socket; this future is about to be dropped.
        Err(_) => std::future::pending().await,
    };
    presence.end();
    response
}

/// A stream whose backend is being asked.
struct Opening {
    key: Key,
    token: Token,
    path: String,
    /// What the client says it has, for a stream with topics.
    cursor: Option<Box<[u8]>>,
    tone: Tone,
    framing: Framing,
    cors: Cors,
    handoff: Rc<Handoff>,
    worker: Rc<Worker>,
}

impl Opening {
    async fn run(self, body: String, refuse: oneshot::Sender<Response<Body>>) {
        let Some(outcome) = self.ask(&body).await else { return self.forget() };
        match Judgement::of(outcome) {
            Judgement::Accepted { answer, defect } => {
                if let Some(defect) = defect {
                    warn!(token = ?self.token, path = self.path, %defect, "the backend's answer has a defect; the stream opens without it");
                }
                // Dropped: the connection's future must wait, not answer.
                drop(refuse);
                self.accept(answer).await;
            }
            Judgement::Refused(refusal) => self.refuse(&refusal, refuse),
        }
    }

    /// Asks; a client that leaves meanwhile changes nothing about it. `None` when there was no place
    /// for the question and the client had left before there was one, so that those who come and go
    /// in numbers cost the backend nothing.
    async fn ask(&self, body: &str) -> Option<Outcome> {
        let shared = &self.worker.shared;
        let callbacks = self.worker.callbacks.as_ref()?;
        let _place = match shared.callbacks.try_acquire() {
            Ok(place) => place,
            Err(_) => {
                let place = tokio::time::timeout(callbacks.timeout(), shared.callbacks.acquire()).await;
                if !self.handoff.is_waiting() {
                    return None;
                }
                let Ok(Ok(place)) = place else { return Some(Outcome::TimedOut { seen: false }) };
                place
            }
        };
        let started = Instant::now();
        let outcome = callbacks.post(body).await;
        shared.metrics.callback("connect", &outcome, started.elapsed());
        Some(outcome)
    }

    /// The backend was not asked, and nobody waits for an answer.
    fn forget(self) {
        self.worker.shared.metrics.connect(self.departure());
        self.worker.answered(self.key, Answer::Refused);
    }

    /// Names why a client is not there any more.
    fn departure(&self) -> &'static str {
        if self.worker.shared.draining.is_cancelled() { "shutting_down" } else { "client_left" }
    }

    fn refuse(self, refusal: &Refusal, refuse: oneshot::Sender<Response<Body>>) {
        let detail = refusal.detail.as_deref();
        debug!(token = ?self.token, path = self.path, outcome = refusal.outcome, detail, "connect refused");
        if refusal.status.is_server_error() {
            warn!(
                path = self.path,
                code = refusal.code.as_str(),
                detail,
                "cannot connect a client: {}",
                refusal.message
            );
        }
        self.worker.shared.metrics.connect(refusal.outcome);
        let answer = if refusal.perhaps_accepted { Answer::Unknown } else { Answer::Refused };
        self.worker.answered(self.key, answer);
        // The client may have left meanwhile; then nobody waits for the answer.
        let _ = refuse.send(refusal.answer(self.tone, &self.worker.shared.metrics));
    }

    async fn accept(self, answer: ConnectAnswer) {
        let ConnectAnswer { event, close, topics, retry_ms, subject } = answer;
        let accepted = Accepted {
            head: head::frame(self.framing, &self.cors),
            first: event.map(|event| encode(event.name.as_deref(), &event.data)),
            framing: self.framing,
            then: if close { Then::End } else { Then::Stay },
            retry_ms,
            subject,
        };
        let taken = tokio::time::timeout(HANDOFF_TIMEOUT, self.handoff.take()).await;
        let opened = match taken {
            Ok(Ok(taken)) if close || topics.is_empty() => {
                if self.worker.open(self.key, Answer::Accepted(accepted), taken) {
                    Opened::Open
                } else {
                    Opened::Gone
                }
            }
            Ok(Ok(taken)) => {
                let wanted = (topics, self.cursor.clone());
                self.worker.listen(self.key, wanted, accepted, taken).await
            }
            _ => {
                self.worker.connection_lost(self.key);
                self.worker.answered(self.key, Answer::Accepted(accepted));
                Opened::Gone
            }
        };
        self.conclude(opened).await;
    }

    /// Answers a client whose stream did not open after all; its socket is not hyper's any more.
    async fn conclude(self, opened: Opened) {
        let refused = |taken, refusal: Refusal| {
            let metrics = &self.worker.shared.metrics;
            let answer = refusal.answer_bytes(self.tone, metrics, self.framing, &self.cors);
            (refusal.outcome, Some((taken, answer)))
        };
        let (outcome, late) = match opened {
            Opened::Open => ("accepted", None),
            Opened::Gone => (self.departure(), None),
            Opened::Over(taken) => {
                let mut headers = HeaderMap::new();
                self.cors.apply(&mut headers);
                ("over", Some((taken, reply::closing_no_content(&headers))))
            }
            Opened::Full(taken) => {
                refused(taken, Refusal::ours(Code::TopicsFull, "Too many topics", "topics_full"))
            }
            Opened::NotWritten(taken) => {
                let message = "The log cannot be written (LOG)";
                refused(taken, Refusal::ours(Code::LogFull, message, "log_full"))
            }
        };
        self.worker.shared.metrics.connect(outcome);
        debug!(token = ?self.token, path = self.path, outcome, "connect accepted");
        if let Some((taken, answer)) = late {
            let _answering = self.worker.shared.connections.token();
            listener::answer_last(taken, &answer).await;
        }
    }
}

impl Drop for Opening {
    /// A stream that has its answer is left alone. One whose task was lost to a panic must not keep
    /// its place for ever.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.worker.answered(self.key, Answer::Unknown);
        }
    }
}

fn encode(name: Option<&str>, data: &str) -> Frame {
    let mut encoder = Encoder::for_payload(data.len() + 64);
    encoder.event(name, data);
    encoder.finish()
}

/// Lives as long as the request's future; its end before the hand-over says that the client left.
struct Presence {
    key: Key,
    handoff: Rc<Handoff>,
    worker: Rc<Worker>,
}

impl Presence {
    /// The request is answered as an ordinary one.
    fn end(self) {
        self.handoff.give_up();
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if self.handoff.is_waiting() {
            self.handoff.give_up();
            self.worker.connection_lost(self.key);
        }
    }
}
