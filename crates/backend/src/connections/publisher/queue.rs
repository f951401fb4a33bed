//! One identifier: what it retains, how far its topic has it, and its one sender.
//!
//! ```text
//!   the topic                        the sender
//!
//!   Absent --taken--> Exists         Idle <--------------------------+
//!     ^  ^              |  |           | something to publish        |
//!     |  +- a new epoch +  |           v                its outcome  |
//!     |                    |         Sending ----------> known ------+
//!     +-- deleted -- Torn <+           |  |                          |
//!                                      |  +------ refused --> Backoff+
//!                                      +------ unknown: the same again, under its key
//! ```
//!
//! A *shipment* is frozen when it is first published: however often it is repeated, it has the same
//! events and the same key, so the gateway takes it once. The next one follows when it is known to
//! be taken, so nothing can pass anything.
//!
//! In a new epoch the topic is gone, and a story is published again from its start. When newer events
//! of it stand in the new topic already, because a publish was the first to reach it, the topic is
//! *torn*: older events would come after them. So it is deleted first, which tells its listeners
//! `connection_close` with the reason `deleted`; they come back to the whole story. Where a
//! shipment's outcome is unknown, a look at the topic tells.

use std::sync::Arc;

use sse_gateway_protocol::Epoch;

use super::effect::{Asker, Effect, Publication};
use super::ledger::Ledger;
use crate::connections::loss::Loss;
use crate::connections::memory::{Batch, Content, Dropped, Entry, Memory, Receipt, Retention, Seq};
use crate::connections::message::PublishError;
use crate::connections::{ConnectionSettings, Delivery, Time};
use crate::{Event, Identifier};

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) identifier: Identifier,
    pub(super) memory: Memory,
    pub(super) topic: Topic,
    /// Published, and not known to be taken.
    pub(super) shipment: Option<Shipment>,
    pub(super) sender: Sender,
    /// Who waits for the topic to exist.
    pub(super) opening: Vec<Receipt>,
    /// Entries before this number travel one by one, because together they were rejected.
    pub(super) alone_before: Seq,
    /// How often a key of ours was found to be used; part of every later key.
    pub(super) rekeyed: u32,
    pub(super) stage: Stage,
    /// The deadline that the publisher has noted for this queue.
    pub(super) noted: Option<Time>,
}

#[derive(Debug)]
pub(super) enum Topic {
    /// It is not known to exist, and has nothing of ours.
    Absent,
    /// It has everything before `next`, and is kept from being forgotten at `renew_at`.
    Exists { epoch: Epoch, next: Seq, renew_at: Time },
    /// It has newer events without the older ones.
    Torn { epoch: Epoch },
}

#[derive(Clone, Debug)]
pub(super) struct Shipment {
    pub(super) first: Seq,
    /// The number after its last entry.
    pub(super) through: Seq,
    pub(super) events: Vec<Arc<Event>>,
    pub(super) end: Option<Arc<str>>,
    pub(super) since: Time,
    pub(super) trail: Trail,
}

/// What the attempts to publish a shipment left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trail {
    /// Nothing: the gateway has seen none, or said no.
    Nothing,
    /// Perhaps the gateway has taken it.
    Unknown,
}

#[derive(Debug)]
pub(super) enum Sender {
    Idle,
    Sending { cargo: Cargo, attempts: u32 },
    Backoff { until: Time, attempts: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cargo {
    Shipment,
    /// Nothing, to make the topic or to keep it.
    Touch,
    /// A question: is the shipment there?
    Look,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Kept,
    /// The topic is to be deleted; so often that failed.
    Forgetting {
        attempts: u32,
    },
    Forgotten,
}

impl Queue {
    pub(super) fn new(identifier: Identifier, retention: Retention) -> Self {
        Self {
            identifier,
            memory: Memory::new(retention),
            topic: Topic::Absent,
            shipment: None,
            sender: Sender::Idle,
            opening: Vec::new(),
            alone_before: 0,
            rekeyed: 0,
            stage: Stage::Kept,
            noted: None,
        }
    }

    /// Takes an entry; `room` is what all identifiers together may still retain.
    pub(super) fn push(
        &mut self,
        content: Content,
        receipt: Option<Receipt>,
        room: usize,
        ledger: &mut Ledger,
        now: Time,
    ) -> Result<(), PublishError> {
        if self.memory.has_ended() || self.stage != Stage::Kept {
            return Err(PublishError::Ended);
        }
        let entry = Entry { seq: ledger.number(), content, since: now, receipt };
        let dropped = self.memory.push(entry, room, &ledger.settings)?;
        let loss = match self.memory.retention() {
            Retention::Queue => Loss::Full,
            Retention::Log | Retention::Story => Loss::Trimmed,
        };
        self.lose(dropped, loss, ledger);
        Ok(())
    }

    /// Forgets everything, and the topic with it.
    pub(super) fn forget(&mut self, ledger: &mut Ledger) {
        self.give_up_waiting(ledger);
        let untouched = matches!(self.topic, Topic::Absent)
            && self.shipment.is_none()
            && !matches!(self.sender, Sender::Sending { .. });
        self.memory = Memory::new(Retention::Queue);
        self.shipment = None;
        self.stage = if untouched { Stage::Forgotten } else { Stage::Forgetting { attempts: 0 } };
    }

    /// Whoever waits learns that it did not happen now.
    pub(super) fn give_up_waiting(&mut self, ledger: &mut Ledger) {
        ledger.settle(self.memory.take_receipts(), Delivery::Queued);
        ledger.settle(self.opening.drain(..), Delivery::Queued);
    }

    /// Tells whether a client may count on a story: there is more to come, if only the end.
    pub(super) fn goes_on(&self) -> bool {
        self.memory.retention() == Retention::Log
            && self.stage == Stage::Kept
            && (!self.memory.has_ended() || self.is_busy())
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, ledger: &mut Ledger, now: Time) {
        if matches!(self.sender, Sender::Sending { .. }) {
            return;
        }
        if self.shipment_expires_at(&ledger.settings).is_some_and(|at| at <= now) {
            self.thaw(Loss::Expired, ledger);
        }
        let dropped = self.memory.expire(now, &ledger.settings);
        self.lose(dropped, Loss::Expired, ledger);
    }

    /// Publishes what comes next, if nothing is under way and no wait is on.
    pub(super) fn pump(&mut self, ledger: &mut Ledger, now: Time) {
        let attempts = match self.sender {
            Sender::Sending { .. } => return,
            Sender::Backoff { until, .. } if now < until && self.stage == Stage::Kept => return,
            Sender::Backoff { attempts, .. } => attempts,
            Sender::Idle => 0,
        };
        if !ledger.link.is_open() {
            if self.has_work(now) {
                ledger.link.want(&mut ledger.effects);
            }
            return;
        }
        self.sender = Sender::Idle;
        if let Some(cargo) = self.load(ledger, now) {
            self.sender = Sender::Sending { cargo, attempts };
            let effect = self.effect(cargo, ledger);
            ledger.effects.push_back(effect);
        }
    }

    /// Decides what to publish, and freezes it.
    fn load(&mut self, ledger: &mut Ledger, now: Time) -> Option<Cargo> {
        if let Stage::Forgetting { .. } = self.stage {
            return Some(Cargo::Delete);
        }
        match &self.topic {
            Topic::Exists { epoch, .. } if Some(epoch) != ledger.link.epoch() => {
                match self.shipment.as_ref().filter(|shipment| self.memory.has(0..shipment.first)) {
                    Some(Shipment { trail: Trail::Unknown, .. }) => return Some(Cargo::Look),
                    Some(_) => self.thaw(Loss::Trimmed, ledger),
                    None => {}
                }
                self.topic = Topic::Absent;
            }
            Topic::Torn { epoch } if Some(epoch) == ledger.link.epoch() => return Some(Cargo::Delete),
            Topic::Torn { .. } => self.topic = Topic::Absent,
            Topic::Absent | Topic::Exists { .. } => {}
        }
        if self.shipment.is_none()
            && let Some(batch) = self.batch(&ledger.settings)
        {
            let Batch { first, through, events, end } = batch;
            self.shipment = Some(Shipment { first, through, events, end, since: now, trail: Trail::Nothing });
        }
        match self.shipment {
            Some(_) => Some(Cargo::Shipment),
            None if self.renew_at().is_some_and(|at| at <= now) => Some(Cargo::Touch),
            None => None,
        }
    }

    fn batch(&self, settings: &ConnectionSettings) -> Option<Batch> {
        let next = self.next();
        let bytes_max = if next < self.alone_before { 0 } else { settings.batch_bytes_max };
        self.memory.batch(next, settings.batch_events_max, bytes_max)
    }

    fn effect(&self, cargo: Cargo, ledger: &Ledger) -> Effect {
        let identifier = self.identifier.clone();
        let nothing = Publication { identifier, events: Vec::new(), end: None, key: None };
        match (cargo, &self.shipment) {
            (Cargo::Look, _) => Effect::Look(nothing.identifier, Asker::Queue),
            (Cargo::Delete, _) => Effect::Delete(nothing.identifier),
            (Cargo::Shipment, Some(shipment)) => Effect::Publish(Publication {
                events: shipment.events.clone(),
                end: shipment.end.clone(),
                key: Some(shipment.key(&ledger.life, self.rekeyed)),
                ..nothing
            }),
            (Cargo::Touch | Cargo::Shipment, _) => Effect::Publish(nothing),
        }
    }

    /// Lets the shipment go, to be decided anew.
    pub(super) fn thaw(&mut self, loss: Loss, ledger: &mut Ledger) {
        let Some(Shipment { first, through, events, .. }) = self.shipment.take() else { return };
        // Those that a bound has taken from the memory meanwhile were safe only in here.
        let gone = events.len() - self.memory.events_in(first..through);
        self.count_lost(gone, loss, ledger);
    }

    /// Counts what had to go, except what the topic has, or the shipment.
    pub(super) fn lose(&mut self, dropped: Dropped, loss: Loss, ledger: &mut Ledger) {
        let safe = self.shipment.as_ref().map_or(self.next(), |shipment| shipment.through);
        let is_lost = |entry: &&Entry| entry.seq >= safe && matches!(entry.content, Content::Event(_));
        self.count_lost(dropped.iter().filter(is_lost).count(), loss, ledger);
        ledger.settle(dropped.into_iter().filter_map(|entry| entry.receipt), Delivery::Queued);
    }

    pub(super) fn count_lost(&self, events: usize, loss: Loss, ledger: &mut Ledger) {
        if events > 0 {
            ledger.effects.push_back(Effect::Lost(self.identifier.service(), loss, events as u64));
        }
    }

    /// The first entry that the topic does not have.
    pub(super) fn next(&self) -> Seq {
        match self.topic {
            Topic::Absent | Topic::Torn { .. } => 0,
            Topic::Exists { next, .. } => next,
        }
    }

    /// When to touch the topic: a log's, as long as more may come.
    fn renew_at(&self) -> Option<Time> {
        let lives = self.memory.retention() == Retention::Log && !self.memory.has_ended();
        lives.then_some(match self.topic {
            Topic::Absent | Topic::Torn { .. } => Time::ZERO,
            Topic::Exists { renew_at, .. } => renew_at,
        })
    }

    fn has_work(&self, now: Time) -> bool {
        self.stage != Stage::Kept
            || self.shipment.is_some()
            || self.memory.has(self.next()..Seq::MAX)
            || self.renew_at().is_some_and(|at| at <= now)
    }

    /// When [`tick`](Self::tick) and [`pump`](Self::pump) are to be called at the latest.
    pub(super) fn deadline(&self, ledger: &Ledger) -> Option<Time> {
        let wait = match self.sender {
            Sender::Sending { .. } => return None,
            Sender::Backoff { until, .. } => Some(until),
            Sender::Idle => self.renew_at(),
        };
        let wait = wait.filter(|_| ledger.link.is_open());
        let expiry = self.memory.expires_at(&ledger.settings);
        [wait, expiry, self.shipment_expires_at(&ledger.settings)].into_iter().flatten().min()
    }

    /// When a queue's shipment is given up, whose entries a bound may have taken from the memory.
    fn shipment_expires_at(&self, settings: &ConnectionSettings) -> Option<Time> {
        let shipment = self.shipment.as_ref().filter(|_| self.memory.retention() == Retention::Queue)?;
        Some(shipment.since + settings.queue_age_max)
    }

    /// Tells whether something is not yet known to be in the topic.
    pub(super) fn is_busy(&self) -> bool {
        self.stage == Stage::Kept && (self.shipment.is_some() || self.memory.has(self.next()..Seq::MAX))
    }

    /// Tells whether nothing is left that anybody could ask for.
    pub(super) fn is_over(&self) -> bool {
        match self.stage {
            Stage::Forgotten => true,
            Stage::Forgetting { .. } => false,
            Stage::Kept => {
                self.memory.retention() != Retention::Log
                    && self.memory.is_empty()
                    && self.shipment.is_none()
                    && !matches!(self.sender, Sender::Sending { .. })
            }
        }
    }
}

impl Shipment {
    /// Names the shipment's entries: no others have this key, in this life of the process.
    fn key(&self, life: &str, rekeyed: u32) -> String {
        format!("{life}-{}-{}-{rekeyed}", self.first, self.through)
    }
}
