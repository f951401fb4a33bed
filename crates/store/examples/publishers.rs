//! Measures group commit on the disk of a folder: how many events a second 1, 16 and 256 publishers
//! get through, each waiting for its sync, beside the time of a bare append and sync.
//!
//! ```sh
//! cargo run --release -p sse-gateway-store --example publishers -- target/publishers
//! ```
#![expect(clippy::print_stdout, reason = "the figures are for whoever runs it")]

use std::collections::VecDeque;
use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sse_gateway_protocol::{Epoch, Seq};
use sse_gateway_store::{Batch, Directory, Fresh, Options, Published, Record, Recovery, SyncMode};

const ROUND: Duration = Duration::from_secs(3);
const EVENT: [u8; 150] = [b'x'; 150];
const LOG_BYTES_MAX: u64 = 256 << 20;
const AGE_MAX: Duration = Duration::from_secs(600);

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder that does not exist")?;
    let folder = Path::new(&folder);
    println!("publishers |  events/s | p50 us | p99 us | events a sync | bare sync p50 us | p99 us");
    for publishers in [1, 16, 256] {
        fs::create_dir(folder)?;
        let mut bare = bare_syncs(&folder.join("bare"))?;
        let measured = measure(&folder.join("log"), publishers);
        fs::remove_dir_all(folder)?;
        let (mut waits, syncs, elapsed) = measured?;
        let (p50, p99) = percentiles(&mut waits);
        let (bare_p50, bare_p99) = percentiles(&mut bare);
        let rate = waits.len() as f64 / elapsed.as_secs_f64();
        let a_sync = waits.len() as f64 / syncs as f64;
        println!(
            "{publishers:10} | {rate:9.0} | {p50:6} | {p99:6} | {a_sync:13.1} | {bare_p50:16} | {bare_p99:6}"
        );
    }
    Ok(())
}

/// Appends a block and syncs it, again and again.
fn bare_syncs(path: &Path) -> std::io::Result<Vec<Duration>> {
    let mut file = File::create(path)?;
    let (begun, mut waits) = (Instant::now(), Vec::new());
    while begun.elapsed() < ROUND / 3 {
        let at = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        waits.push(at.elapsed());
    }
    Ok(waits)
}

/// Where publishers and the committer meet.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    published: Condvar,
    answered: Condvar,
}

#[derive(Default)]
struct State {
    newest: Seq,
    committed: Seq,
    over: bool,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(condition: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        condition.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Plays all publishers: who is answered publishes again, one after the other. Gives how long each
    /// publish took.
    fn publish(&self, publishers: usize) -> Vec<Duration> {
        let (mut waits, mut open) = (Vec::new(), VecDeque::new());
        let mut idle = publishers;
        loop {
            for _ in 0..idle {
                open.push_back(Instant::now());
                self.lock().newest += 1;
                self.published.notify_one();
            }
            let mut state = self.lock();
            while state.committed as usize == waits.len() && !state.over {
                state = Self::wait(&self.answered, state);
            }
            if state.over {
                return waits;
            }
            idle = state.committed as usize - waits.len();
            drop(state);
            waits.extend(open.drain(..idle).map(|at| at.elapsed()));
        }
    }
}

type Measured = (Vec<Duration>, usize, Duration);

fn measure(path: &Path, publishers: usize) -> Result<Measured, Box<dyn Error>> {
    let options = Options::new(SyncMode::Always, LOG_BYTES_MAX, AGE_MAX);
    let fresh = Fresh { epoch: Epoch::from_random(1), secret: 1 };
    let recovery = Recovery::open(Directory::open(path)?, options, fresh)?;
    let (mut journal, _) = recovery.replay(|_| ())?;
    let desk = Desk::default();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| desk.publish(publishers));
        let (begun, mut batch, mut syncs) = (Instant::now(), Batch::new(), 0);
        let mut appended = Ok(());
        while begun.elapsed() < ROUND && appended.is_ok() {
            let mut state = desk.lock();
            while state.newest == state.committed {
                state = Desk::wait(&desk.published, state);
            }
            let (first, last) = (state.committed + 1, state.newest);
            drop(state);
            batch.clear();
            (first..=last).for_each(|seq| batch.push(&published(seq)));
            appended = journal.append(&mut batch, last);
            syncs += 1;
            desk.lock().committed = last;
            desk.answered.notify_one();
        }
        let elapsed = begun.elapsed();
        desk.lock().over = true;
        desk.answered.notify_one();
        appended?;
        Ok((thread.join().map_err(|_| "the publishers panicked")?, syncs, elapsed))
    })
}

fn published(seq: Seq) -> Record<'static> {
    Record::Published(Published {
        first: seq,
        at_ms: 1_700_000_000_000,
        topic: "task:42",
        events: vec![&EVENT],
        completion: None,
        key: None,
        receivers: 1,
    })
}

/// Gives the median and the 99th in a hundred, in microseconds.
fn percentiles(waits: &mut [Duration]) -> (u128, u128) {
    waits.sort_unstable();
    let at = |share: usize| waits.get((waits.len() - 1) * share / 100).map_or(0, Duration::as_micros);
    (at(50), at(99))
}
