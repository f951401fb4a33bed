//! A log on the local disk: opened, written down, cleaned, and closed in order.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use sse_gateway_engine::log::{Log, LogLimits};
use sse_gateway_protocol::{Epoch, Seq};
use sse_gateway_store::{
    Bounds, Cleaner, Directory, Error, Fresh, Options, Published, Recovery, Retention, SyncMode,
};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::ledger::Ledger;
use super::records;
use super::scribe::{JOBS_WAITING_MAX, Scribe};
use crate::app::supervise;
use crate::clock::{Clock, of_unix_ms, to_unix_ms};
use crate::config::Disk;
use crate::shard::Command;

/// How often old segments are looked for.
const CLEANING_INTERVAL: Duration = Duration::from_secs(1);

/// The log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("LOG={}: {error}", .directory.display())]
pub struct OpenError {
    directory: PathBuf,
    error: Error,
}

/// The threads that keep a log on the disk.
#[derive(Debug)]
pub(crate) struct Keeping {
    ended: CancellationToken,
    scribe: JoinHandle<()>,
    cleaner: JoinHandle<()>,
}

impl Keeping {
    /// Marks that the log ended in order, once nothing more can be published; blocks until it is so.
    pub(crate) fn end(self) {
        self.ended.cancel();
        // A thread that panicked has said so; the next start finds a log that ended in a crash.
        let _ = self.scribe.join();
        let _ = self.cleaner.join();
    }
}

/// Reads what is there, and begins to keep it; the threads end with `stopped` at the latest.
pub(crate) fn open(
    disk: &Disk,
    limits: LogLimits,
    inboxes: Box<[mpsc::Sender<Command>]>,
    clock: Clock,
    stopped: &CancellationToken,
) -> Result<(Arc<Ledger>, Keeping), OpenError> {
    let failed = |error| OpenError { directory: disk.directory.clone(), error };
    let sync = if disk.sync_interval.is_some() { SyncMode::Interval } else { SyncMode::Always };
    let options = Options::new(sync, limits.log_bytes_max as u64, limits.topic_age_max);
    let recovery = recover(&disk.directory, options).map_err(failed)?;
    let (epoch, next, forgotten_through) =
        (recovery.epoch.clone(), recovery.next, recovery.forgotten_through);
    let (now, age_max) = (clock.now(), limits.topic_age_max);
    let mut log = Log::new(limits, epoch, 1).written_down();
    let (journal, cleaner) =
        recovery.replay(|record| records::restore(&mut log, &record, now)).map_err(failed)?;
    log.restored(next, forgotten_through, now);
    let census = log.census();
    info!(directory = %disk.directory.display(), topics = census.topics, bytes = census.bytes, "log read");

    let (jobs, waiting) = mpsc::channel(JOBS_WAITING_MAX);
    let ledger = Arc::new(Ledger::of(log, inboxes, clock, Some(jobs)));
    let ended = stopped.child_token();
    let scribe = spawn("log-scribe", {
        let (scribe, ended) = (Scribe::new(Arc::clone(&ledger), waiting, journal), ended.clone());
        let sync_interval = disk.sync_interval;
        move || scribe.run(sync_interval, &ended)
    });
    let cleaner = spawn("log-cleaner", {
        let (ledger, ended) = (Arc::clone(&ledger), ended.clone());
        move || clean(cleaner, &mut Remembered { ledger: &ledger, clock, age_max }, &ended)
    });
    let threads = scribe.and_then(|scribe| Ok((scribe, cleaner?)));
    let (scribe, cleaner) = threads.map_err(|error| failed(Error::Disk(error)))?;
    Ok((ledger, Keeping { ended, scribe, cleaner }))
}

fn recover(directory: &Path, options: Options) -> Result<Recovery<Directory>, Error> {
    let (epoch, secret) = uuid::Uuid::new_v4().as_u64_pair();
    let fresh = Fresh { epoch: Epoch::from_random(epoch), secret };
    let lossy = options.sync == SyncMode::Interval;
    let recovery = Recovery::open(Directory::open(directory)?, options, fresh)?;
    if let Some(torn) = &recovery.torn {
        warn!(?torn, "a write that a crash left unfinished is cut off; nobody was told that it counts");
    }
    if recovery.unclean && lossy {
        warn!("the log did not end in order, and may have lost what was not synced: its epoch is new");
    }
    Ok(recovery)
}

fn spawn(name: &str, run: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(|| supervise(run))
}

/// Gives disk back, until `ended`.
fn clean(
    mut cleaner: Cleaner<Directory>,
    remembered: &mut Remembered<'_>,
    ended: &CancellationToken,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    loop {
        let pause = async { ended.run_until_cancelled(sleep(CLEANING_INTERVAL)).await };
        if runtime.block_on(pause).is_none() {
            return Ok(());
        }
        while !ended.is_cancelled() {
            match cleaner.clean(remembered, to_unix_ms(remembered.clock.now())) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    warn!(%error, "old records of the log could not be removed; the next look tries again");
                    break;
                }
            }
        }
    }
}

/// What the log says about old records.
struct Remembered<'a> {
    ledger: &'a Ledger,
    clock: Clock,
    age_max: Duration,
}

impl Retention for Remembered<'_> {
    fn remembers(&mut self, published: &Published<'_>) -> bool {
        let key = published.key.map(|key| key.text);
        let numbers = (published.first, published.last());
        // One without events has made its topic, or kept it.
        let is_young = published.events.is_empty()
            && of_unix_ms(published.at_ms) + self.age_max > self.clock.now()
            && self.ledger.describe(published.topic).is_some();
        is_young || self.ledger.with_state(|state, _| state.log.remembers(published.topic, numbers, key))
    }

    fn bounds(&mut self, topic: &str) -> Option<Bounds> {
        let now = self.clock.now();
        self.ledger.with_state(|state, _| {
            let bounds = state.log.bounds(topic, now)?;
            Some(records::stored(bounds, &state.log))
        })
    }

    fn forgotten_through(&mut self) -> Seq {
        self.ledger.with_state(|state, _| state.log.forgotten_through())
    }
}
