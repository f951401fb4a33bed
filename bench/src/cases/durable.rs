//! Publishes that are answered when they are on the disk, beside the disk's own time.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::numbering::Publishes;
use super::posting::{flat_out, paced, wait_for_answers};
use super::{Scale, inbox, inbox_path};
use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::load::nanoseconds;
use crate::servers::Server;
use crate::stage::{Stage, add_quantiles};

const EVENTS: Metric = metric("events", "/s");
const CPU: Metric = metric("CPU an event", "us");
const FULL_LOAD: [Metric; 3] =
    [metric("p50 at full load", "ms"), metric("p99 at full load", "ms"), metric("p99.9 at full load", "ms")];
const PACED_EVENTS: Metric = metric("events at the set rate", "/s");
const PACED: [Metric; 3] = [
    metric("p50 at the set rate", "ms"),
    metric("p99 at the set rate", "ms"),
    metric("p99.9 at the set rate", "ms"),
];
const DISK: [Metric; 3] = [
    metric("the disk's own p50", "ms"),
    metric("the disk's own p99", "ms"),
    metric("the disk's own p99.9", "ms"),
];
const TO_P50: Metric = metric("p99 at the set rate to the disk's p50", "x");
const TO_P99: Metric = metric("p99 at the set rate to the disk's p99", "x");

/// The rate at which latency counts, unless half of what goes through is less.
const RATE: f64 = 20_000.0;
/// About what an event takes in a log.
const BLOCK: [u8; 200] = [b'x'; 200];

pub(super) fn run(server: &dyn Server, scale: &Scale, publishers: u32) -> Outcome<Figures> {
    let mut figures = Figures::default();
    // `TMPDIR` says on which disk.
    let folder = tempfile::tempdir()?;
    let mut disk = nanoseconds();
    syncs(folder.path(), scale.window / 2, &mut disk)?;

    let log = folder.path().join("log");
    let mut stage = Stage::around(server, inbox_path, |backend| server.start_durable(backend, &log))?;
    stage.load.connect_senders(stage.server.sends, publishers)?;
    let mut publishes = Publishes::new(publishers, publishers);
    let (begin, _) = stage.position(&inbox(0))?;
    flat_out(&mut stage, &mut publishes, scale.warm_up)?;
    forget(&mut stage);
    let before = stage.accepted();
    let mark = stage.mark()?;
    flat_out(&mut stage, &mut publishes, scale.window)?;
    let spent = stage.spent(&mark)?;
    let count = stage.accepted() - before;
    figures.add(EVENTS, spent.rate(count));
    figures.add(CPU, spent.server_us_each(count));
    wait_for_answers(&mut stage)?;
    add_answers(&stage, &mut figures, FULL_LOAD);

    forget(&mut stage);
    let before = stage.accepted();
    let mark = stage.mark()?;
    let rate = if publishers < 256 { RATE.min(spent.rate(count) / 2.0) } else { RATE };
    paced(&mut stage, &mut publishes, scale.window, rate)?;
    let spent = stage.spent(&mark)?;
    figures.add(PACED_EVENTS, spent.rate(stage.accepted() - before));
    wait_for_answers(&mut stage)?;
    add_answers(&stage, &mut figures, PACED);
    let p99 = stage.load.senders.as_ref().map_or(0, |senders| senders.answers.value_at_quantile(0.99));

    let taken = stage.position(&inbox(0))?.0 - begin - 1;
    figures.fault(taken.abs_diff(stage.accepted()), "numbers of the log more or less than answers");
    figures.client_share = stage.client_share;
    stage.check(&mut figures, 0);
    drop(stage);
    let written = bytes_below(&log)?;
    if written < taken.min(1000) * super::EVENT_BYTES as u64 {
        figures.fault(taken, &format!("events answered, {written} bytes on the disk"));
    }
    syncs(folder.path(), scale.window / 2, &mut disk)?;
    add_quantiles(&mut figures, DISK, &disk);
    figures.add(TO_P50, p99 as f64 / disk.value_at_quantile(0.5) as f64);
    figures.add(TO_P99, p99 as f64 / disk.value_at_quantile(0.99) as f64);
    Ok(figures)
}

/// Appends a block and syncs it, again and again.
fn syncs(folder: &Path, time: Duration, times: &mut Histogram<u64>) -> Outcome<()> {
    let mut file = File::create(folder.join("syncs"))?;
    let begin = Instant::now();
    while begin.elapsed() < time {
        let at = Instant::now();
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        times.saturating_record(at.elapsed().as_nanos() as u64);
    }
    Ok(())
}

fn forget(stage: &mut Stage) {
    if let Some(senders) = &mut stage.load.senders {
        senders.answers.reset();
    }
}

fn add_answers(stage: &Stage, figures: &mut Figures, metrics: [Metric; 3]) {
    if let Some(senders) = &stage.load.senders {
        add_quantiles(figures, metrics, &senders.answers);
    }
}

fn bytes_below(folder: &Path) -> Outcome<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        sum += entry?.metadata()?.len();
    }
    Ok(sum)
}
