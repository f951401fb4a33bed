//! Idle streams.

use super::{Scale, own_path};
use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::load::Reading;
use crate::machine;
use crate::servers::Server;
use crate::stage::{Stage, add_quantiles};

const CONNECTS: Metric = metric("connects", "/s");
const CONNECT_LATENCY: [Metric; 3] =
    [metric("connect p50", "ms"), metric("connect p99", "ms"), metric("connect p99.9", "ms")];
/// One name for each number of streams in a scale.
const MEMORY: [Metric; 2] =
    [metric("memory a stream, fewer", "bytes"), metric("memory a stream, all", "bytes")];
const KERNEL: Metric = metric("kernel memory a stream, both ends", "bytes");
const HEARTBEAT: Metric = metric("CPU a heartbeat", "us");
const HEARTBEATS: Metric = metric("CPU of heartbeats every 15 s", "s/min");

pub(super) fn run(server: &dyn Server, scale: &Scale) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let mut stage = Stage::set(server, own_path)?;
    rest(&mut stage, scale)?;
    let before = stage.server.process.usage()?;
    let kernel_before = machine::kernel_bytes()?;
    let mut connecting = std::time::Duration::ZERO;
    let mut open = 0;
    let mut memory = Vec::new();
    for streams in scale.hold {
        let mark = stage.mark()?;
        stage.open(open..*streams, Reading::Everything)?;
        connecting += stage.spent(&mark)?.wall;
        open = *streams;
        rest(&mut stage, scale)?;
        let grown = stage.server.process.usage()?.pss_bytes.saturating_sub(before.pss_bytes);
        memory.push(grown as f64 / f64::from(open));
    }
    figures.add(CONNECTS, f64::from(open) / connecting.as_secs_f64());
    add_quantiles(&mut figures, CONNECT_LATENCY, &stage.load.streams.tally.connect);
    let names = &MEMORY[MEMORY.len() - memory.len()..];
    names.iter().zip(memory).for_each(|(name, bytes)| figures.add(*name, bytes));
    let kernel = machine::kernel_bytes()?.saturating_sub(kernel_before);
    figures.add(KERNEL, kernel as f64 / f64::from(open));
    heartbeats(&mut stage, scale, &mut figures)?;
    figures.client_share = stage.client_share;
    stage.check(&mut figures, 0);
    Ok(figures)
}

/// Lets the server come to rest; its callbacks are answered meanwhile.
fn rest(stage: &mut Stage, scale: &Scale) -> Outcome<()> {
    stage.load.run_until(scale.rest, |_| Ok(false))?;
    Ok(())
}

/// Every server beats three times as often as is usual, so that a short time shows it.
fn heartbeats(stage: &mut Stage, scale: &Scale, figures: &mut Figures) -> Outcome<()> {
    if scale.heartbeats.is_zero() {
        return Ok(());
    }
    let streams = stage.load.streams.tally.opened;
    let before = stage.load.streams.tally.comments;
    let mark = stage.mark()?;
    stage.load.run_until(scale.heartbeats, |_| Ok(false))?;
    let spent = stage.spent(&mark)?;
    let beats = stage.load.streams.tally.comments - before;
    if beats < streams / 2 {
        figures.note(format!("{beats} heartbeats to {streams} streams in {:.1} s", spent.wall.as_secs_f64()));
        return Ok(());
    }
    let each = spent.server_us_each(beats);
    figures.add(HEARTBEAT, each);
    figures.add(HEARTBEATS, each / 1e6 * streams as f64 * 4.0);
    Ok(())
}
