//! Carries out what the engine decides.

use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::epoll::{self, EventFlags};
use rustix::io::Errno;
use sse_gateway_engine::log::{Heard, Listener, Offer};
use sse_gateway_engine::{Answer, Attempt, Cut, Effect, Key, Limits, Sent, Shard, Time};
use sse_gateway_protocol::Token;
use sse_gateway_protocol::callback::CloseReason;
use sse_gateway_protocol::change::Change;
use sse_gateway_protocol::sse::{Encoder, Frame};

use super::Report;
use super::sockets::{Input, Sockets};
use crate::clock::Clock;
use crate::log::Ledger;

/// How much is done before sends get their turn, in writes to a stream: a fan-out to thousands would
/// occupy the thread for tens of milliseconds.
const WORK_PER_TURN: usize = 512;
/// How many frames beside the first are as much work as a write.
const FRAMES_PER_WRITE: usize = 16;
/// How many replayed events are as much work as a write.
const REPLAYED_PER_WRITE: usize = 32;
/// How many frames one write takes; the kernel's own limit is 1024.
const SLICES_PER_WRITE: usize = 64;
/// How many sockets are looked at before sends get their turn.
const EVENTS_PER_TURN: usize = 1024;

/// The engine of a shard with its sockets.
pub(crate) struct Driver {
    engine: Shard,
    sockets: Sockets,
    events: Vec<epoll::Event>,
    /// Sockets with more input than one turn takes.
    unread: Vec<Key>,
    ended: Vec<Ended>,
    /// Which of the shards it is, for the log.
    index: usize,
    log: Arc<Ledger>,
    clock: Clock,
}

/// What a stream left behind.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The backend must be told.
    Disconnected(Disconnect),
    /// It was refused.
    Forgotten,
}

/// An accepted stream that has ended.
#[derive(Debug)]
pub(crate) struct Disconnect {
    pub(crate) token: Token,
    pub(crate) reason: CloseReason,
    pub(crate) opened: bool,
    pub(crate) request: Box<str>,
}

/// Whether a turn left work behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Done,
    More,
}

/// What a write has done.
#[derive(Clone, Copy, Debug, Default)]
struct Flushed {
    frames: usize,
    /// Whether the socket took all of it and more is pending.
    goes_on: bool,
}

impl Driver {
    pub(crate) fn new(index: usize, limits: Limits, log: Arc<Ledger>, clock: Clock) -> io::Result<Self> {
        let (_, random) = uuid::Uuid::new_v4().as_u64_pair();
        let mut heartbeat = Encoder::for_payload(16);
        heartbeat.comment("heartbeat");
        Ok(Self {
            engine: Shard::new(limits, heartbeat.finish(), log.epoch().clone(), random),
            sockets: Sockets::new()?,
            events: Vec::with_capacity(EVENTS_PER_TURN),
            unread: Vec::new(),
            ended: Vec::new(),
            index,
            log,
            clock,
        })
    }

    /// Gives the epoll instance that tells when a turn is due.
    pub(crate) fn epoll(&self) -> Rc<OwnedFd> {
        self.sockets.epoll()
    }

    /// Tells when a turn is due although no socket is ready.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.engine.next_deadline().map(|time| self.clock.instant(time))
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    pub(crate) fn connect(&mut self, token: Token, request: Box<str>) -> Key {
        self.engine.connect(token, request)
    }

    /// Tells whether a stream would open if it were accepted.
    pub(crate) fn awaits_answer(&self, key: Key) -> bool {
        self.engine.awaits_answer(key)
    }

    /// Takes a refusal, or an acceptance for a client that is gone.
    pub(crate) fn answered(&mut self, key: Key, answer: Answer) {
        let opened = self.engine.answered(key, answer, self.now());
        debug_assert!(opened.is_none(), "a stream opens with its socket");
    }

    /// Opens a stream on its socket; false when it cannot open any more.
    pub(crate) fn open(&mut self, key: Key, answer: Answer, socket: TcpStream, unread: usize) -> bool {
        let Some(key) = self.engine.answered(key, answer, self.now()) else { return false };
        let now = self.now();
        while self.sockets.is_occupied(key) && self.carry_out_next(now).is_some() {}
        if let Err(error) = self.sockets.attach(key, socket, unread) {
            tracing::error!(%error, "cannot watch a stream's socket");
            self.engine.cut(key, Cut::Input);
        }
        true
    }

    pub(crate) fn client_left(&mut self, key: Key) {
        self.engine.client_left(key);
    }

    /// Sends to a stream, writing first where its outbox has no room.
    pub(crate) fn send(
        &mut self,
        token: &Token,
        frame: Option<&Frame>,
        close: bool,
        elsewhere_bytes: usize,
    ) -> Sent {
        self.engine.set_elsewhere_bytes(elsewhere_bytes);
        match self.engine.send(token, frame, close, Attempt::First) {
            Sent::WriteFirst(key) => {
                let now = self.now();
                while self.flush(key, now).goes_on {}
                self.engine.send(token, frame, close, Attempt::AfterWrite)
            }
            sent => sent,
        }
    }

    /// Applies what the log offers; to be called in its order.
    pub(crate) fn apply(&mut self, offer: &Offer) {
        self.engine.apply(offer);
    }

    /// Takes what the other shards hold, for what the next turn brings.
    pub(crate) fn set_elsewhere_bytes(&mut self, bytes: usize) {
        self.engine.set_elsewhere_bytes(bytes);
    }

    /// Counts the events that were ever put into outboxes.
    pub(crate) fn events_accepted(&self) -> u64 {
        self.engine.tally().events_accepted
    }

    /// Finds an open stream.
    pub(crate) fn find(&self, token: &Token) -> Option<Key> {
        self.engine.is_open(token)
    }

    /// Counts the topics that a stream would have after a change.
    pub(crate) fn topics_after(&self, key: Key, change: &Change) -> usize {
        self.engine.topics_after(key, &change.add, &change.remove)
    }

    /// Tells which topics a stream has.
    pub(crate) fn heard(&self, key: Key) -> Heard {
        self.engine.heard(key)
    }

    pub(crate) fn close(&mut self, token: &Token, reason: &str) -> bool {
        self.engine.close(token, reason)
    }

    pub(crate) fn close_subject(&mut self, subject: &str, reason: &str) -> usize {
        self.engine.close_subject(subject, reason)
    }

    /// Reads sockets, does what is due, writes.
    pub(crate) fn turn(&mut self, sockets_ready: bool) -> Turn {
        for key in std::mem::take(&mut self.unread) {
            self.read(key);
        }
        let mut more = false;
        if sockets_ready {
            self.sockets.ready(&mut self.events);
            more = self.events.len() == self.events.capacity();
            self.take_events();
        }
        let now = self.now();
        if self.engine.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.engine.tick(now);
        }
        let mut work = 0;
        while work < WORK_PER_TURN
            && let Some(done) = self.carry_out_next(now)
        {
            work += done;
        }
        more |= self.engine.effects_waiting() > 0 || !self.unread.is_empty();
        if more { Turn::More } else { Turn::Done }
    }

    fn take_events(&mut self) {
        for index in 0..self.events.len() {
            let epoll::Event { data, flags } = self.events[index];
            let key = Key::from_bits(data.u64());
            if flags.intersects(EventFlags::OUT) {
                self.engine.writable(key);
            }
            if flags.intersects(EventFlags::IN | EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) {
                self.read(key);
            }
        }
    }

    fn read(&mut self, key: Key) {
        match self.sockets.read(key) {
            Input::Nothing => {}
            Input::More => self.unread.push(key),
            Input::Ended => self.engine.client_left(key),
            Input::TooMuch => self.engine.cut(key, Cut::Input),
            Input::Failed(error) => self.socket_failed(key, error),
        }
    }

    fn socket_failed(&mut self, key: Key, error: Errno) {
        match error {
            Errno::PIPE | Errno::CONNRESET => self.engine.client_left(key),
            Errno::TIMEDOUT | Errno::HOSTUNREACH | Errno::NETUNREACH => self.engine.cut(key, Cut::Vanished),
            error => {
                tracing::warn!(%error, "a stream's socket failed");
                self.engine.cut(key, Cut::Input);
            }
        }
    }

    /// Carries out one effect; gives how much work that was, in writes to a stream.
    fn carry_out_next(&mut self, now: Time) -> Option<usize> {
        match self.engine.next_effect()? {
            Effect::Flush(key) => return Some(1 + self.flush(key, now).frames / FRAMES_PER_WRITE),
            Effect::ShutDownWrite(key) => self.sockets.shut_down_write(key),
            Effect::Release(key) => self.sockets.release(key),
            Effect::Cut(key) => self.sockets.cut(key),
            Effect::Disconnect { token, reason, opened, request } => {
                self.ended.push(Ended::Disconnected(Disconnect { token, reason, opened, request }));
            }
            Effect::Forget(_) => self.ended.push(Ended::Forgotten),
            Effect::Read(key) => return Some(1 + self.replay(key) / REPLAYED_PER_WRITE),
            Effect::Lag { since, topics } => self.log.with(|log, _| log.lag(since, &topics)),
            Effect::Leave { key, since, topics, live } => {
                let listener = Listener { shard: self.index, key };
                self.log.with(|log, now| log.leave(listener, since, &topics, live, now));
            }
        }
        Some(1)
    }

    /// Gives a replaying stream what comes next; gives how many events that were.
    fn replay(&mut self, key: Key) -> usize {
        let size = self.engine.page();
        let Some(reading) = self.engine.reading(key) else { return 0 };
        let page = self.log.read(Listener { shard: self.index, key }, reading, size);
        let items = page.items.len();
        self.engine.replay(key, page);
        items
    }

    /// Writes once.
    fn flush(&mut self, key: Key, now: Time) -> Flushed {
        let Some(mut pending) = self.engine.pending(key) else { return Flushed::default() };
        let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE];
        let mut count = 0;
        let mut offered = 0;
        for (place, bytes) in slices.iter_mut().zip(pending.by_ref()) {
            *place = IoSlice::new(bytes);
            offered += bytes.len();
            count += 1;
        }
        // An unframed stream ends without a last chunk: nothing is written, and that is the news.
        let written = if offered == 0 { Some(Ok(0)) } else { self.sockets.write(key, &slices[..count]) };
        let more = count == SLICES_PER_WRITE && pending.next().is_some();
        let goes_on = match written {
            None => false,
            Some(Ok(written)) => {
                self.engine.wrote(key, written, written < offered, now);
                more && written == offered
            }
            Some(Err(Errno::AGAIN)) => {
                self.engine.wrote(key, 0, true, now);
                false
            }
            Some(Err(error)) => {
                self.socket_failed(key, error);
                false
            }
        };
        Flushed { frames: count, goes_on }
    }

    /// Takes what ended since the last call.
    pub(crate) fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    pub(crate) fn outbox_bytes(&self) -> usize {
        self.engine.outbox_bytes()
    }

    pub(crate) fn fullest_bytes(&self) -> usize {
        self.engine.fullest_bytes()
    }

    pub(crate) fn shed_fullest(&mut self) {
        self.engine.shed_fullest();
    }

    pub(crate) fn shut_down(&mut self) {
        self.engine.shut_down();
    }

    pub(crate) fn abandon(&mut self) -> usize {
        self.engine.abandon()
    }

    pub(crate) fn report(&self) -> Report {
        Report {
            tally: self.engine.tally().clone(),
            census: self.engine.census(),
            effects_waiting: self.engine.effects_waiting() + self.ended.len(),
        }
    }
}
