//! Carries out what the registry decides.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sse_gateway_protocol::Token;
use sse_gateway_protocol::callback::CloseReason;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::gateway::Gateway;
use super::memory::Receipt;
use super::registry::{ConnectError, Effect, Enqueued, Loss, Registry, Request};
use super::{ConnectionSettings, Delivery, IfMissing, Message, PublishError, Time};
use crate::metrics::Metrics;
use crate::{GatewaySettings, Identifier, StartError};

/// Connects identifiers to streams and sends their events. Cheap to clone.
///
/// Publishing returns at once, from async and from blocking code: sends are made by tasks of the
/// manager's own, one at a time for each identifier.
#[derive(Clone)]
pub struct ConnectionManager(Arc<Shared>);

struct Shared {
    // A std mutex: each critical section is one step of the registry, without I/O or await.
    state: Mutex<State>,
    gateway: Gateway,
    /// Bounds the requests under way.
    sends: Semaphore,
    metrics: Arc<Metrics>,
    runtime: Handle,
    origin: Instant,
    /// Wakes the timer when the next deadline has changed; also when the last manager is dropped.
    rearm: Arc<Notify>,
    /// Tells those who wait for quiet that a request came out.
    came_out: Notify,
}

struct State {
    registry: Registry,
    waiting: HashMap<Receipt, oneshot::Sender<Delivery>>,
    next_receipt: Receipt,
}

impl State {
    /// Gives a number that no other wait has or had.
    fn receipt(&mut self) -> Receipt {
        self.next_receipt += 1;
        self.next_receipt
    }
}

impl ConnectionManager {
    pub(crate) fn start(
        gateway: &GatewaySettings,
        settings: ConnectionSettings,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        let rearm = Arc::new(Notify::new());
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                registry: Registry::new(settings),
                waiting: HashMap::new(),
                next_receipt: 0,
            }),
            gateway: Gateway::new(gateway)?,
            sends: Semaphore::new(gateway.sends_concurrent_max),
            metrics,
            runtime: Handle::current(),
            origin: Instant::now(),
            rearm: Arc::clone(&rearm),
            came_out: Notify::new(),
        });
        tokio::spawn(keep_time(Arc::downgrade(&shared), rearm));
        Ok(Self(shared))
    }

    /// Begins a log: an identifier whose events are retained until it is forgotten, so that every
    /// client who connects gets all of them.
    ///
    /// # Errors
    /// [`PublishError::Full`] at the bound of identifiers, [`PublishError::Ended`] if it exists.
    pub fn open_log(&self, identifier: &Identifier) -> Result<(), PublishError> {
        self.decide(|state, _| state.registry.open_log(identifier))
    }

    /// Adds an event to a log.
    ///
    /// # Errors
    /// A [`PublishError`]; the event is not taken then.
    pub fn append(&self, identifier: &Identifier, message: Message) -> Result<(), PublishError> {
        self.decide(|state, now| state.registry.append(identifier, message, now))
    }

    /// Adds the last event to a log; `connection_close` with the reason and the end follow it in the
    /// same request.
    ///
    /// # Errors
    /// A [`PublishError`]; the log has not ended then.
    pub fn finish(&self, identifier: &Identifier, last: Message, reason: &str) -> Result<(), PublishError> {
        self.decide(|state, now| state.registry.finish(identifier, last, reason, now))
    }

    /// Forgets an identifier and what it retains; a stream that is still on it is closed.
    pub fn forget(&self, identifier: &Identifier) {
        self.decide(|state, now| state.registry.forget(identifier, now));
    }

    /// Adds an event to a queue, which is delivered once, and waits at most `wait` until the gateway
    /// took it for the live stream. Without a live stream it does not wait.
    ///
    /// # Errors
    /// A [`PublishError`]; the event is not taken then.
    pub async fn enqueue(
        &self,
        identifier: &Identifier,
        message: Message,
        wait: Duration,
    ) -> Result<Delivery, PublishError> {
        let (settled, settles) = oneshot::channel();
        let receipt = self.decide(|state, now| {
            let receipt = state.receipt();
            match state.registry.enqueue(identifier, message, receipt, now)? {
                Enqueued::Waiting => Ok(None),
                Enqueued::OnItsWay => {
                    state.waiting.insert(receipt, settled);
                    Ok(Some(receipt))
                }
            }
        })?;
        let Some(receipt) = receipt else { return Ok(Delivery::Queued) };
        let forget = Forget { shared: &self.0, receipt };
        let delivery = timeout(wait, settles).await;
        drop(forget);
        Ok(delivery.ok().and_then(Result::ok).unwrap_or(Delivery::Queued))
    }

    pub(crate) fn connect(
        &self,
        identifier: &Identifier,
        token: Token,
        batches: bool,
        if_missing: IfMissing,
    ) -> Result<(), ConnectError> {
        let replaced =
            self.decide(|state, now| state.registry.connect(identifier, token, batches, if_missing, now))?;
        let service = identifier.service();
        self.0.metrics.count_connection(service, if replaced { "replace" } else { "connect" });
        tracing::debug!(%identifier, ?token, replaced, "connected");
        Ok(())
    }

    /// Takes a disconnect; gives the identifier that the stream was connected to.
    pub(crate) fn disconnect(
        &self,
        token: Token,
        reason: CloseReason,
        opened: Option<bool>,
    ) -> Option<Identifier> {
        let identifier = self.decide(|state, now| state.registry.disconnect(token, reason, opened, now))?;
        self.0.metrics.count_connection(identifier.service(), "disconnect");
        tracing::debug!(%identifier, ?token, reason = reason.as_str(), "disconnected");
        Some(identifier)
    }

    /// Counts the live connections of a service.
    pub(crate) fn connected(&self, service: &str) -> usize {
        self.0.state().registry.connected_services().filter(|name| *name == service).count()
    }

    /// Gives what a client who connects now would get.
    #[cfg(test)]
    pub(crate) fn retained(&self, identifier: &Identifier) -> Vec<crate::Event> {
        self.0.state().registry.retained(identifier)
    }

    pub(crate) async fn gateway_answers(&self) -> bool {
        self.0.gateway.is_healthy().await
    }

    /// Waits until everything that can be sent is sent; false if the deadline comes first.
    pub(crate) async fn flushed(&self, deadline: Instant) -> bool {
        let quiet = async {
            loop {
                let came_out = self.0.came_out.notified();
                if !self.0.state().registry.is_busy() {
                    return;
                }
                came_out.await;
            }
        };
        timeout_at(deadline, quiet).await.is_ok()
    }

    fn decide<T>(&self, step: impl FnOnce(&mut State, Time) -> T) -> T {
        Shared::decide(&self.0, step)
    }
}

impl Shared {
    /// Runs one step of the registry and carries out what it decided.
    fn decide<T>(self: &Arc<Self>, step: impl FnOnce(&mut State, Time) -> T) -> T {
        let mut requests = Vec::new();
        let (result, rearm) = {
            let mut state = self.state();
            let now = self.origin.elapsed();
            let deadline = state.registry.next_deadline();
            let result = step(&mut state, now);
            while let Some(effect) = state.registry.next_effect() {
                match effect {
                    Effect::Send(request) => requests.push(request),
                    Effect::Settle(receipt, delivery) => {
                        // Who waited may have stopped waiting.
                        state.waiting.remove(&receipt).map(|settled| settled.send(delivery).ok());
                    }
                    Effect::Lost(service, loss, events) => {
                        self.metrics.count_lost(service, loss.as_str(), events);
                        let cause = loss.as_str();
                        match loss {
                            // Every step of a long task would say it again.
                            Loss::Trimmed => {
                                tracing::debug!(service, events, "the oldest progress is trimmed")
                            }
                            _ => tracing::warn!(service, cause, events, "events are lost"),
                        }
                    }
                    Effect::GaveUpClosing(identifier, token) => {
                        tracing::warn!(%identifier, ?token, "a stream could not be closed");
                    }
                }
            }
            (result, deadline != state.registry.next_deadline())
        };
        for request in requests {
            // From blocking code too, where there is no current runtime.
            self.runtime.spawn(Arc::clone(self).send(request));
        }
        if rearm {
            self.rearm.notify_one();
        }
        result
    }

    /// Makes one request and reports how it came out; the next one of its identifier comes of that.
    async fn send(self: Arc<Self>, request: Request) {
        let _permit = self.sends.acquire().await;
        let started = Instant::now();
        let retry_ms = request.stay_away.then(stay_away_ms);
        let outcome = self.gateway.send(&request, retry_ms).await;
        let service = request.identifier.service();
        self.metrics.observe_send(service, outcome.as_str(), request.events.len(), started.elapsed());
        tracing::debug!(identifier = %request.identifier, token = ?request.token,
            events = request.events.len(), close = request.close, outcome = outcome.as_str(), "sent");
        self.decide(|state, now| state.registry.answered(&request.identifier, outcome, now));
        self.came_out.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A step that panicked leaves at worst one lane behind; the others must go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.rearm.notify_one();
    }
}

/// Takes a wait for a delivery out, however it ends.
struct Forget<'a> {
    shared: &'a Shared,
    receipt: Receipt,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.state().waiting.remove(&self.receipt);
    }
}

/// Ticks the registry at its deadlines, as long as there is a manager.
async fn keep_time(shared: Weak<Shared>, rearm: Arc<Notify>) {
    while let Some(manager) = shared.upgrade() {
        let deadline = manager.state().registry.next_deadline().map(|at| manager.origin + at);
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
                    manager.decide(|state, now| state.registry.tick(now));
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
