//! Bounds of connections and queues.

use std::time::Duration;

/// Bounds of connections and queues; every one has a stated behaviour at the bound.
#[derive(Clone, Debug)]
pub struct ConnectionSettings {
    /// How many identifiers are known at once, connected or with retained events. Past it a new one
    /// is refused: a connect with 503, a publish as full. Default 20,000.
    pub identifiers_max: usize,
    /// How many bytes of events are retained over all identifiers. Past it a log loses its passing
    /// events, a result is replaced by its fallback, and a queue refuses. Default 256 MiB.
    pub retained_bytes_max: usize,
    /// How many events a log retains; past it the oldest passing event goes. Default 1,000.
    pub log_events_max: usize,
    /// How many bytes a log retains; past it the oldest passing events go. Default 1 MiB.
    pub log_bytes_max: usize,
    /// How many undelivered events a queue retains; past it the oldest goes. Default 100.
    pub queue_events_max: usize,
    /// How many bytes a queue retains; past it the oldest go. Default 256 KiB.
    pub queue_bytes_max: usize,
    /// How long a queue retains an undelivered event. Default 10 min.
    pub queue_age_max: Duration,
    /// How many events travel in one request to a gateway that takes several. Default 100.
    pub batch_events_max: usize,
    /// How many bytes they may have together; a single larger event travels alone. Default 256 KiB.
    pub batch_bytes_max: usize,
    /// How many replaced streams of one identifier wait to be closed; past it a further client is
    /// refused with 503. Default 64.
    pub closing_max: usize,
    /// How many tokens that are over are remembered, for late disconnects and for disconnects that
    /// overtake their connect; past it the oldest is forgotten. Default 10,000.
    pub past_tokens_max: usize,
    /// How long they are remembered. Default 60 s.
    pub past_token_age_max: Duration,
    /// How long the gateway remembers a topic that is not used, its `TOPIC_AGE_MAX_SECONDS`. Every
    /// third of it, a log that has not ended is touched, so that its topic stays. Default 10 min.
    pub topic_age_max: Duration,
    /// How long nothing may be heard from the gateway's log before it is asked whether it is still
    /// the same, as long as there are logs to be published again if it is not. Default 1 s.
    pub epoch_check_interval: Duration,
    /// How often a connection on which nothing is sent is checked, so that a lost disconnect does not
    /// leave it behind. Default 60 s.
    pub idle_check_interval: Duration,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            identifiers_max: 20_000,
            retained_bytes_max: 256 << 20,
            log_events_max: 1_000,
            log_bytes_max: 1 << 20,
            queue_events_max: 100,
            queue_bytes_max: 256 << 10,
            queue_age_max: Duration::from_secs(600),
            batch_events_max: 100,
            batch_bytes_max: 256 << 10,
            closing_max: 64,
            past_tokens_max: 10_000,
            past_token_age_max: Duration::from_secs(60),
            topic_age_max: Duration::from_secs(600),
            epoch_check_interval: Duration::from_secs(1),
            idle_check_interval: Duration::from_secs(60),
        }
    }
}
