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
use crate::outbox::Outbox;
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
///
/// Everything in it is bounded by the number of streams, which the driver bounds: a stream has at
/// most one entry in each register, one waiting flush, and three effects at its end.
#[derive(Debug)]
pub struct Shard {
    limits: Limits,
    streams: Streams,
    effects: VecDeque<Effect>,
    heartbeats: Wheel,
    /// The streams whose socket takes nothing more, by their last progress.
    stalls: BTreeSet<(Time, Key)>,
    /// The streams whose end is written, by the time it was.
    drains: BTreeSet<(Time, Key)>,
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
            drains: BTreeSet::new(),
            tally: Tally::default(),
            outbox_bytes: 0,
            elsewhere_bytes: 0,
            heartbeat,
            shutting_down: false,
        }
    }

    /// Begins a stream in state opening: from here on sends to it are kept.
    pub fn connect(&mut self, token: Token, request: Box<str>) -> Key {
        let departed = self.shutting_down.then_some(CloseReason::ServerClosed);
        self.streams.insert(token, request, Life::Opening(Kept::new(departed)))
    }

    /// Takes the backend's answer, also when the client has left meanwhile.
    ///
    /// Gives the key that is now open or ending; the driver then attaches the client's socket.
    pub fn answered(&mut self, key: Key, answer: Answer, now: Time) -> Option<Key> {
        let Life::Opening(kept) = &self.streams.get(key)?.life else { return None };
        match (answer, kept.departed) {
            (Answer::Accepted { head, first, close, framing }, None) => {
                self.open(key, Outbox::opening(framing, head, first), close, now);
                return Some(key);
            }
            (Answer::Accepted { .. }, Some(reason @ CloseReason::ServerClosed)) => {
                self.remove_and_tell(key, Loss::Shutdown, reason, false);
            }
            (Answer::Accepted { .. }, Some(reason)) => {
                self.remove_and_tell(key, Loss::ClientLeft, reason, false);
            }
            (Answer::Unknown, _) => {
                self.remove_and_tell(key, Loss::Refused, CloseReason::Error, false);
            }
            (Answer::Refused, _) => {
                let stream = self.remove_and_count(key, Loss::Refused)?;
                self.effects.push_back(Effect::Forget(stream.token));
            }
        }
        None
    }

    fn open(&mut self, key: Key, mut outbox: Outbox, close: bool, now: Time) {
        // The wheel may be late, and the newcomer must wait a whole interval from now.
        self.beat_if_due(now);
        let Some(stream) = self.streams.get_mut(key) else { return };
        let Life::Opening(kept) = &mut stream.life else { return };
        let kept = std::mem::replace(kept, Kept::new(None));
        self.tally.opened += 1;
        self.tally.events_accepted += outbox.events();
        self.outbox_bytes -= kept.outbox.bytes();
        kept.outbox.into_frames().for_each(|frame| {
            outbox.push(frame);
        });
        let life = if close || kept.close {
            outbox.push(Frame::last_chunk());
            self.outbox_bytes += outbox.bytes();
            Life::Ending { outbox }
        } else {
            self.outbox_bytes += outbox.bytes();
            Life::Open { outbox, heartbeat: self.heartbeats.insert(key.slot() as u32) }
        };
        self.streams.enter(key, life);
        self.queue_flush(key);
    }

    /// Gives the next thing to do, oldest first.
    pub fn next_effect(&mut self) -> Option<Effect> {
        let effect = self.effects.pop_front();
        match &effect {
            Some(Effect::Flush(key)) => {
                if let Some(outbox) = self.outbox_mut(*key) {
                    outbox.flush_queued = false;
                }
            }
            None if self.effects.capacity() > EFFECTS_KEPT => self.effects = VecDeque::new(),
            _ => {}
        }
        effect
    }

    /// Counts the effects that wait.
    #[must_use]
    pub fn effects_waiting(&self) -> usize {
        self.effects.len()
    }

    fn outbox_mut(&mut self, key: Key) -> Option<&mut Outbox> {
        self.streams.get_mut(key)?.outbox_mut()
    }

    fn queue_flush(&mut self, key: Key) {
        let Some(outbox) = self.outbox_mut(key) else { return };
        if !std::mem::replace(&mut outbox.flush_queued, true) {
            self.effects.push_back(Effect::Flush(key));
        }
    }
}

/// A queue of effects that a burst made longer than this is not kept.
const EFFECTS_KEPT: usize = 4096;
