//! The metrics of the backend side; names and labels are part of the interface.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Owns the counters and the registry that renders them.
pub(crate) struct Metrics {
    registry: Registry,
    connections: Family<Action, Counter>,
    events_sent: Family<Sent, Counter>,
    events_lost: Family<Lost, Counter>,
    send_duration: Family<Service, Histogram, fn() -> Histogram>,
    active_connections: Family<Service, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Service {
    service: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Action {
    service: &'static str,
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sent {
    service: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lost {
    service: &'static str,
    cause: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("sse_gateway"),
            connections: Family::default(),
            events_sent: Family::default(),
            events_lost: Family::default(),
            send_duration: Family::new_with_constructor(|| Histogram::new(SEND_BUCKETS)),
            active_connections: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "connections",
            "Streams by what happened to them: connect, replace (a connect that took another's place), disconnect",
            self.connections.clone(),
        );
        registry.register(
            "events_sent",
            "Events sent to the gateway, by its answer: ok, buffered, gone, rejected, completed, key_reused, not_taken, unknown",
            self.events_sent.clone(),
        );
        registry.register(
            "events_lost",
            "Events that who comes later does not get, by cause: full, trimmed, expired, rejected, completed",
            self.events_lost.clone(),
        );
        registry.register(
            "send_duration_seconds",
            "How long the gateway takes to answer a send",
            self.send_duration.clone(),
        );
        registry.register(
            "active_connections",
            "Identifiers with a live stream, as far as this process knows",
            self.active_connections.clone(),
        );
    }

    pub(crate) fn count_connection(&self, service: &'static str, action: &'static str) {
        self.connections.get_or_create(&Action { service, action }).inc();
    }

    pub(crate) fn count_lost(&self, service: &'static str, cause: &'static str, events: u64) {
        self.events_lost.get_or_create(&Lost { service, cause }).inc_by(events);
    }

    pub(crate) fn observe_send(
        &self,
        service: &'static str,
        status: &'static str,
        events: usize,
        duration: Duration,
    ) {
        self.events_sent.get_or_create(&Sent { service, status }).inc_by(events as u64);
        self.send_duration.get_or_create(&Service { service }).observe(duration.as_secs_f64());
    }

    /// Renders everything; the gauge of connections is what the map says now, never counted by hand.
    pub(crate) fn render(&self, connected: impl Iterator<Item = (&'static str, usize)>) -> String {
        for (service, count) in connected {
            let gauge = self.active_connections.get_or_create(&Service { service });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }
}

/// The last bucket lies above the send's limit of 2 s, so that a p99 near it can be seen.
const SEND_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 2.5];
