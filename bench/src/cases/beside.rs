//! A live stream beside a load: what others feel.

use std::time::Duration;

use crate::Outcome;
use crate::backend::Backend;
use crate::figures::Figures;
use crate::load::{Load, Payload, Poller, Reading};
use crate::servers::dialect::{post, publish_object};
use crate::stage::{ARRIVAL_TIMEOUT, Stage};

use super::EVENT_BYTES;

/// Between two events.
const GAP: Duration = Duration::from_millis(2);
const TOPIC: &str = "live";

/// One stream with an event every 2 ms, whatever else is done. It has an epoll of its own, and its turn after
/// every few sockets of the other load: else it would wait for the client, not for the server.
pub(super) struct Beside {
    load: Load,
    number: u32,
    due: u64,
    request: Vec<u8>,
}

impl Beside {
    /// Connects it to the stage's server.
    pub(super) fn start(stage: &mut Stage) -> Outcome<Self> {
        let poller = Poller::new()?;
        // The server asks the stage's backend.
        let backend = Backend::start(&poller)?;
        let mut load = Load::new(poller, backend, stage.server.streams, |_| format!("/s/{TOPIC}"));
        load.connect_senders(stage.server.sends, 1)?;
        stage.load.run_beside(&load)?;
        load.open(0, Reading::Everything)?;
        let mut beside = Self { load, number: 0, due: u64::MAX, request: Vec::new() };
        let deadline = stage.load.now() + ARRIVAL_TIMEOUT.as_nanos() as u64;
        while beside.load.streams.tally.opened == 0 {
            if stage.load.now() > deadline {
                return Err("the live stream does not open".into());
            }
            beside.turn(stage)?;
        }
        beside.due = beside.load.now();
        Ok(beside)
    }

    /// Runs by itself for a time.
    pub(super) fn run(&mut self, stage: &mut Stage, time: Duration) -> Outcome<()> {
        let end = stage.load.now() + time.as_nanos() as u64;
        while stage.load.now() < end {
            self.turn(stage)?;
        }
        Ok(())
    }

    /// Does what is due here, then a little on the stage; waits when there is nothing to do.
    pub(super) fn turn(&mut self, stage: &mut Stage) -> Outcome<()> {
        self.load.turn(Duration::ZERO)?;
        let now = self.load.now();
        if now >= self.due
            && let Some(connection) = self.load.senders.as_mut().and_then(|senders| senders.take_idle())
        {
            self.post(connection)?;
        }
        let wait = self.due.saturating_sub(self.load.now()).min(GAP.as_nanos() as u64);
        Ok(stage.load.turn(Duration::from_nanos(wait))?)
    }

    /// An event that is late counts from when it was due.
    fn post(&mut self, connection: u32) -> Outcome<()> {
        let payload = Payload { number: self.number, sent_at: self.due };
        self.number += 1;
        let mut body = Vec::new();
        publish_object(TOPIC, payload, EVENT_BYTES, &mut body);
        self.request.clear();
        post("/internal/publish", &body, &mut self.request);
        if let Some(senders) = &mut self.load.senders {
            senders.post(connection, &self.request, self.due)?;
        }
        self.due += GAP.as_nanos() as u64;
        Ok(())
    }

    /// Forgets the latencies so far, and what has become due while nobody looked.
    pub(super) fn forget(&mut self) -> Outcome<()> {
        self.settle()?;
        self.load.streams.tally.delivery.reset();
        self.due = self.load.now();
        Ok(())
    }

    /// Waits for what is under way.
    fn settle(&mut self) -> Outcome<()> {
        let wanted = u64::from(self.number);
        self.load.run_until(ARRIVAL_TIMEOUT, |load| Ok(load.streams.tally.events >= wanted))?;
        Ok(())
    }

    /// Median and 99th in a hundred, in milliseconds; none when nothing has come.
    pub(super) fn latencies(&self) -> Option<[f64; 2]> {
        let delivery = &self.load.streams.tally.delivery;
        let of = |quantile| delivery.value_at_quantile(quantile) as f64 / 1e6;
        (!delivery.is_empty()).then(|| [0.5, 0.99].map(of))
    }

    /// Every event has come, in order.
    pub(super) fn check(&mut self, figures: &mut Figures) -> Outcome<()> {
        self.settle()?;
        let wanted = u64::from(self.number);
        let tally = &self.load.streams.tally;
        figures.fault(wanted.abs_diff(tally.events), "live events too few or too many");
        figures.fault(tally.missing + tally.misordered, "live events out of order or twice");
        figures.fault(tally.ended + tally.gaps, "ends or gaps of the live stream");
        Ok(())
    }
}
