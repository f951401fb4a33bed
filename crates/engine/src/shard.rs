//! The rules of a shard's streams: who may send, what is kept, how each ends.

mod ends;
mod sends;
mod turns;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use sse_gateway_protocol::Token;
use sse_gateway_protocol::sse::{Frame, Framing};

use crate::effect::Effect;
use crate::heartbeat::Wheel;
use crate::outbox::{Outbox, Pace};
use crate::stream::{Kept, Life};
use crate::streams::Streams;
use crate::tally::{Loss, Tally};
use crate::{Key, Time};
use sse_gateway_protocol::callback::CloseReason;

pub use sends::{Attempt, Sent};

/// The bounds of a shard.
#[derive(Clone, Debug)]
pub struct Limits {
    /// How much one stream may hold unwritten, kept events included.
    pub outbox_bytes_max: usize,
    /// How much all streams of all shards may hold.
    pub outbox_bytes_total_max: usize,
    /// How often an open stream hears `: heartbeat`.
    pub heartbeat_interval: Duration,
    /// How long a write may make no progress.
    pub write_timeout: Duration,
    /// How long the client's input is discarded after the end was written.
    pub drain_timeout: Duration,
}

/// How the backend's answer to a connect came out.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It accepted: the stream opens with this head, this first event, and maybe ends after them.
    Accepted {
        /// The response head with the first comment.
        head: Frame,
        /// The event of the answer.
        first: Option<Frame>,
        /// Whether the stream ends after what was kept.
        close: bool,
        /// How this client's bytes are delimited.
        framing: Framing,
    },
    /// It refused, or never saw the request.
    Refused,
    /// It may have accepted: a timeout, a connection lost after the request, an answer too large.
    Unknown,
}

/// Owns streams and decides everything about them.
#[derive(Debug)]
pub struct Shard {
    limits: Limits,
    streams: Streams,
    effects: VecDeque<Effect>,
    heartbeats: Wheel,
    /// Streams that were blocked, by the progress last looked at; one entry a stream.
    stalls: BTreeSet<(Time, Key)>,
    /// Streams whose end is written, by the time they were.
    drains: VecDeque<(Time, Key)>,
    tally: Tally,
    outbox_bytes: usize,
    /// What the other shards hold, as the driver last said.
    elsewhere_bytes: usize,
    heartbeat: Frame,
    shutting_down: bool,
}

impl Shard {
    /// Makes a shard without streams.
    #[must_use]
    pub fn new(limits: Limits, heartbeat: Frame) -> Self {
        Self {
            heartbeats: Wheel::new(limits.heartbeat_interval),
            limits,
            streams: Streams::default(),
            effects: VecDeque::new(),
            stalls: BTreeSet::new(),
            drains: VecDeque::new(),
            tally: Tally::default(),
            outbox_bytes: 0,
            elsewhere_bytes: 0,
            heartbeat,
            shutting_down: false,
        }
    }

    /// Begins a stream in state opening: from here on sends to it are kept.
    pub fn connect(&mut self, token: Token, request: Box<str>) -> Key {
        let kept = Kept {
            // Kept frames are counted as if chunked; the client's framing is known on opening.
            outbox: Outbox::new(Framing::Chunked),
            close: false,
            departed: self.shutting_down.then_some(CloseReason::ServerClosed),
        };
        self.streams.insert(token, request, Life::Opening(kept))
    }

    /// Takes the backend's answer, also when the client has left meanwhile.
    ///
    /// Gives the key that is now open or ending; the driver then attaches the client's socket.
    pub fn answered(&mut self, key: Key, answer: Answer, now: Time) -> Option<Key> {
        let stream = self.streams.get_mut(key)?;
        let Life::Opening(kept) = &mut stream.life else { return None };
        let kept = std::mem::replace(
            kept,
            Kept { outbox: Outbox::new(Framing::Chunked), close: false, departed: None },
        );
        self.outbox_bytes -= kept.outbox.bytes();
        match (answer, kept.departed) {
            (Answer::Refused, _) => {
                self.tally.lose(Loss::Refused, kept.outbox.events());
                let stream = self.streams.remove(key)?;
                self.effects.push_back(Effect::Forget(stream.token));
                None
            }
            (Answer::Unknown, _) => {
                self.tally.lose(Loss::Refused, kept.outbox.events());
                self.disconnect(key, CloseReason::Error, false);
                None
            }
            (Answer::Accepted { .. }, Some(reason)) => {
                let loss = match reason {
                    CloseReason::ServerClosed => Loss::Shutdown,
                    CloseReason::ClientClosed | CloseReason::Error => Loss::ClientLeft,
                };
                self.tally.lose(loss, kept.outbox.events());
                self.disconnect(key, reason, false);
                None
            }
            (Answer::Accepted { head, first, close, framing }, None) => {
                let mut outbox = Outbox::new(framing);
                outbox.push(head);
                first.into_iter().for_each(|frame| outbox.push(frame));
                outbox.append(kept.outbox);
                self.open(key, outbox, close || kept.close, now);
                Some(key)
            }
        }
    }

    fn open(&mut self, key: Key, mut outbox: Outbox, close: bool, now: Time) {
        self.tally.opened += 1;
        if close {
            outbox.push(Frame::last_chunk());
        }
        outbox.pace = Pace::Due;
        self.outbox_bytes += outbox.bytes();
        let life = if close {
            Life::Ending { outbox }
        } else {
            Life::Open { outbox, heartbeat: self.heartbeats.insert(key.slot() as u32, now) }
        };
        if let Some(stream) = self.streams.get_mut(key) {
            stream.life = life;
        }
        self.effects.push_back(Effect::Flush(key));
    }

    /// Gives the next thing to do, oldest first.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Counts the effects that wait.
    #[must_use]
    pub fn effects_waiting(&self) -> usize {
        self.effects.len()
    }
}
