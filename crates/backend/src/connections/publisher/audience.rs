//! How many streams listen to which identifier, for the gauge of connections.
//!
//! The gateway knows; its answers to publishes say it, and a look at the topic does, which is taken
//! when a disconnect says that something has changed, a while after a connect, and once a minute.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use super::effect::{Asker, Effect, Looked};
use crate::Identifier;
use crate::connections::Time;

/// Bounded in number; past the bound, who comes is not counted.
#[derive(Debug)]
pub(super) struct Audience {
    seats: HashMap<Identifier, Seat>,
    /// When each seat that is not being looked at is looked at next.
    checks: BTreeSet<(Time, Identifier)>,
    identifiers_max: usize,
    check_interval: Duration,
}

#[derive(Debug)]
struct Seat {
    receivers: u64,
    check_at: Time,
    looking: Looking,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looking {
    No,
    UnderWay,
    /// Under way, and something has changed since it was asked.
    Outdated,
}

impl Audience {
    pub(super) fn new(identifiers_max: usize, check_interval: Duration) -> Self {
        Self { seats: HashMap::new(), checks: BTreeSet::new(), identifiers_max, check_interval }
    }

    /// A client was let in; its stream opens in a moment. Gives whether another one was there.
    pub(super) fn came(&mut self, identifier: &Identifier, now: Time) -> bool {
        let was_there = self.seats.get(identifier).is_some_and(|seat| seat.receivers > 0);
        self.change(identifier, now + OPENING, |seat| seat.receivers = seat.receivers.max(1));
        was_there
    }

    /// A client has left; another one may be there.
    pub(super) fn left(&mut self, identifier: &Identifier, now: Time) {
        if self.seats.contains_key(identifier) {
            self.change(identifier, now, |_| {});
        }
    }

    /// An answer to a publish said how many listened; it may be older than what was seen since.
    pub(super) fn count(&mut self, identifier: &Identifier, receivers: u64, now: Time) {
        match self.seats.get_mut(identifier) {
            Some(seat) if seat.receivers > 0 || receivers == 0 => seat.receivers = receivers,
            None if receivers == 0 => {}
            _ => self.change(identifier, now + OPENING, |seat| seat.receivers = receivers),
        }
    }

    pub(super) fn looked(&mut self, identifier: &Identifier, looked: Looked, now: Time) {
        let Some(seat) = self.seats.get_mut(identifier) else { return };
        let outdated = seat.looking == Looking::Outdated;
        seat.looking = Looking::No;
        match looked {
            Looked::Found { receivers, .. } if !outdated => seat.receivers = receivers,
            Looked::Missing if !outdated => seat.receivers = 0,
            _ => {}
        }
        if !outdated {
            seat.check_at = now + self.check_interval;
        }
        if outdated || seat.receivers > 0 {
            self.checks.insert((seat.check_at, identifier.clone()));
        } else {
            self.seats.remove(identifier);
        }
    }

    /// Looks at what is due.
    pub(super) fn tick(&mut self, effects: &mut VecDeque<Effect>, now: Time) {
        while self.deadline().is_some_and(|at| at <= now) {
            let Some((_, identifier)) = self.checks.pop_first() else { return };
            if let Some(seat) = self.seats.get_mut(&identifier) {
                seat.looking = Looking::UnderWay;
                effects.push_back(Effect::Look(identifier, Asker::Audience));
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.checks.first().map(|(at, _)| *at)
    }

    /// Forgets everybody: their gateway is gone.
    pub(super) fn clear(&mut self) {
        self.seats.clear();
        self.checks.clear();
    }

    /// Names the service of each identifier that is listened to.
    pub(super) fn services(&self) -> impl Iterator<Item = &'static str> {
        let present = self.seats.iter().filter(|(_, seat)| seat.receivers > 0);
        present.map(|(identifier, _)| identifier.service())
    }

    fn change(&mut self, identifier: &Identifier, check_at: Time, change: impl FnOnce(&mut Seat)) {
        if !self.seats.contains_key(identifier) && self.seats.len() >= self.identifiers_max {
            return;
        }
        let begin = || Seat { receivers: 0, check_at, looking: Looking::No };
        let seat = self.seats.entry(identifier.clone()).or_insert_with(begin);
        change(seat);
        if seat.looking == Looking::No {
            self.checks.remove(&(seat.check_at, identifier.clone()));
            self.checks.insert((check_at, identifier.clone()));
        } else {
            seat.looking = Looking::Outdated;
        }
        seat.check_at = check_at;
    }
}

/// How long a stream may take to open after its client was let in, and an answer to arrive.
const OPENING: Duration = Duration::from_secs(1);
