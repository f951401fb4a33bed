//! Lets old events, keys and topics go when they are due.

use std::time::Duration;

use tokio::time::{sleep, sleep_until};

use super::Ledger;

/// The least time between two looks at what is due: many topics age one shortly after the other.
const LOOKS_APART: Duration = Duration::from_millis(50);

/// Runs until it is cancelled; sleeps as long as nothing is due.
pub(crate) async fn age(ledger: &Ledger) {
    loop {
        match ledger.tick() {
            Some(due) => tokio::select! {
                () = sleep_until(due.into()) => {}
                () = ledger.due_sooner() => {}
            },
            None => ledger.due_sooner().await,
        }
        sleep(LOOKS_APART).await;
    }
}
