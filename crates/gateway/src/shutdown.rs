//! The end: streams end cleanly, the backend hears of it, and nothing waits for ever.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{info, warn};

use crate::app::Gateway;
use crate::shard::{Command, Report};

/// What is kept of the budget for the process's own end.
const MARGIN: Duration = Duration::from_millis(300);
/// How long clients may take to close their side once everything else is done.
const DRAIN: Duration = Duration::from_millis(500);
/// How long answers under way may take after that.
const ANSWERS: Duration = Duration::from_millis(500);
/// How often the shards are asked whether their streams are gone.
const POLL: Duration = Duration::from_millis(20);

/// What a shutdown left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Streams that did not end in time.
    pub streams: usize,
    /// Connect and disconnect callbacks that did not end in time.
    pub callbacks: usize,
}

impl Gateway {
    /// Ends all streams and finishes callbacks within `SHUTDOWN_SECONDS`.
    ///
    /// Accepting stops at once and `/readyz` turns; streams still opening are dropped without an
    /// answer, open ones end cleanly. What the time cuts off is counted, logged and returned.
    pub async fn shut_down(mut self) -> ShutdownReport {
        let keeping = self.keeping.take();
        let shared = &self.shared;
        let deadline = Instant::now() + shared.config.shutdown.saturating_sub(MARGIN);
        shared.draining.cancel();
        info!("shutting down");
        // What is published before this stands in the inboxes, and goes out before the ends.
        shared.log.seal();
        for shard in &shared.shards {
            // A shard that is gone has no streams.
            let _ = shard.inbox.send(Command::ShutDown).await;
        }
        let ended = timeout_at(deadline, self.streams_ended()).await;
        shared.callbacks_running.close();
        let told = timeout_at(deadline, shared.callbacks_running.wait()).await;
        let mut report = ShutdownReport::default();
        if ended.is_err() {
            report.streams = self.abandon().await;
        }
        if told.is_err() {
            report.callbacks = shared.callbacks_running.len();
        }
        self.drained(deadline.min(Instant::now() + DRAIN)).await;
        shared.closing.cancel();
        shared.connections.close();
        // Who has not sent its request whole by then gets no answer.
        let _ = timeout_at(deadline.min(Instant::now() + ANSWERS), shared.connections.wait()).await;
        if let Some(keeping) = keeping
            && timeout_at(deadline + MARGIN, tokio::task::spawn_blocking(|| keeping.end())).await.is_err()
        {
            warn!("the disk is slow: the next start will take this end for a crash");
        }
        if report == ShutdownReport::default() {
            info!("shut down: every stream has ended and the backend knows");
        } else {
            warn!(streams = report.streams, callbacks = report.callbacks, "shut down: the time was over");
        }
        report
    }

    /// Waits until no stream has anything left to write, and every disconnect waits among the callbacks.
    async fn streams_ended(&self) {
        let has_ended = |Report { census, effects_waiting, .. }: &Report| {
            census.opening + census.open + census.outbox_bytes + effects_waiting == 0
        };
        while !self.shared.reports().await.iter().all(has_ended) {
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until clients have closed their side, so that no reset destroys what was written last.
    async fn drained(&self, deadline: Instant) {
        let gone = async {
            while self.shared.reports().await.iter().any(|report| report.census.ending > 0) {
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::select! {
            () = gone => {}
            () = sleep_until(deadline) => {}
        }
    }

    async fn abandon(&self) -> usize {
        let mut streams = 0;
        for shard in &self.shared.shards {
            let (answer, receiver) = oneshot::channel();
            if shard.inbox.send(Command::Abandon(answer)).await.is_ok() {
                streams += receiver.await.unwrap_or(0);
            }
        }
        streams
    }
}
