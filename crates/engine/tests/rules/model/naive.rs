//! The rules once more, as plainly as they can be said: a list of streams, and pieces in vectors.
//!
//! Written from the protocol and not from the engine; slow, and meant to be.

use std::collections::VecDeque;

use sse_gateway_engine::{Cut, Limits, Loss, Sent};
use sse_gateway_protocol::callback::CloseReason;

/// What the driver is told at the end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    ShutDownWrite,
    Release,
    Cut,
    Disconnect(CloseReason, bool),
    Forget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Opening { close: bool, departed: Option<CloseReason> },
    Open,
    Ending,
    Draining { since: u64 },
    Gone,
}

/// Some bytes of one origin, the written ones taken off.
#[derive(Clone, Debug)]
struct Piece {
    payload: String,
    left: Vec<u8>,
    events: u64,
    /// The head or the event of the connect answer.
    preamble: bool,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) stage: Stage,
    framed: bool,
    pieces: VecDeque<Piece>,
    pub(super) blocked_since: Option<u64>,
    /// From when on its next heartbeat is waited for.
    beat_since: u64,
    /// When the last one was put into its outbox, or when it opened.
    last_beat: u64,
    pub(super) expected: VecDeque<Told>,
}

#[derive(Debug)]
pub(super) struct Naive {
    limits: Limits,
    pub(super) streams: Vec<Stream>,
    pub(super) accepted: u64,
    pub(super) written: u64,
    pub(super) undelivered: [u64; 4],
    pub(super) elsewhere: usize,
    shutting_down: bool,
}

/// How a connect comes out.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Accepted { first: Option<usize>, close: bool, framed: bool },
    Refused,
    Unknown,
}

pub(super) fn text_of(bytes: usize) -> String {
    format!("data: {}\n\n", "x".repeat(bytes))
}

fn chunk(payload: &str) -> Vec<u8> {
    format!("{:x}\r\n{payload}\r\n", payload.len()).into_bytes()
}

impl Stream {
    pub(super) fn has_socket(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Ending)
    }

    pub(super) fn pending(&self) -> Vec<u8> {
        self.pieces.iter().flat_map(|piece| piece.left.iter().copied()).collect()
    }

    fn add(&mut self, payload: &str, events: u64, preamble: bool) {
        let left = if self.framed { chunk(payload) } else { payload.as_bytes().to_vec() };
        self.pieces.push_back(Piece { payload: payload.into(), left, events, preamble });
    }

    fn senders_bytes(&self) -> usize {
        self.pieces.iter().filter(|piece| !piece.preamble).map(|piece| piece.left.len()).sum()
    }

    fn events(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.events).sum()
    }
}

impl Naive {
    pub(super) fn new(limits: Limits) -> Self {
        let streams = Vec::new();
        Self {
            limits,
            streams,
            accepted: 0,
            written: 0,
            undelivered: [0; 4],
            elsewhere: 0,
            shutting_down: false,
        }
    }

    pub(super) fn connect(&mut self) {
        let departed = self.shutting_down.then_some(CloseReason::ServerClosed);
        self.streams.push(Stream {
            stage: Stage::Opening { close: false, departed },
            framed: true,
            pieces: VecDeque::new(),
            blocked_since: None,
            beat_since: 0,
            last_beat: 0,
            expected: VecDeque::new(),
        });
    }

    pub(super) fn held(&self) -> usize {
        self.streams.iter().map(|stream| stream.pending().len()).sum()
    }

    pub(super) fn answered(&mut self, who: usize, outcome: &Outcome, head: &str, now: u64) -> bool {
        let Stage::Opening { close: kept_close, departed } = self.streams[who].stage else { return false };
        match (outcome, departed) {
            (Outcome::Refused, _) => self.lose_all(who, Loss::Refused, &[Told::Forget]),
            (Outcome::Unknown, _) => {
                self.lose_all(who, Loss::Refused, &[Told::Disconnect(CloseReason::Error, false)]);
            }
            (Outcome::Accepted { .. }, Some(reason)) => {
                let server = reason == CloseReason::ServerClosed;
                let loss = if server { Loss::Shutdown } else { Loss::ClientLeft };
                self.lose_all(who, loss, &[Told::Disconnect(reason, false)]);
            }
            (Outcome::Accepted { first, close, framed }, None) => {
                self.accepted += u64::from(first.is_some());
                let stream = &mut self.streams[who];
                let kept = std::mem::take(&mut stream.pieces);
                stream.framed = *framed;
                let left = head.as_bytes().to_vec();
                stream.pieces.push_back(Piece { payload: head.into(), left, events: 0, preamble: true });
                first.iter().for_each(|bytes| stream.add(&text_of(*bytes), 1, true));
                kept.iter().for_each(|piece| stream.add(&piece.payload, piece.events, false));
                (stream.stage, stream.beat_since, stream.last_beat) = (Stage::Open, now, now);
                if *close || kept_close {
                    self.end(who);
                }
                return true;
            }
        }
        false
    }

    /// Says what a send answers; `WriteFirst` is never among it, `tried` says that it was done.
    pub(super) fn send(&mut self, who: usize, events: &[usize], close: bool, tried: bool) -> Option<Sent> {
        let payload: String = events.iter().map(|bytes| text_of(*bytes)).collect();
        let past_total = self.held() + self.elsewhere > self.limits.outbox_bytes_total_max;
        let stream = &mut self.streams[who];
        let opening = match &mut stream.stage {
            Stage::Opening { close: false, .. } => true,
            Stage::Open => false,
            _ => return Some(Sent::NotFound),
        };
        if payload.len() > self.limits.outbox_bytes_max {
            return Some(Sent::TooLarge);
        }
        let cost = if stream.framed { chunk(&payload).len() } else { payload.len() };
        let senders = stream.senders_bytes();
        let fits = senders == 0 || senders + cost <= self.limits.outbox_bytes_max;
        if !events.is_empty() && !(fits && !(opening && past_total)) {
            if opening {
                return Some(Sent::Full);
            } else if !tried {
                return None;
            }
            self.cut(who, Cut::Slow);
            return Some(Sent::Full);
        }
        self.accepted += events.len() as u64;
        if !events.is_empty() {
            stream.add(&payload, events.len() as u64, false);
        }
        if let Stage::Opening { close: kept, .. } = &mut stream.stage {
            *kept = close;
            return Some(Sent::Buffered);
        }
        if close {
            self.end(who);
        }
        Some(Sent::Ok)
    }

    fn end(&mut self, who: usize) {
        let stream = &mut self.streams[who];
        stream.stage = Stage::Ending;
        if stream.framed {
            let left = b"0\r\n\r\n".to_vec();
            stream.pieces.push_back(Piece { payload: String::new(), left, events: 0, preamble: false });
        }
    }

    pub(super) fn wrote(&mut self, who: usize, mut bytes: usize, blocked: bool, now: u64) {
        let stream = &mut self.streams[who];
        let progress = bytes > 0;
        while let Some(piece) = stream.pieces.front_mut() {
            let taken = piece.left.len().min(bytes);
            piece.left.drain(..taken);
            bytes -= taken;
            if !piece.left.is_empty() {
                break;
            }
            self.written += piece.events;
            stream.pieces.pop_front();
        }
        let was_blocked = stream.blocked_since.is_some();
        stream.blocked_since = match stream.blocked_since {
            _ if !blocked || stream.pieces.is_empty() => None,
            Some(since) if !progress => Some(since),
            _ => Some(now),
        };
        if was_blocked || stream.blocked_since.is_some() {
            stream.beat_since = now;
        }
        if stream.pieces.is_empty() && stream.stage == Stage::Ending {
            stream.stage = Stage::Draining { since: now };
            stream.expected.extend([Told::ShutDownWrite, Told::Disconnect(CloseReason::ServerClosed, true)]);
        }
    }

    pub(super) fn client_left(&mut self, who: usize) {
        match &mut self.streams[who].stage {
            Stage::Opening { departed, .. } => *departed = departed.or(Some(CloseReason::ClientClosed)),
            Stage::Open | Stage::Ending => {
                let told = [Told::Release, Told::Disconnect(CloseReason::ClientClosed, true)];
                self.lose_all(who, Loss::ClientLeft, &told);
            }
            Stage::Draining { .. } => self.lose_all(who, Loss::ClientLeft, &[Told::Release]),
            Stage::Gone => {}
        }
    }

    pub(super) fn cut(&mut self, who: usize, cut: Cut) {
        let loss = match cut {
            Cut::Slow | Cut::Stalled => Loss::Slow,
            Cut::Vanished | Cut::Input => Loss::ClientLeft,
        };
        match self.streams[who].stage {
            Stage::Open | Stage::Ending => {
                self.lose_all(who, loss, &[Told::Cut, Told::Disconnect(CloseReason::Error, true)]);
            }
            Stage::Draining { .. } => self.lose_all(who, loss, &[Told::Cut]),
            Stage::Opening { .. } | Stage::Gone => {}
        }
    }

    fn lose_all(&mut self, who: usize, loss: Loss, told: &[Told]) {
        let stream = &mut self.streams[who];
        self.undelivered[loss as usize] += stream.events();
        stream.pieces.clear();
        stream.stage = Stage::Gone;
        stream.blocked_since = None;
        stream.expected.extend(told);
    }

    pub(super) fn shut_down(&mut self) {
        self.shutting_down = true;
        for who in 0..self.streams.len() {
            match &mut self.streams[who].stage {
                Stage::Opening { departed, .. } => *departed = departed.or(Some(CloseReason::ServerClosed)),
                Stage::Open => self.end(who),
                _ => {}
            }
        }
    }

    pub(super) fn abandon(&mut self) -> usize {
        let untold = |stage| !matches!(stage, Stage::Draining { .. } | Stage::Gone);
        let count = self.streams.iter().filter(|stream| untold(stream.stage)).count();
        (0..self.streams.len()).for_each(|who| self.lose_all(who, Loss::Shutdown, &[]));
        count
    }

    /// Gives the only fullest stream with a socket; `None` when several share the place.
    pub(super) fn fullest(&self) -> Option<Option<usize>> {
        let with_socket = || self.streams.iter().enumerate().filter(|(_, stream)| stream.has_socket());
        let most = with_socket().map(|(_, stream)| stream.pending().len()).max().unwrap_or(0);
        let mut fullest = with_socket().filter(|(_, stream)| stream.pending().len() == most);
        match (most, fullest.next(), fullest.next()) {
            (0, ..) => Some(None),
            (_, Some((who, _)), None) => Some(Some(who)),
            _ => None,
        }
    }

    /// Does what is overdue, heartbeats excepted.
    pub(super) fn tick(&mut self, now: u64) {
        let (write, drain) =
            (self.limits.write_timeout.as_micros() as u64, self.limits.drain_timeout.as_micros() as u64);
        for who in 0..self.streams.len() {
            let stream = &mut self.streams[who];
            if stream.blocked_since.is_some_and(|since| since + write <= now) {
                self.cut(who, Cut::Stalled);
            } else if matches!(stream.stage, Stage::Draining { since } if since + drain <= now) {
                self.lose_all(who, Loss::ClientLeft, &[Told::Release]);
            }
        }
    }

    /// Takes note of a heartbeat that the engine gave, and says whether its time was right.
    pub(super) fn beat(&mut self, who: usize, payload: &str, now: u64) -> Result<(), String> {
        let interval = self.limits.heartbeat_interval.as_micros() as u64;
        let stream = &mut self.streams[who];
        if stream.stage != Stage::Open || stream.blocked_since.is_some() {
            return Err(format!("a heartbeat for {stream:?}"));
        } else if now - stream.last_beat < interval * 9 / 10 {
            return Err(format!("a heartbeat after {} us", now - stream.last_beat));
        }
        (stream.last_beat, stream.beat_since) = (now, now);
        stream.add(payload, 0, false);
        Ok(())
    }

    /// Finds a stream that should have heard a heartbeat by now.
    pub(super) fn unheard(&self, now: u64) -> Option<usize> {
        let interval = self.limits.heartbeat_interval.as_micros() as u64;
        self.streams.iter().position(|stream| {
            let listens = stream.stage == Stage::Open && stream.blocked_since.is_none();
            listens && now > stream.beat_since + interval * 11 / 10
        })
    }
}
