//! The time of all engines.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sse_gateway_engine::Time;

/// Tells the log and every shard the same time: a number of the one means as much to the other.
///
/// It counts from 1970, as the system's clock says at the start, so that it means something to the
/// next life of a log on a disk; from there on it only goes forward, whatever that clock does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
    at_origin: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let at_origin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { origin: Instant::now(), at_origin }
    }

    pub(crate) fn now(self) -> Time {
        Time::after_origin(self.at_origin + self.origin.elapsed())
    }

    /// Gives the moment of a time, for a timer.
    pub(crate) fn instant(self, time: Time) -> Instant {
        self.origin + time.since_origin().saturating_sub(self.at_origin)
    }
}

/// Gives a time in milliseconds since 1970.
pub(crate) fn to_unix_ms(time: Time) -> u64 {
    u64::try_from(time.since_origin().as_millis()).unwrap_or(u64::MAX)
}

/// Takes a time in milliseconds since 1970.
pub(crate) fn of_unix_ms(ms: u64) -> Time {
    Time::after_origin(Duration::from_millis(ms))
}
