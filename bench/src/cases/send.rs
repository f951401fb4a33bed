//! Single sends: as many as the server takes, then half of that.

use super::posting::{Posts, UNDER_WAY_MAX, flat_out, paced, settle};
use super::turns::Turns;
use super::{EVENT_BYTES, Scale, USER, own_path};
use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::load::Reading;
use crate::servers::Server;
use crate::stage::{Stage, add_quantiles};

const SENDS: Metric = metric("sends", "/s");
const CPU: Metric = metric("CPU a send", "us");
const FULL_LOAD: [Metric; 3] =
    [metric("p50 at full load", "ms"), metric("p99 at full load", "ms"), metric("p99.9 at full load", "ms")];
const HALF_LOAD: [Metric; 3] =
    [metric("p50 at half load", "ms"), metric("p99 at half load", "ms"), metric("p99.9 at half load", "ms")];
const HALF_CPU: Metric = metric("CPU a send at half load", "us");

pub(super) fn run(server: &dyn Server, scale: &Scale, connections: u32) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let mut stage = Stage::set(server, own_path)?;
    stage.open(0..scale.streams, Reading::Everything)?;
    stage.load.connect_senders(stage.server.sends, connections)?;
    let mut sends = Sends::new(Turns::new(connections, scale.streams), EVENT_BYTES);

    flat_out(&mut stage, &mut sends, scale.warm_up)?;
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
    settle(&mut stage, 0)?;
    add_quantiles(&mut figures, FULL_LOAD, &stage.load.streams.tally.delivery);

    stage.load.streams.tally.delivery.reset();
    let before = sends.posted;
    let mark = stage.mark()?;
    paced(&mut stage, &mut sends, scale.window, rate / 2.0)?;
    let spent = stage.spent(&mark)?;
    figures.add(HALF_CPU, spent.server_us_each(sends.posted - before));
    let lost = settle(&mut stage, 0)?;
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
}

impl Posts for Sends {
    fn post(&mut self, stage: &mut Stage, connection: u32, sent_at: u64) -> Outcome<()> {
        self.request.clear();
        stage.next_send(self.turns.next(connection), sent_at, self.bytes, &mut self.request);
        self.posted += 1;
        stage.post(connection, &self.request, sent_at)
    }

    fn must_wait(&self, stage: &Stage) -> bool {
        self.posted >= delivered(stage) + UNDER_WAY_MAX
    }
}

/// What has arrived is what counts: some servers accept more than they pass on.
fn delivered(stage: &Stage) -> u64 {
    stage.load.streams.tally.events
}
