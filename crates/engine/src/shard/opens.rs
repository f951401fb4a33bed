//! The backend's answer to a connect: the stream opens, or is gone.

use sse_gateway_protocol::callback::CloseReason;
use sse_gateway_protocol::control;
use sse_gateway_protocol::sse::{Frame, Framing};

use super::Shard;
use crate::effect::Effect;
use crate::log::Start;
use crate::outbox::Outbox;
use crate::standing::Standing;
use crate::stream::{Kept, Life};
use crate::tally::Loss;
use crate::{Key, Time};

/// How the backend's answer to a connect came out.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It accepted: the stream opens.
    Accepted(Accepted),
    /// It accepted, and all that the stream would listen to was over at the client's cursor.
    Over,
    /// It refused, or never saw the request.
    Refused,
    /// It may have accepted: a timeout, a connection lost after the request, an answer too large.
    Unknown,
}

/// What an accepted stream opens with.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The response head with the first comment.
    pub head: Frame,
    /// The event of the answer.
    pub first: Option<Frame>,
    /// How this client's bytes are delimited.
    pub framing: Framing,
    /// What comes after what was kept.
    pub then: Then,
    /// When the browser shall come back after an end, in milliseconds: stands inside the first block
    /// that has data.
    pub retry_ms: Option<u64>,
    /// Who the stream belongs to.
    pub subject: Option<Box<str>>,
}

/// What comes after what was kept. A kept `close` is stronger.
#[derive(Clone, Debug)]
pub enum Then {
    /// Sends.
    Stay,
    /// The end.
    End,
    /// These events, `connection_close` with this reason, and the end.
    Close {
        /// The events, in one frame.
        last: Option<Frame>,
        /// What the client is told.
        reason: Box<str>,
    },
    /// Its topics, beside sends.
    Listen(Start),
}

impl Shard {
    /// Tells whether a stream would open if the backend accepted it: its client still waits.
    ///
    /// To be asked before it subscribes to anything, so that no client that has gone takes a topic
    /// over; its answer must follow before anything else is applied.
    #[must_use]
    pub fn awaits_answer(&self, key: Key) -> bool {
        let life = self.streams.get(key).map(|stream| &stream.life);
        matches!(life, Some(Life::Opening(Kept { departed: None, .. })))
    }

    /// Takes the backend's answer, also when the client has left meanwhile.
    ///
    /// Gives the key that is now open or ending; the driver then attaches the client's socket.
    pub fn answered(&mut self, key: Key, answer: Answer, now: Time) -> Option<Key> {
        let departed = match self.streams.get(key).map(|stream| &stream.life) {
            Some(Life::Opening(kept)) => kept.departed,
            _ => {
                self.subscribed_in_vain(key, &answer);
                return None;
            }
        };
        match (answer, departed) {
            (Answer::Accepted(accepted), None) => {
                self.open(key, accepted, now);
                return Some(key);
            }
            (Answer::Over, None) => {
                self.remove_and_tell(key, Loss::Refused, CloseReason::ServerClosed, false);
            }
            (answer @ (Answer::Accepted(_) | Answer::Over), Some(reason)) => {
                self.subscribed_in_vain(key, &answer);
                let loss =
                    if reason == CloseReason::ServerClosed { Loss::Shutdown } else { Loss::ClientLeft };
                self.remove_and_tell(key, loss, reason, false);
            }
            (Answer::Unknown, _) => {
                self.remove_and_tell(key, Loss::Refused, CloseReason::Error, false);
            }
            (Answer::Refused, _) => {
                let stream = self.remove_and_count(key, Loss::Refused)?;
                self.effects.push(Effect::Forget(stream.token));
            }
        }
        None
    }

    fn subscribed_in_vain(&mut self, key: Key, answer: &Answer) {
        if let Answer::Accepted(Accepted { then: Then::Listen(start), .. }) = answer {
            self.leave_unheard(key, start.since, &start.topics);
        }
    }

    fn open(&mut self, key: Key, accepted: Accepted, now: Time) {
        // The wheel may be late, and the newcomer must wait a whole interval from now.
        self.beat_if_due(now);
        let Some(stream) = self.streams.get_mut(key) else { return };
        let Life::Opening(kept) = &mut stream.life else { return };
        let kept = std::mem::replace(kept, Kept::new(None));
        let Accepted { head, first, framing, then, retry_ms, subject } = accepted;
        let retry_ms = retry_ms.map(|retry_ms| u32::try_from(retry_ms).unwrap_or(u32::MAX));
        let mut standing = Standing { retry_ms, ..Standing::default() };
        let mut outbox = Outbox::opening(framing, head, first.map(|frame| standing.lead(frame)));
        self.tally.opened += 1;
        self.tally.events_accepted += outbox.events();
        self.outbox_bytes -= kept.outbox.bytes();
        for frame in kept.outbox.into_frames() {
            outbox.push(standing.lead(frame));
        }
        self.outbox_bytes += outbox.bytes();
        standing.subject = subject.map(|subject| self.enter_subject(key, subject));
        let heartbeat = self.heartbeats.insert(key.slot() as u32);
        let standing = (!standing.is_bare()).then(|| Box::new(standing));
        self.streams.enter(key, Life::Open { outbox, heartbeat, standing });
        self.go_on(key, then, kept.close);
        // A stream that reads first is written to then: the head leaves with the first page.
        if !self.reads_next(key) {
            self.queue_flush(key);
        }
    }

    fn go_on(&mut self, key: Key, then: Then, kept_close: bool) {
        match then {
            Then::Stay if !kept_close => {}
            Then::Listen(start) if kept_close => {
                self.leave_unheard(key, start.since, &start.topics);
                self.end(key);
            }
            Then::Listen(start) => self.listen(key, start),
            Then::Close { last, reason } if !kept_close => {
                let close = control::connection_close(&reason, None, None);
                last.into_iter().chain([close]).for_each(|frame| self.deliver(key, frame));
                self.end(key);
            }
            Then::Stay | Then::End | Then::Close { .. } => self.end(key),
        }
    }
}
