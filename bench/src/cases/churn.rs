//! Clients that come and leave at once.

use std::time::Duration;

use super::{Scale, USER, own_path};
use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::load::Reading;
use crate::servers::Server;
use crate::stage::{ARRIVAL_TIMEOUT, Stage, add_quantiles};

const CYCLES: Metric = metric("cycles", "/s");
const CPU: Metric = metric("CPU a cycle", "us");
const LATENCY: [Metric; 3] =
    [metric("connect p50", "ms"), metric("connect p99", "ms"), metric("connect p99.9", "ms")];
const GROWTH: Metric = metric("memory kept afterwards", "KB");
const DESCRIPTORS: Metric = metric("descriptors kept afterwards", "");

const AT_A_TIME: usize = 64;

pub(super) fn run(server: &dyn Server, scale: &Scale) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let mut stage = Stage::set(server, own_path)?;
    stage.load.run_until(scale.rest, |_| Ok(false))?;
    let before = stage.server.process.usage()?;
    let mark = stage.mark()?;
    // Nobody comes back under an old name: servers that keep names by hand take that badly.
    let mut names = 0..;
    for index in names.by_ref().take(AT_A_TIME) {
        stage.load.open(index, Reading::Leaving)?;
    }
    let end = stage.load.now() + scale.window.as_nanos() as u64 * 2;
    while stage.load.now() < end {
        stage.load.turn(Duration::from_millis(50))?;
        let gone = std::mem::take(&mut stage.load.gone).len();
        for index in names.by_ref().take(gone) {
            stage.load.open(index, Reading::Leaving)?;
        }
    }
    let spent = stage.spent(&mark)?;
    let cycles = stage.load.streams.tally.opened;
    figures.add(CYCLES, spent.rate(cycles));
    figures.add(CPU, spent.server_us_each(cycles));
    figures.add(USER, spent.user_percent());
    add_quantiles(&mut figures, LATENCY, &stage.load.streams.tally.connect);

    stage.load.run_until(ARRIVAL_TIMEOUT, |load| Ok(load.streams.opening == 0))?;
    // The last clients' disconnects, where there are any, and then what the server does by itself.
    stage
        .load
        .run_until(ARRIVAL_TIMEOUT / 2, |load| Ok(load.backend.disconnects >= load.backend.connects))?;
    stage.load.run_until(scale.rest, |_| Ok(false))?;
    let after = stage.server.process.usage()?;
    figures.add(GROWTH, after.pss_bytes.saturating_sub(before.pss_bytes) as f64 / 1e3);
    figures.add(DESCRIPTORS, after.descriptors.saturating_sub(before.descriptors) as f64);
    figures.client_share = stage.client_share;
    stage.check(&mut figures, 0);
    let backend = &stage.load.backend;
    if backend.disconnects > 0 && backend.disconnects != backend.connects {
        figures
            .fault(backend.connects.abs_diff(backend.disconnects), "connects without exactly one disconnect");
    }
    Ok(figures)
}
