//! Waits that end.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// How long anything may take before a test fails: far above what a loaded machine needs.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// How often a condition that cannot notify is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Waits for a future.
///
/// # Panics
/// After [`DEADLINE`], naming what did not come.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("did not come within {DEADLINE:?}: {what}"),
    }
}

/// Looks at a condition until it holds, for what only polling can tell, such as a metric.
///
/// # Panics
/// After [`DEADLINE`], naming what did not come.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition().await {
        assert!(Instant::now() < end, "did not come true within {DEADLINE:?}: {what}");
        sleep(POLL_INTERVAL).await;
    }
}
