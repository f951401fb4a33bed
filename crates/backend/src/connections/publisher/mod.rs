//! Every rule of publishing to the gateway's topics, decided without I/O.
//!
//! The gateway knows who listens, replays, replaces and ends; what is left to decide here is what is
//! published when. Commands go in with the time, effects come out of [`Publisher::next_effect`], and
//! [`Publisher::next_deadline`] says when to call [`Publisher::tick`], as in
//! [`registry`](super::registry), which is the other way.
//!
//! Read [`queue`] for the life of one identifier, [`answers`] for what each outcome means, [`link`]
//! for the gateway's being there, and [`audience`] for the gauge.

mod answers;
mod audience;
mod effect;
mod ledger;
mod link;
mod queue;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};

use sse_gateway_protocol::callback::{From, TopicWish};
use sse_gateway_protocol::{TopicName, callback};

use self::audience::Audience;
use self::ledger::Ledger;
use self::link::Link;
use self::queue::{Queue, Stage, Topic};
use super::memory::{Content, Memory, Receipt, Retention};
use super::message::{IfMissing, Message, PublishError};
use super::ways::Seats;
use super::{ConnectionSettings, Time};
use crate::Identifier;

pub(crate) use self::effect::{Asker, Effect, Looked, Outcome, Publication};

/// Owns the queue of each identifier that has something to publish.
#[derive(Debug)]
pub(crate) struct Publisher {
    queues: HashMap<Identifier, Queue>,
    ledger: Ledger,
    /// One entry for each queue that waits for something.
    deadlines: BTreeSet<(Time, Identifier)>,
    retained_bytes: usize,
    /// How many queues are logs, which a new epoch makes to be published again.
    logs: usize,
}

impl Publisher {
    /// `life` names this life of the process, as no other ever does: at most 64 visible ASCII
    /// characters.
    pub(crate) fn new(settings: ConnectionSettings, life: &str) -> Self {
        let own_topic = TopicName::parse(&format!("backend:{life}")).expect("short and visible");
        Self {
            queues: HashMap::new(),
            ledger: Ledger {
                link: Link::new(own_topic, settings.epoch_check_interval),
                audience: Audience::new(settings.identifiers_max, settings.idle_check_interval),
                effects: VecDeque::new(),
                life: life.into(),
                next_seq: 1,
                settings,
            },
            deadlines: BTreeSet::new(),
            retained_bytes: 0,
            logs: 0,
        }
    }

    /// Begins an identifier whose events are retained until it is forgotten.
    pub(crate) fn open_log(&mut self, identifier: &Identifier, now: Time) -> Result<(), PublishError> {
        if self.queues.contains_key(identifier) {
            return Err(PublishError::Ended);
        }
        self.begin(identifier, Retention::Log)?;
        self.on_queue(identifier, now, |_, _| ());
        Ok(())
    }

    /// Tells whether the topic of a log is still to be made; the receipt settles when it is.
    pub(crate) fn await_topic(&mut self, identifier: &Identifier, receipt: Receipt) -> bool {
        let absent = |queue: &&mut Queue| matches!(queue.topic, Topic::Absent) && queue.stage == Stage::Kept;
        let queue = self.queues.get_mut(identifier).filter(absent);
        queue.map(|queue| queue.opening.push(receipt)).is_some()
    }

    /// Adds an event to a log.
    pub(crate) fn append(
        &mut self,
        identifier: &Identifier,
        message: Message,
        now: Time,
    ) -> Result<(), PublishError> {
        let room = self.room();
        self.on_queue(identifier, now, |queue, ledger| {
            queue.push(Content::Event(message), None, room, ledger, now)
        })
        .ok_or(PublishError::Ended)?
    }

    /// Adds the last event to a log, and its end with the reason: one publish.
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
        self.on_queue(identifier, now, |queue, ledger| {
            queue.push(Content::Event(last), None, room, ledger, now)?;
            queue.push(end, None, room, ledger, now)
        })
        .ok_or(PublishError::Ended)?
    }

    /// Adds an event to a queue; the receipt settles when its publish came out.
    pub(crate) fn enqueue(
        &mut self,
        identifier: &Identifier,
        message: Message,
        receipt: Receipt,
        now: Time,
    ) -> Result<(), PublishError> {
        let room = self.room();
        self.begin(identifier, Retention::Queue)?;
        self.on_queue(identifier, now, |queue, ledger| {
            queue.push(Content::Event(message), Some(receipt), room, ledger, now)
        })
        .ok_or(PublishError::Ended)?
    }

    /// Adds the last event and the end to an identifier that has no log: one publish, which is retained
    /// until the gateway has it.
    pub(crate) fn complete(
        &mut self,
        identifier: &Identifier,
        last: Message,
        reason: &str,
        now: Time,
    ) -> Result<(), PublishError> {
        self.begin(identifier, Retention::Queue)?;
        self.finish(identifier, last, reason, now)
    }

    /// Forgets an identifier and what it retains, and deletes its topic.
    pub(crate) fn forget(&mut self, identifier: &Identifier, now: Time) {
        self.on_queue(identifier, now, |queue, ledger| queue.forget(ledger));
    }

    /// Decides what a client who is let in listens to, and tells whether another one is replaced, as
    /// far as is known.
    pub(crate) fn connect(
        &mut self,
        identifier: &Identifier,
        seats: Seats,
        if_missing: IfMissing,
        now: Time,
    ) -> (TopicWish, bool) {
        let goes_on = self.queues.get(identifier).is_some_and(Queue::goes_on);
        let (from, if_missing) = match if_missing {
            // Its topic may be on its way.
            _ if goes_on => (From::Start, None),
            IfMissing::Create if seats == Seats::Many => (From::Start, None),
            IfMissing::Create => (From::Undelivered, None),
            IfMissing::Tell { events, reason } => {
                (From::Start, Some(callback::IfMissing { events, reason: reason.to_owned() }))
            }
        };
        let name = topic_name(identifier);
        let exclusive = seats == Seats::One;
        let was_there = self.ledger.audience.came(identifier, now);
        (TopicWish { name, from, exclusive, if_missing }, exclusive && was_there)
    }

    /// A client of the identifier has left.
    pub(crate) fn left(&mut self, identifier: &Identifier, now: Time) {
        self.on_link(now, |ledger| ledger.audience.left(identifier, now));
    }

    /// The gateway says that it has topics.
    pub(crate) fn offered(&mut self, now: Time) {
        self.on_link(now, |ledger| ledger.link.offered(&mut ledger.effects, now));
    }

    /// The gateway was asked what it can and did not answer.
    pub(crate) fn unanswered(&mut self, now: Time) {
        self.ledger.link.unanswered(now);
        for queue in self.queues.values_mut() {
            queue.give_up_waiting(&mut self.ledger);
        }
    }

    /// Takes the outcome of the check.
    pub(crate) fn checked(&mut self, outcome: &Outcome, now: Time) {
        self.on_link(now, |ledger| ledger.link.checked(outcome, &mut ledger.effects, now));
    }

    /// Takes the outcome of the identifier's publish.
    pub(crate) fn answered(&mut self, identifier: &Identifier, outcome: Outcome, now: Time) {
        self.on_queue(identifier, now, |queue, ledger| queue.answered(outcome, ledger, now));
    }

    /// Takes what a look at the identifier's topic has shown.
    pub(crate) fn looked(&mut self, identifier: &Identifier, asker: Asker, looked: Looked, now: Time) {
        match asker {
            Asker::Queue => {
                self.on_queue(identifier, now, |queue, ledger| queue.looked(looked, ledger, now));
            }
            Asker::Audience => {
                self.on_link(now, |ledger| ledger.audience.looked(identifier, looked, now));
            }
        }
    }

    /// Learns whether the identifier's topic is deleted.
    pub(crate) fn deleted(&mut self, identifier: &Identifier, done: bool, now: Time) {
        self.on_queue(identifier, now, |queue, ledger| queue.deleted(done, ledger, now));
    }

    /// Lets time pass.
    pub(crate) fn tick(&mut self, now: Time) {
        self.on_link(now, |ledger| ledger.link.tick(&mut ledger.effects, now));
        while let Some((at, identifier)) = self.deadlines.first().filter(|(at, _)| *at <= now) {
            let (at, identifier) = (*at, identifier.clone());
            self.deadlines.remove(&(at, identifier.clone()));
            if let Some(queue) = self.queues.get_mut(&identifier) {
                queue.noted = None;
            }
            self.on_queue(&identifier, now, |queue, ledger| queue.tick(ledger, now));
        }
    }

    /// When to call [`tick`](Self::tick) at the latest.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let Ledger { link, audience, .. } = &self.ledger;
        let queues = self.deadlines.first().map(|(at, _)| *at);
        let audience = audience.deadline().filter(|_| link.is_open());
        [queues, link.deadline(self.logs > 0), audience].into_iter().flatten().min()
    }

    /// Gives the next thing to do, oldest first.
    pub(crate) fn next_effect(&mut self) -> Option<Effect> {
        self.ledger.effects.pop_front()
    }

    /// Names the service of each identifier that is listened to, as far as is known.
    pub(crate) fn connected_services(&self) -> impl Iterator<Item = &'static str> {
        self.ledger.audience.services()
    }

    /// Tells whether anything is not yet known to be in the gateway's log.
    pub(crate) fn is_busy(&self) -> bool {
        self.queues.values().any(Queue::is_busy)
    }

    /// Gives everything away: the gateway has no topics. Who waits for a topic waits no more.
    pub(crate) fn surrender(&mut self) -> Vec<(Identifier, Memory)> {
        self.ledger.link.close();
        self.ledger.audience.clear();
        self.deadlines.clear();
        (self.retained_bytes, self.logs) = (0, 0);
        let mut kept = Vec::with_capacity(self.queues.len());
        for (identifier, mut queue) in self.queues.drain() {
            queue.give_up_waiting(&mut self.ledger);
            if queue.stage == Stage::Kept {
                kept.push((identifier, queue.memory));
            }
        }
        kept
    }

    #[cfg(test)]
    pub(crate) fn retained(&self, identifier: &Identifier) -> Vec<crate::Event> {
        self.queues.get(identifier).map(|queue| queue.memory.retained()).unwrap_or_default()
    }

    fn room(&self) -> usize {
        self.ledger.settings.retained_bytes_max.saturating_sub(self.retained_bytes)
    }

    /// Begins the identifier's queue, if it has none and there are not too many.
    fn begin(&mut self, identifier: &Identifier, retention: Retention) -> Result<(), PublishError> {
        if self.queues.contains_key(identifier) {
            return Ok(());
        }
        if self.queues.len() >= self.ledger.settings.identifiers_max {
            return Err(PublishError::Full);
        }
        self.queues.insert(identifier.clone(), Queue::new(identifier.clone(), retention));
        self.logs += usize::from(retention == Retention::Log);
        Ok(())
    }

    /// Runs one step of a queue, publishes what that allows, and notes what the queue waits for.
    fn on_queue<T>(
        &mut self,
        identifier: &Identifier,
        now: Time,
        step: impl FnOnce(&mut Queue, &mut Ledger) -> T,
    ) -> Option<T> {
        let before = self.reach();
        let queue = self.queues.get_mut(identifier)?;
        let (bytes, was_log) = (queue.memory.bytes(), queue.memory.retention() == Retention::Log);
        let result = step(queue, &mut self.ledger);
        queue.pump(&mut self.ledger, now);
        self.retained_bytes -= bytes;
        self.logs -= usize::from(was_log);
        let deadline = queue.deadline(&self.ledger);
        if queue.noted != deadline {
            let noted = std::mem::replace(&mut queue.noted, deadline);
            noted.map(|at| self.deadlines.remove(&(at, identifier.clone())));
            deadline.map(|at| self.deadlines.insert((at, identifier.clone())));
        }
        if queue.is_over() {
            queue.noted.map(|at| self.deadlines.remove(&(at, identifier.clone())));
            self.queues.remove(identifier);
        } else {
            self.retained_bytes += queue.memory.bytes();
            self.logs += usize::from(queue.memory.retention() == Retention::Log);
        }
        self.pump_all_if_reached(before, now);
        Some(result)
    }

    /// Runs one step of what crosses queues.
    fn on_link(&mut self, now: Time, step: impl FnOnce(&mut Ledger)) {
        let before = self.reach();
        step(&mut self.ledger);
        self.pump_all_if_reached(before, now);
    }

    /// The log that can be published to.
    fn reach(&self) -> Option<Option<sse_gateway_protocol::Epoch>> {
        self.ledger.link.is_open().then(|| self.ledger.link.epoch().cloned())
    }

    /// Publishes what waited for the link, or for the news that the log is another one.
    fn pump_all_if_reached(&mut self, before: Option<Option<sse_gateway_protocol::Epoch>>, now: Time) {
        let reach = self.reach();
        if reach.is_none() {
            return;
        }
        let Ledger { audience, effects, .. } = &mut self.ledger;
        audience.tick(effects, now);
        if reach != before {
            let identifiers: Vec<_> = self.queues.keys().cloned().collect();
            for identifier in identifiers {
                self.on_queue(&identifier, now, |_, _| ());
            }
        }
    }
}

/// Names the identifier's topic: as the identifier is written.
pub(crate) fn topic_name(identifier: &Identifier) -> TopicName {
    TopicName::parse(&identifier.to_string()).expect("an identifier has at most 256 bytes, and no controls")
}
