//! Metrics, in Prometheus' terms.
//!
//! Shards count for themselves, without sharing; their counters are summed up when somebody asks.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use sse_gateway_engine::log::LogCensus;
use sse_gateway_engine::{Cut, Loss, Tally};

use super::topics::{self, TopicMetrics};
use crate::callbacks::Outcome;
use crate::shard::Report;

/// A metric of the gateway, as the documentation lists it.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name that queries use.
    pub name: &'static str,
    /// Its label names.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub help: &'static str,
}

pub(super) const fn metric(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, labels, help }
}

const STREAMS: Metric = metric("sse_gateway_streams", &["state"], "Streams by state: opening, open, ending");
const CONNECTS: Metric = metric("sse_gateway_connects_total", &["outcome"], "Connects by outcome");
const TRANSIENT_REFUSALS: Metric = metric(
    "sse_gateway_transient_refusals_total",
    &["reason"],
    "Clients that were refused and told to come back, by reason",
);
const EVENTS: Metric =
    metric("sse_gateway_events_total", &["stage"], "Events: accepted from senders, written to clients");
const BYTES: Metric = metric("sse_gateway_bytes_written_total", &[], "Bytes written to clients");
const SENDS: Metric = metric("sse_gateway_sends_total", &["outcome"], "Sends by outcome");
const CLOSES: Metric = metric("sse_gateway_closes_total", &["reason"], "Ends of accepted streams by reason");
const CUTS: Metric = metric(
    "sse_gateway_cuts_total",
    &["cause"],
    "Streams cut off by the gateway: slow, stalled, vanished, input",
);
const CALLBACK_DURATION: Metric = metric(
    "sse_gateway_callback_duration_seconds",
    &["action", "outcome"],
    "How long callbacks took, connecting and the answer's body included",
);
const OUTBOX_BYTES: Metric =
    metric("sse_gateway_outbox_bytes", &[], "Bytes in outboxes, kept events included");
const UNDELIVERED: Metric = metric(
    "sse_gateway_undelivered_events_total",
    &["cause"],
    "Events acknowledged but not delivered: refused, client_left, slow, shutdown",
);

/// Every metric of `/internal/metrics`.
pub const METRICS: &[Metric] = &[
    STREAMS,
    CONNECTS,
    TRANSIENT_REFUSALS,
    EVENTS,
    BYTES,
    SENDS,
    CLOSES,
    CUTS,
    CALLBACK_DURATION,
    OUTBOX_BYTES,
    UNDELIVERED,
    topics::PUBLISHES,
    topics::PUBLISHED,
    topics::TOPICS,
    topics::LOG_BYTES,
    topics::REPLAYED,
    topics::GAPS,
    topics::LAGS,
    topics::REPLACED,
];

/// Up to the longest callback timeout that is usual; the default is 5 s.
const CALLBACK_BUCKETS: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

type OneLabel = [(&'static str, &'static str); 1];
type TwoLabels = [(&'static str, &'static str); 2];
pub(super) type Counters = Family<OneLabel, Counter>;

/// The counters of a gateway.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    streams: Family<OneLabel, Gauge>,
    connects: Counters,
    transient_refusals: Counters,
    events: Counters,
    bytes: Counter,
    sends: Counters,
    closes: Counters,
    cuts: Counters,
    callback_duration: Family<TwoLabels, Histogram>,
    outbox_bytes: Gauge,
    undelivered: Counters,
    rejected: Counter,
    to_nobody: Counter,
    pub(crate) topics: TopicMetrics,
}

/// Every way in which a connect can end.
const CONNECT_OUTCOMES: [&str; 14] = [
    "accepted",
    "unauthorized",
    "forbidden",
    "refused",
    "timeout",
    "unavailable",
    "invalid_answer",
    "client_left",
    "not_configured",
    "streams_full",
    "topics_full",
    "log_full",
    "over",
    "shutting_down",
];

/// Every reason for which a client is told to come back.
const TRANSIENT_REASONS: [&str; 6] = [
    "draining",
    "not_configured",
    "overloaded",
    "backend_timeout",
    "backend_unavailable",
    "backend_overloaded",
];

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let metrics = Self {
            streams: register(&mut registry, &STREAMS, Family::default()),
            connects: register(&mut registry, &CONNECTS, Counters::default()),
            transient_refusals: register(&mut registry, &TRANSIENT_REFUSALS, Counters::default()),
            events: register(&mut registry, &EVENTS, Counters::default()),
            bytes: register(&mut registry, &BYTES, Counter::default()),
            sends: register(&mut registry, &SENDS, Counters::default()),
            closes: register(&mut registry, &CLOSES, Counters::default()),
            cuts: register(&mut registry, &CUTS, Counters::default()),
            callback_duration: register(
                &mut registry,
                &CALLBACK_DURATION,
                Family::new_with_constructor(|| Histogram::new(CALLBACK_BUCKETS)),
            ),
            outbox_bytes: register(&mut registry, &OUTBOX_BYTES, Gauge::default()),
            undelivered: register(&mut registry, &UNDELIVERED, Counters::default()),
            rejected: Counter::default(),
            to_nobody: Counter::default(),
            topics: TopicMetrics::new(&mut registry),
            registry,
        };
        // A rate over a counter that appears with its first event misses that event.
        for outcome in CONNECT_OUTCOMES {
            drop(metrics.connects.get_or_create(&[("outcome", outcome)]));
        }
        for reason in TRANSIENT_REASONS {
            drop(metrics.transient_refusals.get_or_create(&[("reason", reason)]));
        }
        metrics
    }

    pub(crate) fn connect(&self, outcome: &'static str) {
        debug_assert!(CONNECT_OUTCOMES.contains(&outcome), "{outcome}");
        self.connects.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// A client was refused, for a reason that passes.
    pub(crate) fn transient_refusal(&self, reason: &'static str) {
        debug_assert!(TRANSIENT_REASONS.contains(&reason), "{reason}");
        self.transient_refusals.get_or_create(&[("reason", reason)]).inc();
    }

    /// A send was refused before its stream was looked for.
    pub(crate) fn send_rejected(&self) {
        self.rejected.inc();
    }

    /// A send named a token that can be none.
    pub(crate) fn send_to_nobody(&self) {
        self.to_nobody.inc();
    }

    pub(crate) fn callback(&self, action: &'static str, outcome: &Outcome, took: Duration) {
        let outcome = match outcome {
            Outcome::Accepted(_) => "accepted",
            Outcome::Refused(_) => "refused",
            Outcome::TooLarge => "invalid_answer",
            Outcome::TimedOut { .. } => "timeout",
            Outcome::Failed { .. } => "unavailable",
        };
        let labels = [("action", action), ("outcome", outcome)];
        self.callback_duration.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Writes everything as text, with what the shards have counted and the log holds at this moment.
    pub(crate) fn encode(&self, reports: &[Report], log: LogCensus) -> Result<String, fmt::Error> {
        self.take(reports);
        self.topics.take(reports, log);
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn take(&self, reports: &[Report]) {
        let census = |count: fn(&Report) -> usize| reports.iter().map(count).sum::<usize>() as i64;
        let tally = |count: &dyn Fn(&Tally) -> u64| reports.iter().map(|report| count(&report.tally)).sum();
        for (state, streams) in [
            ("opening", census(|report| report.census.opening)),
            ("open", census(|report| report.census.open)),
            ("ending", census(|report| report.census.ending)),
        ] {
            self.streams.get_or_create(&[("state", state)]).set(streams);
        }
        self.outbox_bytes.set(census(|report| report.census.outbox_bytes));
        put(&self.events, ("stage", "accepted"), tally(&|tally| tally.events_accepted));
        put(&self.events, ("stage", "written"), tally(&|tally| tally.events_written));
        self.bytes.inner().store(tally(&|tally| tally.bytes_written), Ordering::Relaxed);
        for (index, outcome) in Tally::SENDS.into_iter().enumerate() {
            let extra = if outcome == "not_found" { self.to_nobody.get() } else { 0 };
            put(&self.sends, ("outcome", outcome), extra + tally(&|tally| tally.sends[index]));
        }
        put(&self.sends, ("outcome", "rejected"), self.rejected.get());
        for (index, reason) in Tally::CLOSES.into_iter().enumerate() {
            put(&self.closes, ("reason", reason), tally(&|tally| tally.closes[index]));
        }
        for (index, cause) in Cut::NAMES.into_iter().enumerate() {
            put(&self.cuts, ("cause", cause), tally(&|tally| tally.cuts[index]));
        }
        for (index, cause) in Loss::NAMES.into_iter().enumerate() {
            put(&self.undelivered, ("cause", cause), tally(&|tally| tally.undelivered[index]));
        }
    }
}

pub(super) fn register<M>(registry: &mut Registry, metric: &Metric, value: M) -> M
where
    M: prometheus_client::registry::Metric + Clone,
{
    // The encoder adds a counter's suffix itself.
    let name = metric.name.strip_suffix("_total").unwrap_or(metric.name);
    registry.register(name, metric.help, value.clone());
    value
}

/// Sets a counter to a sum that other threads have counted up.
pub(super) fn put(counters: &Counters, label: (&'static str, &'static str), value: u64) {
    counters.get_or_create(&[label]).inner().store(value, Ordering::Relaxed);
}
