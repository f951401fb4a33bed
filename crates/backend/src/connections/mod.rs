//! Brings the events of identifiers to the streams that listen, each in order.
//!
//! Knows nothing of tasks or versions: only identifiers, events, and how long events are retained.
//! [`ConnectionManager`] is what services see; whether the gateway has topics, they do not.
//! [`ways`] chooses: [`publisher`] decides everything for gateways with topics, [`registry`] for those
//! without, where the map from identifiers to tokens is ours to keep; both without I/O. [`driver`]
//! carries out what they decide, and [`gateway`] is the HTTP client. Nothing here holds a lock over
//! I/O.

mod driver;
mod gateway;
mod loss;
mod manager;
mod memory;
mod message;
mod publisher;
mod registry;
mod settings;
mod ways;

use std::time::Duration;

use crate::Event;

pub use gateway::PipeError;
pub use manager::ConnectionManager;
pub use message::{Delivery, IfMissing, Message, PublishError};
pub(crate) use registry::ConnectError;
pub use settings::ConnectionSettings;
pub(crate) use ways::{Features, Seats};

/// Time as the rules see it: since the manager's start; never read from a clock in there.
pub(crate) type Time = Duration;

/// Makes the control that tells a client why its stream ends.
pub(crate) fn connection_close(reason: &str) -> Event {
    Event::named("connection_close", serde_json::json!({ "reason": reason }).to_string())
}

/// Gives how long to wait after a request that was not taken, and so many before it.
fn backoff_after(attempts: u32) -> Duration {
    doubled(BACKOFF, attempts, BACKOFF_MAX)
}

fn doubled(first: Duration, times: u32, max: Duration) -> Duration {
    first.saturating_mul(1 << times.min(16)).min(max)
}

const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
