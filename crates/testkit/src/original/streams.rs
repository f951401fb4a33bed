//! The open responses.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// How much of one stream may wait for its client; past it the backend's request waits.
const FRAMES_MAX: usize = 4096;
/// How many sends an opening stream keeps; past it a test is wrong, for the original has no bound.
const KEPT_MAX: usize = FRAMES_MAX / 2;

/// Every stream, by token.
#[derive(Default)]
pub(super) struct Streams(Mutex<HashMap<String, Stream>>);

/// One stream.
pub(super) struct Stream {
    /// The client's request, told again in the disconnect.
    pub(super) request: Value,
    pub(super) state: State,
}

pub(super) enum State {
    /// The connect callback is under way; sends are kept.
    Opening { kept: Vec<Kept> },
    /// The head is written.
    Open { frames: mpsc::Sender<Bytes> },
}

/// A send that came before the stream opened.
pub(super) struct Kept {
    pub(super) event: Option<Bytes>,
    pub(super) close: bool,
}

impl Streams {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<String, Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, token: &str, request: Value) {
        self.lock().insert(token.to_owned(), Stream { request, state: State::Opening { kept: Vec::new() } });
    }

    /// Forgets a stream whose client has left before it opened.
    pub(super) fn forget_opening(&self, token: &str) {
        let mut streams = self.lock();
        if streams.get(token).is_some_and(|stream| matches!(stream.state, State::Opening { .. })) {
            streams.remove(token);
        }
    }

    /// Opens a stream with this event and what was kept; `None` when its client has left meanwhile.
    pub(super) fn open(&self, token: &str, first: Option<Bytes>) -> Option<Opened> {
        let mut streams = self.lock();
        let stream = streams.get_mut(token)?;
        let (frames, receiver) = mpsc::channel(FRAMES_MAX);
        let opened = State::Open { frames: frames.clone() };
        let State::Opening { kept } = std::mem::replace(&mut stream.state, opened) else {
            unreachable!("a stream opens once");
        };
        let close = kept.iter().any(|send| send.close);
        for event in first.into_iter().chain(kept.into_iter().filter_map(|send| send.event)) {
            frames.try_send(event).expect("KEPT_MAX is less than the channel's room");
        }
        let (over_sender, over) = oneshot::channel();
        let body = ResponseBody { frames: receiver, _over: over_sender };
        Some(Opened { frames: frames.downgrade(), body, over, close })
    }
}

impl State {
    pub(super) fn keep(kept: &mut Vec<Kept>, send: Kept) {
        assert!(kept.len() < KEPT_MAX, "no test keeps so much");
        kept.push(send);
    }
}

/// What a stream has once it is open.
pub(super) struct Opened {
    /// Weak, for the stream ends when its entry goes.
    pub(super) frames: mpsc::WeakSender<Bytes>,
    pub(super) body: ResponseBody,
    /// Resolves when the response is over, for whatever cause.
    pub(super) over: oneshot::Receiver<()>,
    /// Whether what was kept ends the stream.
    pub(super) close: bool,
}

/// A response's body; its end is the end of the stream, and its drop the client's going.
pub(super) struct ResponseBody {
    frames: mpsc::Receiver<Bytes>,
    /// Its drop tells.
    _over: oneshot::Sender<()>,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.frames.poll_recv(context).map(|frame| frame.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Writes an event as the original does: its data split on LF only.
pub(super) fn encode(event: &Value) -> Bytes {
    let mut text = String::new();
    if let Some(name) = event["name"].as_str().filter(|name| !name.is_empty()) {
        text = format!("event: {name}\n");
    }
    for line in event["data"].as_str().unwrap_or_default().split('\n') {
        text += &format!("data: {line}\n");
    }
    (text + "\n").into()
}
