//! Time as the engine sees it.

use std::ops::Add;
use std::time::Duration;

/// Microseconds since an origin that the driver chooses; never read from a clock in here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(u64);

impl Time {
    /// Makes the time that lies this far after the origin.
    #[must_use]
    pub fn after_origin(elapsed: Duration) -> Self {
        Self(micros(elapsed))
    }

    /// Gives the distance from the origin.
    #[must_use]
    pub fn since_origin(self) -> Duration {
        Duration::from_micros(self.0)
    }

    pub(crate) fn as_micros(self) -> u64 {
        self.0
    }

    pub(crate) fn from_micros(micros: u64) -> Self {
        Self(micros)
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, duration: Duration) -> Time {
        Self(self.0.saturating_add(micros(duration)))
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
