//! What each outcome means for its queue.

use sse_gateway_protocol::Epoch;

use super::effect::{Looked, Outcome};
use super::ledger::Ledger;
use super::queue::{Cargo, Queue, Sender, Shipment, Stage, Topic, Trail};
use crate::connections::loss::Loss;
use crate::connections::memory::Seq;
use crate::connections::{Delivery, Time, backoff_after};

impl Queue {
    /// Takes the outcome of the publish under way.
    pub(super) fn answered(&mut self, outcome: Outcome, ledger: &mut Ledger, now: Time) {
        let Some((cargo, attempts)) = self.came_out() else { return };
        match outcome {
            Outcome::Taken { epoch, receivers } => self.taken(cargo, epoch, receivers, ledger, now),
            Outcome::Completed => self.completed(ledger, now),
            Outcome::KeyReused => {
                // Not by us: keys name their entries. Under another one the gateway takes them.
                self.rekeyed += 1;
                self.back_off(attempts, ledger, now);
            }
            Outcome::Rejected => self.rejected(cargo, attempts, ledger, now),
            Outcome::Refused => self.back_off(attempts, ledger, now),
            Outcome::NoTopics | Outcome::NotConnected => self.not_answered(ledger, now),
            Outcome::Unknown => {
                if let (Cargo::Shipment, Some(shipment)) = (cargo, &mut self.shipment) {
                    shipment.trail = Trail::Unknown;
                }
                self.not_answered(ledger, now);
            }
        }
    }

    /// Learns whether the topic has the shipment that was published to it.
    pub(super) fn looked(&mut self, looked: Looked, ledger: &mut Ledger, now: Time) {
        let Some((Cargo::Look, _)) = self.came_out() else { return };
        let has_content = match looked {
            Looked::Found { has_content, .. } => has_content,
            Looked::Missing => false,
            Looked::Unanswered => return self.not_answered(ledger, now),
        };
        self.thaw(Loss::Trimmed, ledger);
        self.topic = match ledger.link.epoch() {
            Some(epoch) if has_content => Topic::Torn { epoch: epoch.clone() },
            _ => Topic::Absent,
        };
    }

    /// Learns whether the topic is deleted.
    pub(super) fn deleted(&mut self, done: bool, ledger: &mut Ledger, now: Time) {
        let Some((Cargo::Delete, _)) = self.came_out() else { return };
        match self.stage {
            Stage::Forgetting { attempts } if !done && attempts + 1 < DELETE_ATTEMPTS_MAX => {
                self.stage = Stage::Forgetting { attempts: attempts + 1 };
                self.not_answered(ledger, now);
            }
            // A topic that is not deleted goes by its age.
            Stage::Forgetting { .. } => self.stage = Stage::Forgotten,
            Stage::Kept if done => self.topic = Topic::Absent,
            Stage::Kept => self.not_answered(ledger, now),
            Stage::Forgotten => {}
        }
    }

    fn came_out(&mut self) -> Option<(Cargo, u32)> {
        match std::mem::replace(&mut self.sender, Sender::Idle) {
            Sender::Sending { cargo, attempts } => Some((cargo, attempts)),
            other => {
                self.sender = other;
                None
            }
        }
    }

    fn taken(&mut self, cargo: Cargo, epoch: Epoch, receivers: u64, ledger: &mut Ledger, now: Time) {
        ledger.link.hear(&epoch, &mut ledger.effects, now);
        let shipment = self.shipment.take().filter(|_| cargo == Cargo::Shipment);
        let ends = shipment.as_ref().is_some_and(|shipment| shipment.end.is_some());
        ledger.audience.count(&self.identifier, if ends { 0 } else { receivers }, now);
        let next = match &shipment {
            Some(shipment) => shipment.through,
            None if self.is_in(&epoch) => self.next(),
            None => 0,
        };
        let is_torn = |shipment: &Shipment| {
            matches!(self.topic, Topic::Exists { .. })
                && !self.is_in(&epoch)
                && self.memory.has(0..shipment.first)
        };
        self.topic = match shipment.as_ref().is_some_and(is_torn) {
            true => Topic::Torn { epoch },
            false => Topic::Exists { epoch, next, renew_at: renewal(ledger, now) },
        };
        let delivery = if receivers > 0 { Delivery::Delivered } else { Delivery::Queued };
        ledger.settle(self.memory.confirm(next), delivery);
        ledger.settle(self.opening.drain(..), Delivery::Delivered);
    }

    fn is_in(&self, epoch: &Epoch) -> bool {
        matches!(&self.topic, Topic::Exists { epoch: known, .. } if known == epoch)
    }

    /// The topic takes no more: our own end stands in it, or somebody else's.
    fn completed(&mut self, ledger: &mut Ledger, now: Time) {
        let next = self.next();
        let ours = |shipment: &mut Shipment| shipment.end.is_some() && shipment.trail == Trail::Unknown;
        if self.shipment.take_if(ours).is_none() {
            self.thaw(Loss::Completed, ledger);
            self.count_lost(self.memory.events_in(next..Seq::MAX), Loss::Completed, ledger);
        }
        self.give_up_waiting(ledger);
        self.memory.drop_from(next);
        // What comes later is tried when the topic may have been forgotten.
        self.sender = Sender::Backoff { until: renewal(ledger, now), attempts: 0 };
    }

    /// The gateway never takes these events. Several are tried one by one; one makes way for its
    /// fallback. Nothing is wrong with the end alone, or with a touch: that is tried again.
    fn rejected(&mut self, cargo: Cargo, attempts: u32, ledger: &mut Ledger, now: Time) {
        let shipment = self.shipment.as_ref().filter(|_| cargo == Cargo::Shipment);
        let Some(Shipment { first, through, events, .. }) = shipment else {
            return self.back_off(attempts, ledger, now);
        };
        let (first, through, count) = (*first, *through, events.len());
        match count {
            0 => self.back_off(attempts, ledger, now),
            1 => {
                self.thaw(Loss::Rejected, ledger);
                let dropped = self.memory.replace_rejected(first);
                self.lose(dropped, Loss::Rejected, ledger);
            }
            _ => {
                self.thaw(Loss::Trimmed, ledger);
                self.alone_before = through;
            }
        }
    }

    fn back_off(&mut self, attempts: u32, ledger: &mut Ledger, now: Time) {
        self.give_up_waiting(ledger);
        self.sender = Sender::Backoff { until: now + backoff_after(attempts), attempts: attempts + 1 };
    }

    fn not_answered(&mut self, ledger: &mut Ledger, now: Time) {
        self.give_up_waiting(ledger);
        ledger.link.doubt(&mut ledger.effects, now);
    }
}

/// When a topic that is touched now is touched again.
fn renewal(ledger: &Ledger, now: Time) -> Time {
    now + ledger.settings.topic_age_max / 3
}

/// How often deleting a topic is tried.
const DELETE_ATTEMPTS_MAX: u32 = 5;
