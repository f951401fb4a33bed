//! Every rule of connections and queues, decided without I/O.
//!
//! Commands go in with the time, effects come out of [`Registry::next_effect`], and
//! [`Registry::next_deadline`] says when to call [`Registry::tick`]. There is no socket, no clock, no
//! task and no lock in here, so each race is a unit test in virtual time.
//!
//! Read [`lane`] for the life of one identifier, [`memory`](super::memory) for what it retains, [`answers`] for
//! what each outcome means, and [`past`] for tokens that are over.

mod answers;
mod effect;
mod lane;
mod ledger;
mod past;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

use sse_gateway_protocol::Token;
use sse_gateway_protocol::callback::CloseReason;

use self::lane::{Farewell, Lane};
use self::ledger::Ledger;
use self::past::Fate;
use super::memory::{Content, Memory, Receipt, Retention};
use super::message::{IfMissing, Message, PublishError};
use super::{ConnectionSettings, Time};
use crate::Identifier;

pub(crate) use self::effect::{Effect, Outcome, Request};

/// Owns every lane; identifier to token and back.
#[derive(Debug)]
pub(crate) struct Registry {
    lanes: HashMap<Identifier, Lane>,
    ledger: Ledger,
    /// One entry for each lane that waits for something.
    deadlines: BTreeSet<(Time, Identifier)>,
    retained_bytes: usize,
}

/// Where an event was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enqueued {
    /// Behind a live stream's events; its receipt settles when its send came out.
    OnItsWay,
    /// In the queue of a client that is not connected.
    Waiting,
}

/// Why a client cannot be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectError {
    /// Its disconnect came first.
    #[error("the stream is over already")]
    Over,
    /// The token is connected to another identifier.
    #[error("the token is connected elsewhere")]
    Elsewhere,
    /// A bound of ours is reached.
    #[error("too many connections")]
    Full,
    /// Several streams are to listen, and tokens serve one.
    #[error("this needs a gateway with topics")]
    NeedsTopics,
}

impl Registry {
    pub(crate) fn new(settings: ConnectionSettings) -> Self {
        Self {
            lanes: HashMap::new(),
            ledger: Ledger::new(settings),
            deadlines: BTreeSet::new(),
            retained_bytes: 0,
        }
    }

    /// Begins an identifier whose events are retained until it is forgotten.
    pub(crate) fn open_log(&mut self, identifier: &Identifier) -> Result<(), PublishError> {
        if self.lanes.contains_key(identifier) {
            return Err(PublishError::Ended);
        }
        self.lane(identifier, Retention::Log).map(|_| ())
    }

    /// Adds an event to a log.
    pub(crate) fn append(
        &mut self,
        identifier: &Identifier,
        message: Message,
        now: Time,
    ) -> Result<(), PublishError> {
        let room = self.room();
        self.on_lane(identifier, now, |lane, ledger| {
            lane.push(Content::Event(message), None, room, ledger, now)
        })
        .ok_or(PublishError::Ended)?
    }

    /// Adds the last event to a log, `connection_close` with the reason, and the end: one step.
    ///
    /// The fallback goes out if the last event has no room; it is small, and always has a place.
    pub(crate) fn finish(
        &mut self,
        identifier: &Identifier,
        last: Message,
        reason: &str,
        now: Time,
    ) -> Result<(), PublishError> {
        let room = self.room();
        let (last, reason) = last.fitting(room, reason);
        let end = Content::End(reason.into());
        self.on_lane(identifier, now, |lane, ledger| {
            lane.push(Content::Event(last), None, room, ledger, now)?;
            lane.push(end, None, room, ledger, now)
        })
        .ok_or(PublishError::Ended)?
    }

    /// Adds an event to a queue, which begins with its first event or connection.
    pub(crate) fn enqueue(
        &mut self,
        identifier: &Identifier,
        message: Message,
        receipt: Receipt,
        now: Time,
    ) -> Result<Enqueued, PublishError> {
        let room = self.room();
        self.lane(identifier, Retention::Queue)?;
        self.on_lane(identifier, now, |lane, ledger| {
            let receipt = lane.connection.is_some().then_some(receipt);
            lane.push(Content::Event(message), receipt, room, ledger, now)?;
            Ok(receipt.map_or(Enqueued::Waiting, |_| Enqueued::OnItsWay))
        })
        .ok_or(PublishError::Ended)?
    }

    /// Forgets an identifier and what it retains; a stream on it is closed.
    pub(crate) fn forget(&mut self, identifier: &Identifier, now: Time) {
        self.on_lane(identifier, now, |lane, ledger| {
            lane.give_up_waiting(ledger);
            lane.memory = Memory::new(Retention::Story);
            lane.release(Some(Farewell::Silent), ledger, now);
        });
    }

    /// Connects a stream, in the place of the one that was there. Gives whether there was one.
    ///
    /// It gets what is retained from its start. Repeating a connect changes nothing.
    pub(crate) fn connect(
        &mut self,
        identifier: &Identifier,
        token: Token,
        batches: bool,
        if_missing: IfMissing,
        now: Time,
    ) -> Result<bool, ConnectError> {
        match self.ledger.tokens.get(&token) {
            Some(connected) if connected == identifier => return Ok(false),
            Some(_) => return Err(ConnectError::Elsewhere),
            None if self.ledger.past.fate(token).is_some() => return Err(ConnectError::Over),
            None => {}
        }
        let closing_max = self.ledger.settings.closing_max;
        let missing = match self.lanes.get(identifier) {
            Some(lane) if lane.closing.len() >= closing_max => return Err(ConnectError::Full),
            Some(lane) => lane.memory.retention() == Retention::Story,
            None => true,
        };
        let room = self.room();
        self.lane(identifier, Retention::Story).map_err(|_| ConnectError::Full)?;
        self.on_lane(identifier, now, |lane, ledger| {
            if missing {
                lane.begin(if_missing, room, ledger, now).map_err(|_| ConnectError::Full)?;
            }
            Ok(lane.attach(token, batches, ledger, now))
        })
        .unwrap_or(Err(ConnectError::Full))
    }

    /// A stream has left. Gives the identifier that it was connected to, once.
    ///
    /// `opened` is what the gateway says; the original does not, and its `server_closed` means yes.
    pub(crate) fn disconnect(
        &mut self,
        token: Token,
        reason: CloseReason,
        opened: Option<bool>,
        now: Time,
    ) -> Option<Identifier> {
        let opened = opened.unwrap_or(reason == CloseReason::ServerClosed);
        let identifier = match (self.ledger.tokens.get(&token), self.ledger.past.fate(token)) {
            (Some(identifier), _) => identifier.clone(),
            (None, Some(Fate::Leaving(served))) => served.identifier.clone(),
            (None, Some(Fate::LeftEarly | Fate::Left { .. })) => return None,
            (None, None) => {
                self.ledger.retire(token, Fate::LeftEarly, now);
                return None;
            }
        };
        let known = self.on_lane(&identifier, now, |lane, ledger| lane.left(token, opened, ledger, now));
        if known.is_none()
            && let Some(served) = self.ledger.served(token).cloned()
        {
            self.ledger.retire(token, Fate::Left { served, opened }, now);
        }
        Some(identifier)
    }

    /// Takes over what an identifier retains, from the other way.
    pub(crate) fn adopt(&mut self, identifier: &Identifier, memory: Memory, now: Time) {
        self.ledger.number_from(memory.through());
        let lane = Lane::new(identifier.clone(), memory.retention());
        self.lanes.entry(identifier.clone()).or_insert(lane);
        self.on_lane(identifier, now, |lane, _| lane.memory = memory);
    }

    /// Tells whether the identifier's events go this way.
    pub(crate) fn holds(&self, identifier: &Identifier) -> bool {
        self.lanes.contains_key(identifier)
    }

    /// Tells whether the token is, or was of late, connected this way.
    pub(crate) fn knows(&self, token: Token) -> bool {
        self.ledger.tokens.contains_key(&token) || self.ledger.past.fate(token).is_some()
    }

    /// Takes the outcome of the identifier's request.
    pub(crate) fn answered(&mut self, identifier: &Identifier, outcome: Outcome, now: Time) {
        self.on_lane(identifier, now, |lane, ledger| lane.answered(outcome, ledger, now));
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, now: Time) {
        self.ledger.past.expire(now, &self.ledger.settings);
        while let Some((at, identifier)) = self.deadlines.first().filter(|(at, _)| *at <= now) {
            let (at, identifier) = (*at, identifier.clone());
            self.deadlines.remove(&(at, identifier.clone()));
            if let Some(lane) = self.lanes.get_mut(&identifier) {
                lane.noted = None;
            }
            self.on_lane(&identifier, now, |lane, ledger| lane.tick(ledger, now));
        }
    }

    /// When to call [`tick`](Self::tick) at the latest.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let lanes = self.deadlines.first().map(|(at, _)| *at);
        lanes.into_iter().chain(self.ledger.past.expires_at(&self.ledger.settings)).min()
    }

    /// Gives the next thing to do, oldest first.
    pub(crate) fn next_effect(&mut self) -> Option<Effect> {
        self.ledger.effects.pop_front()
    }

    /// Names the service of each live connection.
    pub(crate) fn connected_services(&self) -> impl Iterator<Item = &'static str> {
        self.ledger.tokens.values().map(Identifier::service)
    }

    /// Tells whether any lane has something to send to a live stream, or is sending.
    pub(crate) fn is_busy(&self) -> bool {
        self.lanes.values().any(Lane::is_busy)
    }

    #[cfg(test)]
    pub(crate) fn retained(&self, identifier: &Identifier) -> Vec<crate::Event> {
        self.lanes.get(identifier).map(|lane| lane.memory.retained()).unwrap_or_default()
    }

    fn room(&self) -> usize {
        self.ledger.settings.retained_bytes_max.saturating_sub(self.retained_bytes)
    }

    /// Gives the identifier's lane; begins one unless there are too many.
    fn lane(&mut self, identifier: &Identifier, retention: Retention) -> Result<&mut Lane, PublishError> {
        if !self.lanes.contains_key(identifier) && self.lanes.len() >= self.ledger.settings.identifiers_max {
            return Err(PublishError::Full);
        }
        let begin = || Lane::new(identifier.clone(), retention);
        Ok(self.lanes.entry(identifier.clone()).or_insert_with(begin))
    }

    /// Runs one step of a lane, sends what that allows, and notes what the lane waits for.
    fn on_lane<T>(
        &mut self,
        identifier: &Identifier,
        now: Time,
        step: impl FnOnce(&mut Lane, &mut Ledger) -> T,
    ) -> Option<T> {
        let lane = self.lanes.get_mut(identifier)?;
        let before = lane.memory.bytes();
        let result = step(lane, &mut self.ledger);
        lane.pump(&mut self.ledger, now);
        self.retained_bytes -= before;
        let deadline = lane.deadline(&self.ledger.settings);
        if lane.noted != deadline {
            let noted = std::mem::replace(&mut lane.noted, deadline);
            noted.map(|at| self.deadlines.remove(&(at, identifier.clone())));
            deadline.map(|at| self.deadlines.insert((at, identifier.clone())));
        }
        if lane.is_over() {
            lane.noted.map(|at| self.deadlines.remove(&(at, identifier.clone())));
            self.lanes.remove(identifier);
        } else {
            self.retained_bytes += lane.memory.bytes();
        }
        Some(result)
    }
}
