//! Single sends: as many as the server takes, then half of that.

use std::time::Duration;

use super::turns::Turns;
use super::{EVENT_BYTES, Scale, USER, WARM_UP, own_path};
use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::load::{Reading, Senders};
use crate::servers::Server;
use crate::stage::{Stage, add_quantiles};

const SENDS: Metric = metric("sends", "/s");
const CPU: Metric = metric("CPU a send", "us");
const FULL_LOAD: [Metric; 3] =
    [metric("p50 at full load", "ms"), metric("p99 at full load", "ms"), metric("p99.9 at full load", "ms")];
const HALF_LOAD: [Metric; 3] =
    [metric("p50 at half load", "ms"), metric("p99 at half load", "ms"), metric("p99.9 at half load", "ms")];
const HALF_CPU: Metric = metric("CPU a send at half load", "us");

/// Events that may be accepted and not delivered.
const UNDER_WAY_MAX: u64 = 1000;

pub(super) fn run(server: &dyn Server, scale: &Scale, connections: u32) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let mut stage = Stage::set(server, own_path)?;
    stage.open(0..scale.streams, Reading::Everything)?;
    stage.load.connect_senders(stage.server.sends, connections)?;
    let mut sends = Sends::new(Turns::new(connections, scale.streams), EVENT_BYTES);

    flat_out(&mut stage, &mut sends, WARM_UP)?;
    stage.load.streams.tally.delivery.reset();
    let before = delivered(&stage);
    let mark = stage.mark()?;
    flat_out(&mut stage, &mut sends, scale.window)?;
    let spent = stage.spent(&mark)?;
    let count = delivered(&stage) - before;
    let rate = spent.rate(count);
    figures.add(SENDS, rate);
    figures.add(CPU, spent.server_us_each(count));
    figures.add(USER, spent.user_percent());
    settle(&mut stage)?;
    add_quantiles(&mut figures, FULL_LOAD, &stage.load.streams.tally.delivery);

    stage.load.streams.tally.delivery.reset();
    let before = sends.posted;
    let mark = stage.mark()?;
    paced(&mut stage, &mut sends, scale.window, rate / 2.0)?;
    let spent = stage.spent(&mark)?;
    figures.add(HALF_CPU, spent.server_us_each(sends.posted - before));
    let lost = settle(&mut stage)?;
    add_quantiles(&mut figures, HALF_LOAD, &stage.load.streams.tally.delivery);
    figures.client_share = stage.client_share;
    stage.check(&mut figures, lost);
    Ok(figures)
}

/// Single sends, one after the other.
pub(super) struct Sends {
    pub(super) turns: Turns,
    bytes: usize,
    request: Vec<u8>,
    /// Events posted so far.
    posted: u64,
}

impl Sends {
    pub(super) fn new(turns: Turns, bytes: usize) -> Self {
        Self { turns, bytes, request: Vec::new(), posted: 0 }
    }

    fn post(&mut self, stage: &mut Stage, connection: u32, sent_at: u64) -> Outcome<()> {
        self.request.clear();
        stage.next_send(self.turns.next(connection), sent_at, self.bytes, &mut self.request);
        self.posted += 1;
        Ok(senders(stage).post(connection, &self.request)?)
    }
}

fn senders(stage: &mut Stage) -> &mut Senders {
    stage.load.senders.as_mut().expect("the case has connected its senders")
}

fn accepted(stage: &Stage) -> u64 {
    stage.load.senders.as_ref().map_or(0, |senders| senders.accepted)
}

/// What has arrived is what counts: some servers accept more than they pass on.
fn delivered(stage: &Stage) -> u64 {
    stage.load.streams.tally.events
}

/// Each connection posts again when its answer has come, unless too much is under way: some servers accept at
/// once and deliver when they come to it.
fn flat_out(stage: &mut Stage, sends: &mut Sends, time: Duration) -> Outcome<()> {
    let end = stage.load.now() + time.as_nanos() as u64;
    while stage.load.now() < end {
        while sends.posted < delivered(stage) + UNDER_WAY_MAX
            && let Some(connection) = senders(stage).take_idle()
        {
            let now = stage.load.now();
            sends.post(stage, connection, now)?;
        }
        stage.load.turn(Duration::from_millis(50))?;
    }
    Ok(())
}

/// Posts at a rate whatever the answers do: a send that has to wait for a connection counts as sent when it
/// was due, so that a server that stalls cannot hide it.
pub(super) fn paced(stage: &mut Stage, sends: &mut Sends, time: Duration, rate: f64) -> Outcome<()> {
    let begin = stage.load.now();
    let end = begin + time.as_nanos() as u64;
    let gap = 1e9 / rate;
    let mut posted = 0_u64;
    loop {
        let due = begin + (posted as f64 * gap) as u64;
        let now = stage.load.now();
        if now >= end {
            return Ok(());
        }
        if due > now {
            stage.load.turn(Duration::from_nanos(due.min(end) - now))?;
        } else if let Some(connection) = senders(stage).take_idle() {
            sends.post(stage, connection, due)?;
            posted += 1;
            if posted.is_multiple_of(16) {
                // What is late is caught up on, but not without reading.
                stage.load.turn(Duration::ZERO)?;
            }
        } else {
            stage.load.turn(Duration::from_millis(50))?;
        }
    }
}

/// Waits for the answers and the events under way; gives how many events do not come.
pub(super) fn settle(stage: &mut Stage) -> Outcome<u64> {
    stage.load.run_until(crate::stage::ARRIVAL_TIMEOUT, |load| {
        Ok(load.senders.as_ref().is_none_or(Senders::is_quiet))
    })?;
    let wanted = accepted(stage);
    stage.wait_for_events(wanted)
}
