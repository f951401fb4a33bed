//! The bounds of the log.

use std::time::Duration;

/// How much the log remembers.
#[derive(Clone, Debug)]
pub struct LogLimits {
    /// How many events a topic keeps; past it the oldest go.
    pub topic_events_max: usize,
    /// How many bytes of events a topic keeps; past it the oldest go.
    pub topic_bytes_max: usize,
    /// How long an event, an idempotency key, a completion and an idle topic are kept; an event may
    /// stay up to a 64th longer.
    pub topic_age_max: Duration,
    /// How many bytes all topics keep, what holds the events included; past it the oldest go.
    pub log_bytes_max: usize,
    /// How many topics there are; past it a new one is refused.
    pub topics_max: usize,
    /// How many bytes the events of one publish may have together.
    pub publish_bytes_max: usize,
}
