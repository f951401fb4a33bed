//! Whether the gateway can be published to, and which life of its log that reaches.
//!
//! ```text
//!   Idle --something to send--> Asking --topics--> Checking --the epoch is known--> Open
//!                                ^  |                  |                             |
//!                       (a time) |  | no answer        | no answer                   |
//!                                |  v                  v                             |
//!                               Waiting <--------------+---- connection error, ------+
//!                                                            unknown outcome
//! ```
//!
//! Nothing is published unless the link is open. After an error the gateway may be another one, or
//! have lost its log, so it is asked what it can and in which epoch it is before anything follows.

use std::collections::VecDeque;
use std::time::Duration;

use sse_gateway_protocol::{Epoch, TopicName};

use super::effect::{Effect, Outcome};
use crate::connections::{Time, doubled};

#[derive(Debug)]
pub(super) struct Link {
    state: State,
    /// How often in a row the gateway was not there.
    failures: u32,
    epochs: Epochs,
    /// The process's own topic: what is published to it says the epoch and changes nothing.
    own_topic: TopicName,
    check_interval: Duration,
}

#[derive(Debug)]
enum State {
    Idle,
    Asking,
    Waiting { until: Time },
    Checking,
    Open { heard: Time, check: Check },
}

/// The check of an open link on which nothing is heard.
#[derive(Debug, Clone, Copy)]
enum Check {
    At(Time),
    UnderWay,
}

impl Link {
    pub(super) fn new(own_topic: TopicName, check_interval: Duration) -> Self {
        Self { state: State::Idle, failures: 0, epochs: Epochs::default(), own_topic, check_interval }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// The log's present life, as far as is known.
    pub(super) fn epoch(&self) -> Option<&Epoch> {
        self.epochs.current.as_ref()
    }

    /// There is something to send.
    pub(super) fn want(&mut self, effects: &mut VecDeque<Effect>) {
        if matches!(self.state, State::Idle) {
            self.ask(effects);
        }
    }

    /// The gateway says that it has topics.
    pub(super) fn offered(&mut self, effects: &mut VecDeque<Effect>, now: Time) {
        match self.state {
            State::Idle | State::Asking | State::Waiting { .. } if self.epoch().is_some() => {
                self.state = State::Checking;
                effects.push_back(Effect::Check(self.own_topic.clone()));
            }
            State::Idle | State::Asking | State::Waiting { .. } => self.open(now),
            State::Checking | State::Open { .. } => {}
        }
    }

    /// The gateway was asked and did not answer.
    pub(super) fn unanswered(&mut self, now: Time) {
        if matches!(self.state, State::Asking) {
            self.wait(now);
        }
    }

    /// A request failed in a way that leaves open what the gateway is.
    pub(super) fn doubt(&mut self, effects: &mut VecDeque<Effect>, now: Time) {
        match self.state {
            State::Checking | State::Open { .. } if self.failures == 0 => {
                self.failures = 1;
                self.ask(effects);
            }
            State::Checking | State::Open { .. } => self.wait(now),
            State::Idle | State::Asking | State::Waiting { .. } => {}
        }
    }

    /// The gateway has topics no more.
    pub(super) fn close(&mut self) {
        self.state = State::Idle;
    }

    /// An answer named the epoch.
    pub(super) fn hear(&mut self, epoch: &Epoch, effects: &mut VecDeque<Effect>, now: Time) {
        self.failures = 0;
        if let State::Open { heard, .. } = &mut self.state {
            *heard = now;
        }
        if self.epochs.hear(epoch) {
            effects.push_back(Effect::NewEpoch(epoch.clone()));
        }
    }

    /// The check came out.
    pub(super) fn checked(&mut self, outcome: &Outcome, effects: &mut VecDeque<Effect>, now: Time) {
        if !matches!(self.state, State::Checking | State::Open { check: Check::UnderWay, .. }) {
            return;
        }
        match outcome {
            Outcome::NotConnected | Outcome::Unknown | Outcome::NoTopics => self.doubt(effects, now),
            Outcome::Taken { epoch, .. } => {
                self.open(now);
                self.hear(epoch, effects, now);
            }
            // It does not say, but it is there.
            Outcome::Completed | Outcome::KeyReused | Outcome::Rejected | Outcome::Refused => self.open(now),
        }
    }

    pub(super) fn tick(&mut self, effects: &mut VecDeque<Effect>, now: Time) {
        match &mut self.state {
            State::Waiting { until } if *until <= now => self.ask(effects),
            State::Open { heard, check: Check::At(at) } if *at <= now => {
                let due = *heard + self.check_interval;
                if due <= now {
                    self.state = State::Open { heard: *heard, check: Check::UnderWay };
                    effects.push_back(Effect::Check(self.own_topic.clone()));
                } else {
                    *at = due;
                }
            }
            _ => {}
        }
    }

    /// When to [`tick`](Self::tick); an open link is checked only for what would be published again.
    pub(super) fn deadline(&self, has_stories: bool) -> Option<Time> {
        match self.state {
            State::Waiting { until } => Some(until),
            State::Open { check: Check::At(at), .. } => has_stories.then_some(at),
            _ => None,
        }
    }

    fn ask(&mut self, effects: &mut VecDeque<Effect>) {
        self.state = State::Asking;
        effects.push_back(Effect::Ask);
    }

    fn open(&mut self, now: Time) {
        self.state = State::Open { heard: now, check: Check::At(now + self.check_interval) };
    }

    fn wait(&mut self, now: Time) {
        self.state = State::Waiting {
            until: now + doubled(ASK_AGAIN, self.failures.saturating_sub(1), ASK_AGAIN_MAX),
        };
        self.failures = self.failures.saturating_add(1);
    }
}

/// The lives of the log that were seen. One that was left is never returned to, whatever a late
/// answer says.
#[derive(Debug, Default)]
struct Epochs {
    current: Option<Epoch>,
    left: VecDeque<Epoch>,
}

impl Epochs {
    /// Gives whether another life than before has begun.
    fn hear(&mut self, epoch: &Epoch) -> bool {
        match &self.current {
            Some(current) if current == epoch || self.left.contains(epoch) => false,
            None => {
                self.current = Some(epoch.clone());
                false
            }
            Some(_) => {
                self.left.extend(self.current.replace(epoch.clone()));
                if self.left.len() > LEFT_MAX {
                    self.left.pop_front();
                }
                true
            }
        }
    }
}

/// How many lives are remembered; a late answer is of one of the latest.
const LEFT_MAX: usize = 8;

/// The first wait before a gateway that is away is asked again; it doubles. Short, because clients
/// come back to it within seconds.
const ASK_AGAIN: Duration = Duration::from_millis(100);
const ASK_AGAIN_MAX: Duration = Duration::from_millis(500);
