//! The thread that writes the log down.
//!
//! Commands come in a queue. Those that wait together are staged together, written and synced once, and
//! take effect together; then their offers go out and they are answered. While one batch is on its way
//! to the disk, the next one gathers: so one publisher waits for one sync, and many share it.

#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sse_gateway_engine::Time;
use sse_gateway_engine::log::Log;
use sse_gateway_store::{Batch, Disk, Journal, RESERVED_AHEAD, is_full};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::ledger::{Ledger, Unavailable};
use super::records;

/// How many commands may wait; whoever sends more waits.
pub(super) const JOBS_WAITING_MAX: usize = 4096;
/// How many commands share a write at most, and how many bytes until no more are added to it.
const JOBS_TOGETHER_MAX: usize = 1024;
const BATCH_BYTES_MAX: usize = 2 << 20;
/// More numbers than a batch can need: an event takes eight bytes of it at least.
const NUMBERS_TOGETHER_MAX: u64 = RESERVED_AHEAD / 2;

/// A command for the log.
pub(super) struct Job {
    /// Stages what it has to, and says how to answer once that is written.
    pub(super) command: Box<Command>,
    /// Whether its answer may be that of another command, which waits for the disk too.
    pub(super) may_repeat: bool,
}
type Command = dyn FnOnce(&mut Log, Time) -> Answer + Send;
/// Answers a command: that it was kept, or why not.
pub(super) type Answer = Box<dyn FnOnce(Result<(), Unavailable>) + Send>;

/// Owns the journal of a log.
pub(super) struct Scribe<D: Disk> {
    ledger: Arc<Ledger>,
    jobs: mpsc::Receiver<Job>,
    journal: Journal<D>,
    batch: Batch,
    /// Whether the last write failed; told once.
    is_failing: bool,
}

/// A command that waits for the disk.
struct Staged {
    answer: Answer,
    needs_disk: bool,
}

impl<D: Disk> Scribe<D> {
    pub(super) fn new(ledger: Arc<Ledger>, jobs: mpsc::Receiver<Job>, journal: Journal<D>) -> Self {
        let scribe = Self { ledger, jobs, journal, batch: Batch::new(), is_failing: false };
        scribe.tell_numbers();
        scribe
    }

    /// Works on the calling thread until `ended`; then marks that the log ended in order.
    pub(super) fn run(
        mut self,
        sync_interval: Option<Duration>,
        ended: &CancellationToken,
    ) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(async {
            let mut timer = sync_interval.map(timer);
            loop {
                tokio::select! {
                    biased;
                    () = ended.cancelled() => break,
                    () = tick(&mut timer) => self.sync(),
                    job = self.jobs.recv() => match job {
                        Some(job) => self.write(job).await,
                        None => break,
                    },
                }
            }
        });
        self.write_handed();
        if let Err(error) = self.journal.close() {
            error!(%error, "the log could not be closed in order; the next start takes this for a crash");
        }
        Ok(())
    }

    /// Carries out this command and those that wait behind it.
    async fn write(&mut self, first: Job) {
        if !self.has_numbers() {
            // Dropped, and so refused.
            return;
        }
        let staged = self.stage(first);
        let newest = self.ledger.with_state(|state, _| state.log.newest());
        let written = self.journal.append(&mut self.batch, newest);
        self.batch.clear();
        self.tell(&written);
        self.tell_numbers();
        self.ledger.places().await.conclude(|log, now| match &written {
            Ok(()) => log.commit(now),
            Err(_) => log.fail(now),
        });
        for Staged { answer, needs_disk } in staged {
            let lost = needs_disk && written.is_err();
            answer(if lost { Err(Unavailable::NotWritten) } else { Ok(()) });
        }
    }

    /// What was read since the last batch would be handed again after the restart.
    fn write_handed(&mut self) {
        let newest = self.ledger.with_state(|state, now| {
            records::push_handed(&mut self.batch, &mut state.log, now);
            state.log.newest()
        });
        let written = self.journal.append(&mut self.batch, newest);
        self.tell(&written);
    }

    /// Whether there are numbers for a whole batch that no later life of the log gives out again.
    fn has_numbers(&mut self) -> bool {
        let newest = self.ledger.with_state(|state, _| state.log.newest());
        if newest + NUMBERS_TOGETHER_MAX <= self.journal.reserved_through() {
            return true;
        }
        let reserved = self.journal.append(&mut self.batch, newest);
        self.tell(&reserved);
        self.tell_numbers();
        reserved.is_ok()
    }

    /// Says how many numbers others may give out beside a batch.
    fn tell_numbers(&self) {
        let through = self.journal.reserved_through().saturating_sub(NUMBERS_TOGETHER_MAX);
        self.ledger.with_state(|state, _| state.numbers_through = through);
    }

    fn stage(&mut self, first: Job) -> Vec<Staged> {
        let Self { ledger, jobs, batch, .. } = self;
        ledger.with_state(|state, now| {
            let mut staged = Vec::new();
            let mut next = Some(first);
            while let Some(Job { command, may_repeat }) = next.filter(|_| !state.sealed) {
                let mark = state.log.mark();
                let answer = command(&mut state.log, now);
                let mut needs_disk = may_repeat;
                for change in state.log.staged_since(mark) {
                    needs_disk = true;
                    records::push(batch, &change, now);
                }
                staged.push(Staged { answer, needs_disk });
                let has_room = staged.len() < JOBS_TOGETHER_MAX && batch.len() < BATCH_BYTES_MAX;
                next = if has_room { jobs.try_recv().ok() } else { None };
            }
            records::push_handed(batch, &mut state.log, now);
            staged
        })
    }

    fn sync(&mut self) {
        let synced = self.journal.sync();
        self.tell(&synced);
    }

    /// Says when the disk begins to fail, and when it works again.
    fn tell(&mut self, outcome: &io::Result<()>) {
        match outcome {
            Ok(()) if std::mem::take(&mut self.is_failing) => info!("the log is written again"),
            Ok(()) => {}
            Err(error) if !std::mem::replace(&mut self.is_failing, true) => {
                let full = is_full(error);
                error!(%error, full, "the log cannot be written: publishes are refused with 507 until it can");
            }
            Err(_) => {}
        }
    }
}

fn timer(every: Duration) -> Interval {
    let mut timer = interval(every);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}

async fn tick(timer: &mut Option<Interval>) {
    match timer {
        Some(timer) => drop(timer.tick().await),
        None => std::future::pending().await,
    }
}
