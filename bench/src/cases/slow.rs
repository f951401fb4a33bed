//! Readers that never read, among others that do.

use std::time::{Duration, Instant};

use super::posting::paced;
use super::send::Sends;
use super::turns::Turns;
use super::{Scale, own_path};
use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::load::Reading;
use crate::machine;
use crate::servers::Server;
use crate::stage::Stage;

const P99_BEFORE: Metric = metric("healthy p99 without them", "ms");
const P99: Metric = metric("healthy p99 with them", "ms");
const USER_GROWTH: Metric = metric("memory they took, user space, peak", "MB");
const QUEUED: Metric = metric("memory they took, socket queues, peak", "MB");
const CUT: Metric = metric("slow readers cut off", "%");

/// Large, so that readers fall behind quickly.
const EVENT_BYTES: usize = 16 << 10;
const SENDS_A_SECOND: f64 = 2000.0;
const CONNECTIONS: u32 = 16;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn run(server: &dyn Server, scale: &Scale) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let mut stage = Stage::set(server, own_path)?;
    let slow = scale.slow_streams / 10;
    let healthy = scale.slow_streams - slow;
    stage.open(0..healthy, Reading::Everything)?;
    stage.load.connect_senders(stage.server.sends, CONNECTIONS)?;
    let mut sends = Sends::new(Turns::new(CONNECTIONS, healthy), EVENT_BYTES);
    // Twice: the first lets buffers grow to what this load needs.
    for _ in 0..2 {
        stage.load.streams.tally.delivery.reset();
        paced(&mut stage, &mut sends, scale.window, SENDS_A_SECOND)?;
    }
    add_p99(&mut figures, P99_BEFORE, &stage);
    let (user, queued) = (stage.server.process.usage()?.pss_bytes, machine::queued_bytes()?);

    stage.open(healthy..scale.slow_streams, Reading::HeadOnly)?;
    sends.turns.widen(scale.slow_streams);
    stage.load.streams.tally.delivery.reset();
    let mark = stage.mark()?;
    let mut peak = Peak::default();
    let end = Instant::now() + scale.window * 3;
    while Instant::now() < end {
        paced(&mut stage, &mut sends, LOOK.min(scale.window), SENDS_A_SECOND)?;
        peak.user = peak.user.max(stage.server.process.usage()?.pss_bytes);
        peak.queued = peak.queued.max(machine::queued_bytes()?);
    }
    stage.spent(&mark)?;
    add_p99(&mut figures, P99, &stage);
    figures.add(USER_GROWTH, peak.user.saturating_sub(user) as f64 / 1e6);
    figures.add(QUEUED, peak.queued.saturating_sub(queued) as f64 / 1e6);
    figures.add(CUT, 100.0 * stage.load.streams.tally.ended as f64 / f64::from(slow));
    figures.client_share = stage.client_share;
    check(&mut stage, &mut figures, healthy, slow)?;
    Ok(figures)
}

#[derive(Default)]
struct Peak {
    user: u64,
    queued: u64,
}

fn add_p99(figures: &mut Figures, metric: Metric, stage: &Stage) {
    let delivery = &stage.load.streams.tally.delivery;
    if !delivery.is_empty() {
        figures.add(metric, delivery.value_at_quantile(0.99) as f64 / 1e6);
    }
}

/// Each healthy reader gets all; how many a slow one gets is its own affair.
fn check(stage: &mut Stage, figures: &mut Figures, healthy: u32, slow: u32) -> Outcome<()> {
    let wanted: u64 = (0..healthy).map(|index| u64::from(stage.given(index))).sum();
    let lost = stage.wait_for_events(wanted)?;
    let tally = &stage.load.streams.tally;
    figures.fault(lost, "events not delivered to healthy readers within 5 s");
    figures.fault(tally.missing, "events skipped for healthy readers");
    figures.fault(tally.misordered, "events out of order or twice");
    figures.fault(tally.ended.saturating_sub(u64::from(slow)), "healthy readers cut off");
    Ok(())
}
