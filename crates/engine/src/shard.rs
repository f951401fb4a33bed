//! The rules of a shard's streams: who may send, what is kept, what each hears, how it ends.

mod changes;
mod closes;
mod ends;
mod membership;
mod offers;
mod opens;
mod replays;
mod sends;
mod turns;

use std::collections::BTreeSet;
use std::time::Duration;

use sse_gateway_protocol::callback::CloseReason;
use sse_gateway_protocol::sse::Frame;
use sse_gateway_protocol::{Epoch, Token};

use crate::effect::{Effect, Effects};
use crate::heartbeat::Wheel;
use crate::log::{PageSize, Subscription};
use crate::outbox::{Outbox, Pace};
use crate::rosters::Rosters;
use crate::standing::Topic;
use crate::stream::{Kept, Life};
use crate::streams::Streams;
use crate::tally::Tally;
use crate::{Key, Time};

pub use opens::{Accepted, Answer, Then};
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
    /// How long a replaced client is told to stay away; each is told another time within +-50 %.
    pub replaced_retry: Duration,
    /// How much a replaying stream reads from the log at once. Its outbox takes a page beside what it
    /// holds; the next is read when it holds less than a quarter of one.
    pub page: PageSize,
}

/// Owns streams and decides everything about them.
///
/// Everything in it is bounded by the number of streams and of their topics, which the driver
/// bounds: a stream has at most one entry in each register, one waiting flush, one waiting read, and
/// four effects at its end; a topic has at most one entry for each stream that listens to it.
#[derive(Debug)]
pub struct Shard {
    limits: Limits,
    streams: Streams,
    effects: Effects,
    heartbeats: Wheel,
    /// The streams whose socket takes nothing more, by their last progress.
    stalls: BTreeSet<(Time, Key)>,
    /// The streams whose end is written, by the time it was.
    drains: BTreeSet<(Time, Key)>,
    listeners: Rosters<Topic>,
    subjects: Rosters<Box<str>>,
    /// The streams that have not got to a change of their topics: they are on no list of what it adds.
    changing: BTreeSet<Key>,
    /// What the last reading asked for.
    asked: Vec<Subscription>,
    tally: Tally,
    outbox_bytes: usize,
    /// What the other shards hold, as the driver last said.
    elsewhere_bytes: usize,
    heartbeat: Frame,
    epoch: Epoch,
    random: fastrand::Rng,
    shutting_down: bool,
}

impl Shard {
    /// Makes a shard without streams, for the log of this epoch; `seed` is any random number.
    #[must_use]
    pub fn new(limits: Limits, heartbeat: Frame, epoch: Epoch, seed: u64) -> Self {
        Self {
            heartbeats: Wheel::new(limits.heartbeat_interval),
            limits,
            streams: Streams::default(),
            effects: Effects::default(),
            stalls: BTreeSet::new(),
            drains: BTreeSet::new(),
            listeners: Rosters::default(),
            subjects: Rosters::default(),
            changing: BTreeSet::new(),
            asked: Vec::new(),
            tally: Tally::default(),
            outbox_bytes: 0,
            elsewhere_bytes: 0,
            heartbeat,
            epoch,
            random: fastrand::Rng::with_seed(seed),
            shutting_down: false,
        }
    }

    /// Begins a stream in state opening: from here on sends to it are kept.
    pub fn connect(&mut self, token: Token, request: Box<str>) -> Key {
        let departed = self.shutting_down.then_some(CloseReason::ServerClosed);
        self.streams.insert(token, request, Life::Opening(Kept::new(departed)))
    }

    /// Gives the next thing to do.
    pub fn next_effect(&mut self) -> Option<Effect> {
        let effect = self.effects.next();
        match &effect {
            Some(Effect::Flush(key)) => {
                if let Some(outbox) = self.outbox_mut(*key) {
                    outbox.flush_queued = false;
                }
            }
            Some(Effect::Read(key)) => {
                if let Some(replay) = self.listening_mut(*key).and_then(|listening| listening.replay_mut()) {
                    replay.read_queued = false;
                }
            }
            _ => {}
        }
        effect
    }

    /// Counts the effects that wait.
    #[must_use]
    pub fn effects_waiting(&self) -> usize {
        self.effects.len()
    }

    /// Tells whether all outboxes together hold more than half of what they may. The other half is for
    /// sends, which nobody holds for a stream that reads late.
    fn is_crowded(&self) -> bool {
        self.outbox_bytes + self.elsewhere_bytes > self.limits.outbox_bytes_total_max / 2
    }

    fn outbox_mut(&mut self, key: Key) -> Option<&mut Outbox> {
        self.streams.get_mut(key)?.outbox_mut()
    }

    /// Puts a frame into the outbox of a stream with a socket and sees to its writing.
    ///
    /// A frame of no bytes, the last chunk of an unframed stream, asks for a flush too: the end is
    /// noticed when a write has left nothing.
    fn push(&mut self, key: Key, frame: Frame) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        let frame = stream.lead(frame);
        let Some(outbox) = stream.outbox_mut() else { return };
        self.outbox_bytes += outbox.push(frame);
        if outbox.pace() == Pace::Flowing {
            self.queue_flush(key);
        }
    }

    /// Puts a topic's event, or one of the gateway's own, into the outbox of a stream with a socket.
    fn deliver(&mut self, key: Key, frame: Frame) {
        self.tally.events_accepted += u64::from(frame.events());
        self.push(key, frame);
    }

    fn queue_flush(&mut self, key: Key) {
        let Some(outbox) = self.outbox_mut(key) else { return };
        if !std::mem::replace(&mut outbox.flush_queued, true) {
            self.effects.push(Effect::Flush(key));
        }
    }
}
