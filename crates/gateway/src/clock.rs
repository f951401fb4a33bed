//! The time of all engines.

use std::time::Instant;

use sse_gateway_engine::Time;

/// Tells the log and every shard the same time: a number of the one means as much to the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now(self) -> Time {
        Time::after_origin(self.origin.elapsed())
    }

    /// Gives the moment of a time, for a timer.
    pub(crate) fn instant(self, time: Time) -> Instant {
        self.origin + time.since_origin()
    }
}
