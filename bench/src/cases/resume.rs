//! A crowd that comes back at once, each client to events that it missed, beside a live stream.

use std::time::Duration;

use super::beside::Beside;
use super::filling::publish_to_all;
use super::{Scale, inbox, inbox_path};
use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::load::Reading;
use crate::servers::Server;
use crate::stage::{ARRIVAL_TIMEOUT, Spent, Stage};

const TIME: Metric = metric("until all have everything", "s");
const CONNECTING: Metric = metric("the same with nothing missed", "s");
const RATE: Metric = metric("events, connecting included", "/s");
const CPU: Metric = metric("CPU a replayed event", "us");
const CPU_WITH_CONNECTING: Metric = metric("CPU a replayed event, connecting included", "us");
const CPU_CONNECT: Metric = metric("CPU a connect with nothing missed", "us");
const ALONE: [Metric; 2] = [metric("live p50 alone", "ms"), metric("live p99 alone", "ms")];
const MEANWHILE: [Metric; 2] = [metric("live p50 meanwhile", "ms"), metric("live p99 meanwhile", "ms")];
const RATIO: [Metric; 2] =
    [metric("live p50, meanwhile to alone", "x"), metric("live p99, meanwhile to alone", "x")];

/// How long a crowd may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Streams that are begun before the live one has its turn.
const OPEN_TOGETHER: usize = 2;

/// Clients with a topic each, and how many events each has missed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    pub(super) clients: u32,
    pub(super) missed: u32,
}

pub(super) fn run(server: &dyn Server, scale: &Scale, crowd: Crowd) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let mut stage = Stage::set(server, inbox_path)?;
    let mut beside = Beside::start(&mut stage)?;
    beside.run(&mut stage, scale.window)?;
    let alone = beside.latencies();

    let (_, cursor) = stage.position("mark")?;
    stage.load.follow(move |index| format!("/s/{}?last_event_id={cursor}", inbox(index)));
    let connecting = come(&mut stage, &mut beside, crowd.clients, 0)?;
    stage.load.streams.leave();
    stage
        .load
        .run_until(ARRIVAL_TIMEOUT, |load| Ok(load.backend.disconnects + 1 >= load.backend.connects))?;
    publish_to_all(&mut stage, 0..crowd.clients, crowd.missed)?;

    beside.forget()?;
    let count = u64::from(crowd.clients) * u64::from(crowd.missed);
    let resuming = come(&mut stage, &mut beside, crowd.clients, count)?;
    let meanwhile = beside.latencies();
    figures.add(TIME, resuming.wall.as_secs_f64());
    figures.add(CONNECTING, connecting.wall.as_secs_f64());
    figures.add(RATE, resuming.rate(count));
    figures.add(CPU, resuming.server_beyond(&connecting).as_secs_f64() * 1e6 / count as f64);
    figures.add(CPU_WITH_CONNECTING, resuming.server_us_each(count));
    figures.add(CPU_CONNECT, connecting.server_us_each(crowd.clients.into()));
    if let (Some(alone), Some(meanwhile)) = (alone, meanwhile) {
        for place in 0..2 {
            figures.add(ALONE[place], alone[place]);
            figures.add(MEANWHILE[place], meanwhile[place]);
            figures.add(RATIO[place], meanwhile[place] / alone[place]);
        }
    }
    // What comes twice may come late.
    stage.load.run_until(scale.rest, |_| Ok(false))?;
    let tally = &stage.load.streams.tally;
    figures.client_share = stage.client_share;
    figures.fault(count.abs_diff(tally.events), "events of the crowd too few or too many");
    figures.fault(tally.missing, "events of the crowd skipped");
    stage.check(&mut figures, 0);
    beside.check(&mut figures)?;
    Ok(figures)
}

/// Brings all clients, and waits until they are there and have as many events.
fn come(stage: &mut Stage, beside: &mut Beside, clients: u32, events: u64) -> Outcome<Spent> {
    let mark = stage.mark()?;
    let opened = stage.load.streams.tally.opened + u64::from(clients);
    let events = stage.load.streams.tally.events + events;
    let end = stage.load.now() + TIMEOUT.as_nanos() as u64;
    let mut indexes = 0..clients;
    loop {
        let tally = &stage.load.streams.tally;
        if tally.opened >= opened && tally.events >= events {
            return stage.spent(&mark);
        }
        if stage.load.now() > end {
            let missing = (opened - tally.opened.min(opened), events - tally.events.min(events));
            let reason = format!("{} streams and {} events do not come", missing.0, missing.1);
            return Err(format!("{reason}; the last refusal was {:?}", tally.last_refusal).into());
        }
        stage.load.open_more(&mut indexes, Reading::Everything, OPEN_TOGETHER)?;
        beside.turn(stage)?;
    }
}
