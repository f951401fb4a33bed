//! Metrics of topics: what is published, what the log holds, what late readers get.

use std::sync::atomic::Ordering;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use sse_gateway_engine::Tally;
use sse_gateway_engine::log::LogCensus;
use sse_gateway_protocol::code::Code;

use super::metrics::{Counters, Metric, metric, put, register};
use crate::shard::Report;

pub(super) const PUBLISHES: Metric =
    metric("sse_gateway_publishes_total", &["outcome"], "Publishes by outcome");
pub(super) const PUBLISHED: Metric =
    metric("sse_gateway_published_events_total", &[], "Events that topics took");
pub(super) const TOPICS: Metric = metric("sse_gateway_topics", &[], "Topics, complete ones included");
pub(super) const LOG_BYTES: Metric =
    metric("sse_gateway_log_bytes", &[], "Bytes that topics keep, what holds the events included");
pub(super) const REPLAYED: Metric = metric(
    "sse_gateway_replayed_events_total",
    &[],
    "Topic events that streams got from the log because they came or read late",
);
pub(super) const GAPS: Metric = metric(
    "sse_gateway_gaps_total",
    &["reason"],
    "Gaps that clients were told of: expired, future, epoch, unknown",
);
pub(super) const LAGS: Metric = metric(
    "sse_gateway_lags_total",
    &[],
    "How often a live stream had no room for a topic event and went on from the log",
);
pub(super) const REPLACED: Metric = metric(
    "sse_gateway_replaced_streams_total",
    &[],
    "Streams that ended because another took an exclusive topic over",
);

/// Every way in which a publish can end.
const OUTCOMES: [&str; 8] =
    ["ok", "rejected", "completed", "key_reused", "too_large", "topics_full", "log_full", "shutting_down"];

/// The counters of topics.
#[derive(Debug)]
pub(crate) struct TopicMetrics {
    publishes: Counters,
    published: Counter,
    topics: Gauge,
    log_bytes: Gauge,
    replayed: Counter,
    gaps: Counters,
    lags: Counter,
    replaced: Counter,
}

impl TopicMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let publishes = register(registry, &PUBLISHES, Counters::default());
        // A rate over a counter that appears with its first event misses that event.
        for outcome in OUTCOMES {
            drop(publishes.get_or_create(&[("outcome", outcome)]));
        }
        Self {
            publishes,
            published: register(registry, &PUBLISHED, Counter::default()),
            topics: register(registry, &TOPICS, Gauge::default()),
            log_bytes: register(registry, &LOG_BYTES, Gauge::default()),
            replayed: register(registry, &REPLAYED, Counter::default()),
            gaps: register(registry, &GAPS, Counters::default()),
            lags: register(registry, &LAGS, Counter::default()),
            replaced: register(registry, &REPLACED, Counter::default()),
        }
    }

    pub(crate) fn published(&self, events: usize) {
        self.publishes.get_or_create(&[("outcome", "ok")]).inc();
        self.published.inc_by(events as u64);
    }

    pub(crate) fn publish_refused(&self, code: Code) {
        let outcome = match code {
            Code::TopicCompleted => "completed",
            Code::KeyReused => "key_reused",
            Code::EventTooLarge => "too_large",
            Code::TopicsFull => "topics_full",
            Code::LogFull => "log_full",
            Code::ShuttingDown => "shutting_down",
            _ => "rejected",
        };
        self.publishes.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// Takes what others have counted.
    pub(super) fn take(&self, reports: &[Report], log: LogCensus) {
        let tally = |count: &dyn Fn(&Tally) -> u64| -> u64 {
            reports.iter().map(|report| count(&report.tally)).sum()
        };
        self.topics.set(log.topics as i64);
        self.log_bytes.set(log.bytes as i64);
        for (counter, count) in [
            (&self.replayed, tally(&|tally| tally.replayed)),
            (&self.lags, tally(&|tally| tally.lags)),
            (&self.replaced, tally(&|tally| tally.replaced)),
        ] {
            counter.inner().store(count, Ordering::Relaxed);
        }
        for (index, reason) in Tally::GAPS.into_iter().enumerate() {
            put(&self.gaps, ("reason", reason), tally(&|tally| tally.gaps[index]));
        }
    }
}
