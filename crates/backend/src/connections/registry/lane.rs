//! One identifier: what it retains, who is connected, and its one sender.
//!
//! ```text
//!   a stream's life here            the sender
//!
//!   connect ---> connected          Idle <---------------------------+
//!                 |   |  |            | something to send            |
//!      replaced, -+   |  +- gone,     v              its outcome     |
//!      unknown        |     ended   Sending ----------> ok, gone ----+
//!         |           |      |        |  |                           |
//!         v           |      |        |  +-- not taken --> Backoff --+
//!      closing        | disconnect    |                    (a time)  |
//!         |           v      v        +---- buffered ----> Probing --+
//!         +--------> past <--+                             (a time)
//! ```
//!
//! Closes of replaced streams go first, then events to the connection, both through the same sender:
//! nothing can pass anything. While a request is under way everything else only changes state.

use std::collections::VecDeque;
use std::time::Duration;

use sse_gateway_protocol::Token;

use super::effect::{Effect, Request};
use super::ledger::Ledger;
use super::past::{Fate, Served};
use crate::Identifier;
use crate::connections::loss::Loss;
use crate::connections::memory::{Batch, Content, Entry, Memory, ONE_BY_ONE, Receipt, Retention, Seq};
use crate::connections::message::{IfMissing, Message, PublishError};
use crate::connections::{ConnectionSettings, Delivery, Time, connection_close};

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) identifier: Identifier,
    pub(super) memory: Memory,
    pub(super) connection: Option<Connection>,
    /// Streams to be closed, the longest waiting first.
    pub(super) closing: VecDeque<Closing>,
    pub(super) sender: Sender,
    /// The deadline that the registry has noted for this lane.
    pub(super) noted: Option<Time>,
}

/// The one stream that is connected to the identifier.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) token: Token,
    /// Whether its gateway takes several events in one request.
    pub(super) batches: bool,
    /// The first entry that the gateway has not taken for it.
    pub(super) next: Seq,
    /// Entries before this number travel one by one, because a batch was rejected.
    pub(super) alone_before: Seq,
    /// When the gateway last answered for it.
    pub(super) heard: Time,
}

#[derive(Debug)]
pub(super) struct Closing {
    pub(super) token: Token,
    pub(super) batches: bool,
    pub(super) farewell: Farewell,
    pub(super) attempts: u32,
}

/// What a stream is told before we close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// `connection_close` `replaced`: stay away.
    Replaced,
    /// Nothing: its client comes back by itself and gets what it missed.
    Silent,
}

#[derive(Debug)]
pub(super) enum Sender {
    /// Nothing is to be sent.
    Idle,
    /// A request is under way.
    Sending(Flight),
    /// The last request was not taken; nothing is sent before this time.
    Backoff { until: Time, attempts: u32 },
    /// Everything is sent, and some of it only kept by the gateway; it is asked again at this time.
    Probing { until: Time, attempts: u32 },
}

/// The request under way.
#[derive(Clone, Debug)]
pub(super) struct Flight {
    pub(super) token: Token,
    pub(super) cargo: Cargo,
    /// How often in a row it failed, or was only kept.
    pub(super) attempts: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Cargo {
    Events { first: Seq, through: Seq, count: usize, ends: bool },
    Close,
    Probe,
}

impl Lane {
    pub(super) fn new(identifier: Identifier, retention: Retention) -> Self {
        Self {
            identifier,
            memory: Memory::new(retention),
            connection: None,
            closing: VecDeque::new(),
            sender: Sender::Idle,
            noted: None,
        }
    }

    /// Takes an event; `room` is what all identifiers together may still retain.
    pub(super) fn push(
        &mut self,
        content: Content,
        receipt: Option<Receipt>,
        room: usize,
        ledger: &mut Ledger,
        now: Time,
    ) -> Result<(), PublishError> {
        if self.memory.has_ended() {
            return Err(PublishError::Ended);
        }
        let entry = Entry { seq: ledger.number(), content, since: now, receipt };
        let dropped = self.memory.push(entry, room, &ledger.settings)?;
        let loss = match self.memory.retention() {
            Retention::Queue => Loss::Full,
            Retention::Log | Retention::Story => Loss::Trimmed,
        };
        ledger.lose(self.identifier.service(), loss, dropped);
        Ok(())
    }

    /// Fills the memory of an identifier for which nothing is retained.
    pub(super) fn begin(
        &mut self,
        if_missing: IfMissing,
        room: usize,
        ledger: &mut Ledger,
        now: Time,
    ) -> Result<(), PublishError> {
        let IfMissing::Tell { events, reason } = if_missing else {
            self.memory = Memory::new(Retention::Queue);
            return Ok(());
        };
        self.memory = Memory::new(Retention::Story);
        for event in events {
            self.push(Content::Event(Message::kept(event)), None, room, ledger, now)?;
        }
        self.push(Content::End(reason.into()), None, room, ledger, now)
    }

    /// Puts a new stream in the place of the present one. Gives whether it replaced one.
    pub(super) fn attach(&mut self, token: Token, batches: bool, ledger: &mut Ledger, now: Time) -> bool {
        let replaced = self.release(Some(Farewell::Replaced), ledger, now);
        ledger.tokens.insert(token, self.identifier.clone());
        self.connection = Some(Connection { token, batches, next: 0, alone_before: 0, heard: now });
        if !matches!(self.sender, Sender::Sending(_)) {
            // A gateway that just called back is there again.
            self.sender = Sender::Idle;
        }
        replaced
    }

    /// Lets the present stream go, to be closed if there is a farewell. Gives whether there was one.
    pub(super) fn release(&mut self, farewell: Option<Farewell>, ledger: &mut Ledger, now: Time) -> bool {
        let Some(Connection { token, batches, next, .. }) = self.connection.take() else { return false };
        let served = Served { identifier: self.identifier.clone(), before: next };
        ledger.retire(token, Fate::Leaving(served), now);
        if let Some(farewell) = farewell {
            self.closing.push_back(Closing { token, batches, farewell, attempts: 0 });
        }
        true
    }

    /// Whoever waits for a delivery learns that it did not happen now.
    pub(super) fn give_up_waiting(&mut self, ledger: &mut Ledger) {
        ledger.settle(self.memory.take_receipts(), Delivery::Queued);
    }

    /// The stream has left; `opened` says whether it took what the gateway had kept for it.
    pub(super) fn left(&mut self, token: Token, opened: bool, ledger: &mut Ledger, now: Time) {
        if self.is_connected(token) {
            self.release(None, ledger, now);
            self.give_up_waiting(ledger);
        }
        let closing_now = matches!(&self.sender, Sender::Sending(flight) if flight.token == token);
        if !closing_now {
            self.closing.retain(|closing| closing.token != token);
        }
        let Some(served) = ledger.served(token).cloned() else { return };
        if opened {
            self.confirm(served.before, ledger);
        }
        ledger.retire(token, Fate::Left { served, opened }, now);
    }

    /// What was taken for an open stream is delivered.
    pub(super) fn confirm(&mut self, before: Seq, ledger: &mut Ledger) {
        ledger.settle(self.memory.confirm(before), Delivery::Delivered);
    }

    pub(super) fn is_connected(&self, token: Token) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.token == token)
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, ledger: &mut Ledger, now: Time) {
        let dropped = self.memory.expire(now, &ledger.settings);
        ledger.lose(self.identifier.service(), Loss::Expired, dropped);
    }

    /// Sends what comes next, if nothing is under way and no wait is on.
    pub(super) fn pump(&mut self, ledger: &mut Ledger, now: Time) {
        let (failures, probes) = match self.sender {
            Sender::Sending(_) => return,
            Sender::Backoff { until, .. } if now < until => return,
            Sender::Idle => (0, 0),
            Sender::Backoff { attempts, .. } => (attempts, 0),
            Sender::Probing { attempts, .. } => (0, attempts),
        };
        self.reject_what_the_original_cannot_take(ledger);
        if let Some(request) = self.next_close() {
            self.dispatch(request, Cargo::Close, failures, ledger);
        } else if let Some((request, batch)) = self.next_events(&ledger.settings) {
            let Batch { first, through, events, end } = batch;
            let cargo = Cargo::Events { first, through, count: events.len(), ends: end.is_some() };
            let end = end.map(|reason| connection_close(&reason).into());
            let events = events.into_iter().chain(end).collect();
            self.dispatch(Request { events, ..request }, cargo, failures, ledger);
        } else {
            self.probe(probes, ledger, now);
        }
    }

    /// The original refuses larger bodies while they are still being sent, so that its answer can be
    /// lost with the connection: it must not be asked.
    fn reject_what_the_original_cannot_take(&mut self, ledger: &mut Ledger) {
        let Some(connection) = self.connection.as_ref().filter(|connection| !connection.batches) else {
            return;
        };
        while let Some(seq) = self.memory.next_if_over(connection.next, ORIGINAL_EVENT_BYTES_MAX) {
            let dropped = self.memory.replace_rejected(seq);
            ledger.lose(self.identifier.service(), Loss::Rejected, dropped);
        }
    }

    /// Asks whether the stream is open, or still there, when it is time to.
    fn probe(&mut self, attempts: u32, ledger: &mut Ledger, now: Time) {
        let Some(connection) = &self.connection else {
            self.sender = Sender::Idle;
            return;
        };
        let until = match self.sender {
            Sender::Probing { until, .. } => until,
            _ if self.memory.awaits_confirmation(connection.next) => now + PROBE_DELAY,
            _ => connection.heard + ledger.settings.idle_check_interval,
        };
        if until <= now {
            let request = self.request(connection.token);
            self.dispatch(request, Cargo::Probe, attempts, ledger);
        } else {
            self.sender = Sender::Probing { until, attempts };
        }
    }

    fn dispatch(&mut self, request: Request, cargo: Cargo, attempts: u32, ledger: &mut Ledger) {
        self.sender = Sender::Sending(Flight { token: request.token, cargo, attempts });
        ledger.effects.push_back(Effect::Send(request));
    }

    fn next_close(&self) -> Option<Request> {
        let closing = self.closing.front()?;
        let replaced = closing.farewell == Farewell::Replaced;
        let events = if replaced { vec![connection_close("replaced").into()] } else { Vec::new() };
        let stay_away = replaced && closing.batches;
        Some(Request { events, close: true, stay_away, ..self.request(closing.token) })
    }

    fn next_events(&self, settings: &ConnectionSettings) -> Option<(Request, Batch)> {
        let connection = self.connection.as_ref()?;
        let (events_max, bytes_max) = match connection.batches {
            false => (ONE_BY_ONE, usize::MAX),
            true if connection.next < connection.alone_before => (settings.batch_events_max, 0),
            true => (settings.batch_events_max, settings.batch_bytes_max),
        };
        let batch = self.memory.batch(connection.next, events_max, bytes_max)?;
        Some((Request { close: batch.end.is_some(), ..self.request(connection.token) }, batch))
    }

    fn request(&self, token: Token) -> Request {
        let identifier = self.identifier.clone();
        Request { identifier, token, events: Vec::new(), close: false, stay_away: false }
    }

    /// When [`tick`](Self::tick) and [`pump`](Self::pump) are to be called at the latest.
    pub(super) fn deadline(&self, settings: &ConnectionSettings) -> Option<Time> {
        let wait = match self.sender {
            Sender::Backoff { until, .. } | Sender::Probing { until, .. } => Some(until),
            Sender::Idle | Sender::Sending(_) => None,
        };
        wait.into_iter().chain(self.memory.expires_at(settings)).min()
    }

    /// Tells whether anything can be sent now, or is being sent.
    pub(super) fn is_busy(&self) -> bool {
        let unsent =
            |connection: &Connection| self.memory.batch(connection.next, ONE_BY_ONE, usize::MAX).is_some();
        matches!(self.sender, Sender::Sending(_))
            || !self.closing.is_empty()
            || self.connection.as_ref().is_some_and(unsent)
    }

    /// Tells whether nothing is left that anybody could ask for.
    pub(super) fn is_over(&self) -> bool {
        let retains = match self.memory.retention() {
            Retention::Log => true,
            Retention::Queue => !self.memory.is_empty(),
            Retention::Story => false,
        };
        !retains
            && self.connection.is_none()
            && self.closing.is_empty()
            && !matches!(self.sender, Sender::Sending(_))
    }
}

/// How long the gateway has to open a stream before it is asked whether it did.
pub(super) const PROBE_DELAY: Duration = Duration::from_millis(20);

/// The original gateway's limit of a request body, less what surrounds the event.
const ORIGINAL_EVENT_BYTES_MAX: usize = (100 << 10) - 256;
