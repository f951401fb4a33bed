//! Carries out what the two ways decide.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::{Instant, sleep_until};

use super::gateway::Gateway;
use super::loss::Loss;
use super::memory::Receipt;
use super::publisher::{Asker, Publication};
use super::registry::Request;
use super::ways::{Effect, Ways};
use super::{ConnectionSettings, Delivery, Time, publisher, registry};
use crate::metrics::Metrics;
use crate::{GatewaySettings, Identifier, StartError};

pub(super) struct Shared {
    // A std mutex: each critical section is one step of the rules, without I/O or await.
    state: Mutex<State>,
    pub(super) gateway: Gateway,
    /// Bounds the requests under way.
    sends: Semaphore,
    pub(super) metrics: Arc<Metrics>,
    runtime: Handle,
    origin: Instant,
    /// Wakes the timer when the next deadline has changed; also when the last manager is dropped.
    rearm: Arc<Notify>,
    /// Tells those who wait for quiet that a request came out.
    pub(super) came_out: Notify,
}

pub(super) struct State {
    pub(super) ways: Ways,
    pub(super) waiting: HashMap<Receipt, oneshot::Sender<Delivery>>,
    next_receipt: Receipt,
}

impl State {
    /// Gives a number that no other wait has or had.
    pub(super) fn receipt(&mut self) -> Receipt {
        self.next_receipt += 1;
        self.next_receipt
    }

    /// Ends a wait; who waited may have stopped waiting.
    fn settle(&mut self, receipt: Receipt, delivery: Delivery) {
        self.waiting.remove(&receipt).map(|settled| settled.send(delivery).ok());
    }
}

/// A request, or a question, to the gateway.
enum Job {
    Send(Request),
    Ask,
    Check(sse_gateway_protocol::TopicName),
    Publish(Publication),
    Look(Identifier, Asker),
    Delete(Identifier),
}

impl Shared {
    pub(super) fn start(
        gateway: &GatewaySettings,
        settings: ConnectionSettings,
        metrics: Arc<Metrics>,
    ) -> Result<Arc<Self>, StartError> {
        let rearm = Arc::new(Notify::new());
        let life = uuid::Uuid::new_v4().simple().to_string();
        let ways = Ways::new(settings, gateway.topics, &life);
        let shared = Arc::new(Shared {
            state: Mutex::new(State { ways, waiting: HashMap::new(), next_receipt: 0 }),
            gateway: Gateway::new(gateway)?,
            sends: Semaphore::new(gateway.sends_concurrent_max),
            metrics,
            runtime: Handle::current(),
            origin: Instant::now(),
            rearm: Arc::clone(&rearm),
            came_out: Notify::new(),
        });
        tokio::spawn(keep_time(Arc::downgrade(&shared), rearm));
        Ok(shared)
    }

    /// Runs one step of the rules and carries out what it decided.
    pub(super) fn decide<T>(self: &Arc<Self>, step: impl FnOnce(&mut State, Time) -> T) -> T {
        let mut jobs = Vec::new();
        let (result, rearm) = {
            let mut state = self.state();
            let now = self.origin.elapsed();
            let deadline = state.ways.next_deadline();
            let result = step(&mut state, now);
            while let Some(effect) = state.ways.next_effect() {
                jobs.extend(match effect {
                    Effect::Tokens(effect) => self.of_registry(&mut state, effect),
                    Effect::Topics(effect) => self.of_publisher(&mut state, effect),
                });
            }
            (result, deadline != state.ways.next_deadline())
        };
        for job in jobs {
            // From blocking code too, where there is no current runtime.
            self.runtime.spawn(Arc::clone(self).work(job));
        }
        if rearm {
            self.rearm.notify_one();
        }
        result
    }

    fn of_registry(&self, state: &mut State, effect: registry::Effect) -> Option<Job> {
        match effect {
            registry::Effect::Send(request) => return Some(Job::Send(request)),
            registry::Effect::Settle(receipt, delivery) => state.settle(receipt, delivery),
            registry::Effect::Lost(service, loss, events) => self.count_lost(service, loss, events),
            registry::Effect::GaveUpClosing(identifier, token) => {
                tracing::warn!(%identifier, ?token, "a stream could not be closed");
            }
        }
        None
    }

    fn of_publisher(&self, state: &mut State, effect: publisher::Effect) -> Option<Job> {
        match effect {
            publisher::Effect::Ask => return Some(Job::Ask),
            publisher::Effect::Check(topic) => return Some(Job::Check(topic)),
            publisher::Effect::Publish(publication) => return Some(Job::Publish(publication)),
            publisher::Effect::Look(identifier, asker) => return Some(Job::Look(identifier, asker)),
            publisher::Effect::Delete(identifier) => return Some(Job::Delete(identifier)),
            publisher::Effect::Settle(receipt, delivery) => state.settle(receipt, delivery),
            publisher::Effect::Lost(service, loss, events) => self.count_lost(service, loss, events),
            publisher::Effect::NewEpoch(epoch) => {
                tracing::warn!(epoch = epoch.as_str(), "the gateway's log began anew: publishing again");
            }
        }
        None
    }

    fn count_lost(&self, service: &'static str, loss: Loss, events: u64) {
        let cause = loss.as_str();
        self.metrics.count_lost(service, cause, events);
        match loss {
            // Every step of a long task would say it again.
            Loss::Trimmed => tracing::debug!(service, events, "the oldest progress is trimmed"),
            _ => tracing::warn!(service, cause, events, "events are lost"),
        }
    }

    /// Makes one request and reports how it came out; the next one of its identifier comes of that.
    async fn work(self: Arc<Self>, job: Job) {
        match job {
            Job::Send(request) => self.send(request).await,
            Job::Publish(publication) => self.publish(publication).await,
            // Everything waits for these two, so they wait for nothing; there is one of each at most.
            Job::Ask => match self.gateway.has_topics().await {
                Some(topics) => self.decide(|state, now| state.ways.heard(topics, now)),
                None => self.decide(|state, now| state.ways.publisher.unanswered(now)),
            },
            Job::Check(topic) => {
                let outcome = self.gateway.touch(topic).await;
                self.decide(|state, now| state.ways.publisher.checked(&outcome, now));
            }
            Job::Look(identifier, asker) => {
                let _permit = self.sends.acquire().await;
                let looked = self.gateway.look(&identifier).await;
                self.decide(|state, now| state.ways.publisher.looked(&identifier, asker, looked, now));
            }
            Job::Delete(identifier) => {
                let _permit = self.sends.acquire().await;
                let done = self.gateway.delete(&identifier).await;
                self.decide(|state, now| state.ways.publisher.deleted(&identifier, done, now));
            }
        }
        self.came_out.notify_waiters();
    }

    async fn send(self: &Arc<Self>, request: Request) {
        let _permit = self.sends.acquire().await;
        let started = Instant::now();
        let retry_ms = request.stay_away.then(stay_away_ms);
        let outcome = self.gateway.send(&request, retry_ms).await;
        let service = request.identifier.service();
        self.metrics.observe_send(service, outcome.as_str(), request.events.len(), started.elapsed());
        tracing::debug!(identifier = %request.identifier, token = ?request.token,
            events = request.events.len(), close = request.close, outcome = outcome.as_str(), "sent");
        self.decide(|state, now| state.ways.registry.answered(&request.identifier, outcome, now));
    }

    async fn publish(self: &Arc<Self>, publication: Publication) {
        let _permit = self.sends.acquire().await;
        let started = Instant::now();
        let outcome = self.gateway.publish(&publication).await;
        let Publication { identifier, events, end, .. } = publication;
        let (events, end) = (events.len(), end.is_some());
        self.metrics.observe_send(identifier.service(), outcome.as_str(), events, started.elapsed());
        tracing::debug!(%identifier, events, end, outcome = outcome.as_str(), "published");
        if matches!(outcome, publisher::Outcome::Completed | publisher::Outcome::KeyReused) {
            tracing::warn!(%identifier, outcome = outcome.as_str(), "somebody else publishes to this topic");
        }
        self.decide(|state, now| state.ways.publisher.answered(&identifier, outcome, now));
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A step that panicked leaves at worst one identifier behind; the others must go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.rearm.notify_one();
    }
}

/// Ticks the rules at their deadlines, as long as there is a manager.
async fn keep_time(shared: Weak<Shared>, rearm: Arc<Notify>) {
    while let Some(manager) = shared.upgrade() {
        let deadline = manager.state().ways.next_deadline().map(|at| manager.origin + at);
        drop(manager);
        let passed = async {
            match deadline {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = passed => {
                if let Some(manager) = shared.upgrade() {
                    manager.decide(|state, now| state.ways.tick(now));
                }
            }
            () = rearm.notified() => {}
        }
    }
}

/// How long a replaced client stays away, in milliseconds: 30 s, give or take a half at random, so
/// that two tabs do not take turns.
fn stay_away_ms() -> u64 {
    // The low bits of a version 4 UUID are random.
    let random = uuid::Uuid::new_v4().as_u128() % u128::from(STAY_AWAY_MS + 1);
    STAY_AWAY_MS / 2 + u64::try_from(random).expect("at most STAY_AWAY_MS")
}

const STAY_AWAY_MS: u64 = 30_000;
