//! What services and callbacks ask of the connections.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use sse_gateway_protocol::Token;
use sse_gateway_protocol::callback::{CloseReason, TopicWish};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::driver::{Shared, State};
use super::memory::Receipt;
use super::registry::{ConnectError, Enqueued};
use super::ways::{Features, Seats};
use super::{ConnectionSettings, Delivery, IfMissing, Message, PipeError, PublishError, Time};
use crate::metrics::Metrics;
use crate::{GatewaySettings, Identifier, StartError};

/// Takes the events of identifiers, and brings them to the streams that listen: through topics if
/// the gateway has them, else by tokens. Cheap to clone.
///
/// Publishing returns at once, from async and from blocking code: requests are made by tasks of the
/// manager's own, one at a time for each identifier.
#[derive(Clone)]
pub struct ConnectionManager(Arc<Shared>);

impl ConnectionManager {
    pub(crate) fn start(
        gateway: &GatewaySettings,
        settings: ConnectionSettings,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StartError> {
        Shared::start(gateway, settings, metrics).map(Self)
    }

    /// Begins a log: an identifier whose events are retained until it is forgotten, so that every
    /// client who connects gets all of them.
    ///
    /// # Errors
    /// [`PublishError::Full`] at the bound of identifiers, [`PublishError::Ended`] if it exists.
    pub fn open_log(&self, identifier: &Identifier) -> Result<(), PublishError> {
        self.decide(|state, now| state.ways.open_log(identifier, now))
    }

    /// Waits until every process of the backend may let clients listen to this log: with topics, until
    /// the gateway has made the log's topic. At most `wait`; false when it could not be made in that
    /// time, and will be when the gateway is there.
    pub async fn opened(&self, identifier: &Identifier, wait: Duration) -> bool {
        let delivery = self.settle(wait, |state, receipt, _| Ok(state.ways.await_topic(identifier, receipt)));
        delivery.await != Ok(Some(Delivery::Queued))
    }

    /// Adds an event to a log.
    ///
    /// # Errors
    /// A [`PublishError`]; the event is not taken then.
    pub fn append(&self, identifier: &Identifier, message: Message) -> Result<(), PublishError> {
        self.decide(|state, now| state.ways.append(identifier, message, now))
    }

    /// Adds the last event to a log; `connection_close` with the reason and the end follow it in the
    /// same request.
    ///
    /// # Errors
    /// A [`PublishError`]; the log has not ended then.
    pub fn finish(&self, identifier: &Identifier, last: Message, reason: &str) -> Result<(), PublishError> {
        self.decide(|state, now| state.ways.finish(identifier, last, reason, now))
    }

    /// Makes the topic of an identifier that is to be [piped](Self::pipe) to, so that clients may listen
    /// before there is anything to hear.
    ///
    /// # Errors
    /// A [`PipeError`].
    pub async fn open_pipe(&self, identifier: &Identifier) -> Result<(), PipeError> {
        if self.0.state().ways.has_tokens_only() {
            return Err(PipeError::NoTopics);
        }
        self.0.gateway.open_pipe(identifier).await
    }

    /// Publishes each event of an event stream as it comes, such as a language model's answer, and
    /// completes the topic at its end; gives how many events it had. The gateway takes no more than it
    /// publishes, so a producer that is faster waits.
    ///
    /// Needs topics. Nothing is retained here and nothing repeated: of a stream that breaks off, what
    /// had arrived stays, and [`complete`](Self::complete) ends it.
    ///
    /// # Errors
    /// A [`PipeError`]; the topic is not complete then.
    pub async fn pipe<B>(&self, identifier: &Identifier, events: B, reason: &str) -> Result<u64, PipeError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if self.0.state().ways.has_tokens_only() {
            return Err(PipeError::NoTopics);
        }
        self.0.gateway.pipe(identifier, events, reason).await
    }

    /// Publishes the last event of an identifier that has no log, and the end behind it; they are
    /// retained here until the gateway has them, at most 10 minutes.
    ///
    /// # Errors
    /// A [`PublishError`]; [`PublishError::Ended`] also without topics.
    pub fn complete(&self, identifier: &Identifier, last: Message, reason: &str) -> Result<(), PublishError> {
        self.decide(|state, now| state.ways.complete(identifier, last, reason, now))
    }

    /// Forgets an identifier and what it retains; a stream that is still on it is closed.
    pub fn forget(&self, identifier: &Identifier) {
        self.decide(|state, now| state.ways.forget(identifier, now));
    }

    /// Adds an event to a queue, which is delivered once, and waits at most `wait` until the gateway
    /// took it for the live stream. When it is known that there is none, it does not wait.
    ///
    /// # Errors
    /// A [`PublishError`]; the event is not taken then.
    pub async fn enqueue(
        &self,
        identifier: &Identifier,
        message: Message,
        wait: Duration,
    ) -> Result<Delivery, PublishError> {
        let delivery = self.settle(wait, |state, receipt, now| {
            let enqueued = state.ways.enqueue(identifier, message, receipt, now)?;
            Ok(enqueued == Enqueued::OnItsWay)
        });
        Ok(delivery.await?.unwrap_or(Delivery::Queued))
    }

    /// Connects a client; gives what its stream listens to, or `None` when it is served by its token.
    pub(crate) fn connect(
        &self,
        identifier: &Identifier,
        token: Token,
        features: Features,
        seats: Seats,
        if_missing: IfMissing,
    ) -> Result<Option<TopicWish>, ConnectError> {
        let connected = self
            .decide(|state, now| state.ways.connect(identifier, token, features, seats, if_missing, now))?;
        let (service, replaces) = (identifier.service(), connected.replaces);
        self.0.metrics.count_connection(service, if replaces { "replace" } else { "connect" });
        let topics = connected.wish.is_some();
        tracing::debug!(%identifier, ?token, replaces, topics, "connected");
        Ok(connected.wish)
    }

    /// Takes a disconnect; gives the identifier that the stream was connected to. `named` is what its
    /// URL leads to.
    pub(crate) fn disconnect(
        &self,
        token: Token,
        named: Option<&Identifier>,
        features: Features,
        reason: CloseReason,
        opened: Option<bool>,
    ) -> Option<Identifier> {
        let identifier =
            self.decide(|state, now| state.ways.disconnect(token, named, features, reason, opened, now))?;
        self.0.metrics.count_connection(identifier.service(), "disconnect");
        tracing::debug!(%identifier, ?token, reason = reason.as_str(), "disconnected");
        Some(identifier)
    }

    /// Counts the live connections of a service.
    pub(crate) fn connected(&self, service: &str) -> usize {
        self.0.state().ways.connected_services().filter(|name| *name == service).count()
    }

    /// Gives what a client who connects now would get.
    #[cfg(test)]
    pub(crate) fn retained(&self, identifier: &Identifier) -> Vec<crate::Event> {
        self.0.state().ways.retained(identifier)
    }

    pub(crate) async fn gateway_answers(&self) -> bool {
        self.0.gateway.has_topics().await.is_some()
    }

    /// Waits until everything that can be sent is sent; false if the deadline comes first.
    pub(crate) async fn flushed(&self, deadline: Instant) -> bool {
        let quiet = async {
            loop {
                let came_out = self.0.came_out.notified();
                if !self.0.state().ways.is_busy() {
                    return;
                }
                came_out.await;
            }
        };
        timeout_at(deadline, quiet).await.is_ok()
    }

    /// Takes a step that may have to be waited for, and waits until it settles; `None` when there is
    /// nothing to wait for, or it takes too long.
    async fn settle(
        &self,
        wait: Duration,
        step: impl FnOnce(&mut State, Receipt, Time) -> Result<bool, PublishError>,
    ) -> Result<Option<Delivery>, PublishError> {
        let (settled, settles) = oneshot::channel();
        let receipt = self.decide(|state, now| {
            let receipt = state.receipt();
            let waits = step(state, receipt, now)?;
            Ok(waits.then(|| {
                state.waiting.insert(receipt, settled);
                receipt
            }))
        })?;
        let Some(receipt) = receipt else { return Ok(None) };
        let forget = Forget { shared: &self.0, receipt };
        let delivery = timeout(wait, settles).await;
        drop(forget);
        Ok(delivery.ok().and_then(Result::ok))
    }

    fn decide<T>(&self, step: impl FnOnce(&mut State, Time) -> T) -> T {
        Shared::decide(&self.0, step)
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
