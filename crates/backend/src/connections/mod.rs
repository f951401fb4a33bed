//! Knows which identifier is on which stream, and sends each one's events in order.
//!
//! Knows nothing of tasks or versions: only identifiers, events, and how long events are retained.
//! [`registry`] decides everything without I/O; [`ConnectionManager`] carries it out; [`gateway`] is
//! the HTTP client. Nothing here holds a lock over I/O.

mod gateway;
mod manager;
mod memory;
mod message;
mod registry;
mod settings;

use std::time::Duration;

use crate::Event;

pub use manager::ConnectionManager;
pub use message::{Delivery, IfMissing, Message, PublishError};
pub(crate) use registry::ConnectError;
pub use settings::ConnectionSettings;

/// Time as the registry sees it: since the manager's start; never read from a clock in there.
pub(crate) type Time = Duration;

/// Makes the control that tells a client why its stream ends.
pub(crate) fn connection_close(reason: &str) -> Event {
    Event::named("connection_close", serde_json::json!({ "reason": reason }).to_string())
}
