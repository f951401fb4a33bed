//! What all threads of a gateway share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::Config;
use crate::listener::Accepted;
use crate::log::Ledger;
use crate::shard::{Command, Report};
use crate::telemetry::Metrics;

/// The settings, the bounds over all shards, and the way to each shard.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// A shutdown has begun: nothing new is taken, streams end.
    pub(crate) draining: CancellationToken,
    /// The shutdown's last step: connections close after their current answer.
    pub(crate) closing: CancellationToken,
    /// The gateway is gone: its threads end, with whatever they still hold.
    pub(crate) stopped: CancellationToken,
    /// Places for streams. A place is taken when a stream begins and given back when its
    /// disconnect is issued, so that disconnects waiting for a slow backend are bounded too.
    pub(crate) places: Semaphore,
    /// Places for callbacks, first come, first served.
    pub(crate) callbacks: Arc<Semaphore>,
    /// Connects and disconnects that a shutdown waits for.
    pub(crate) callbacks_running: TaskTracker,
    /// Connections that still have requests; a shutdown lets them finish their current answer.
    pub(crate) connections: TaskTracker,
    /// Told when the outboxes hold more than they may, all together.
    pub(crate) overfull: Notify,
    pub(crate) shards: Box<[ShardHandle]>,
    pub(crate) log: Arc<Ledger>,
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
}

/// The way to a shard from other threads.
#[derive(Debug)]
pub(crate) struct ShardHandle {
    pub(crate) inbox: mpsc::Sender<Command>,
    /// The way to its worker for a connection that was accepted by another.
    pub(crate) connections: mpsc::Sender<Accepted>,
    /// What its outboxes hold, as it last said.
    pub(crate) outbox_bytes: AtomicUsize,
}

impl Shared {
    /// Counts what the outboxes of all shards but one hold.
    pub(crate) fn elsewhere_bytes(&self, here: usize) -> usize {
        let others = self.shards.iter().enumerate().filter(|(index, _)| *index != here);
        others.map(|(_, shard)| shard.outbox_bytes.load(Ordering::Relaxed)).sum()
    }

    fn outbox_bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.outbox_bytes.load(Ordering::Relaxed)).sum()
    }

    /// Whether the outboxes hold more than they may.
    pub(crate) fn is_overfull(&self) -> bool {
        self.outbox_bytes() > self.config.streams.outbox_bytes_total_max
    }

    /// Asks every shard, one after the other; a shard that is gone is left out.
    pub(crate) async fn ask_all<T>(
        &self,
        command: impl Fn(oneshot::Sender<T>) -> Command,
    ) -> Vec<(usize, T)> {
        let mut answers = Vec::with_capacity(self.shards.len());
        for (index, shard) in self.shards.iter().enumerate() {
            let (sender, receiver) = oneshot::channel();
            if shard.inbox.send(command(sender)).await.is_ok()
                && let Ok(answer) = receiver.await
            {
                answers.push((index, answer));
            }
        }
        answers
    }

    /// Sums up the counters of all shards.
    pub(crate) async fn reports(&self) -> Vec<Report> {
        self.ask_all(Command::Report).await.into_iter().map(|(_, report)| report).collect()
    }
}

/// Closes the fullest stream as slow, as long as the outboxes hold too much, until cancelled.
pub(crate) async fn shed(shared: &Shared) {
    loop {
        shared.overfull.notified().await;
        while shared.is_overfull() {
            let fullest =
                shared.ask_all(Command::FullestBytes).await.into_iter().max_by_key(|(_, bytes)| *bytes);
            let Some((shard, 1..)) = fullest else { break };
            let (sender, receiver) = oneshot::channel();
            if shared.shards[shard].inbox.send(Command::ShedFullest(sender)).await.is_err() {
                break;
            }
            // An error says that the shard is gone, and the next round finds that out.
            let _ = receiver.await;
        }
    }
}
