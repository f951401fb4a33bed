//! Publishes to some topics in turn: to nobody, and to one listener a topic.

use std::time::Duration;

use super::numbering::Publishes;
use super::posting::{Posts as _, flat_out, settle, wait_for_answers};
use super::{EVENT_BYTES, Scale, inbox, inbox_path, own_path};
use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::load::Reading;
use crate::servers::dialect::publish_object;
use crate::servers::{Dialect, Server};
use crate::stage::{ARRIVAL_TIMEOUT, Stage, add_quantiles};

const CONNECTIONS: u32 = 64;
/// The connection of lines, after those of requests.
const LINES: u32 = CONNECTIONS;
/// Lines that may wait for their answer, and lines that are written at once.
const LINES_OUTSTANDING_MAX: u64 = 4096;
const LINES_TOGETHER: u32 = 128;
/// Listeners that fit beside both ends' other descriptors.
const LISTENERS_MAX: u32 = 18_000;

/// What is told of one way to publish.
struct Metrics {
    rate: Metric,
    cpu: Metric,
}

const UNHEARD: Metrics =
    Metrics { rate: metric("publishes to nobody", "/s"), cpu: metric("CPU a publish to nobody", "us") };
const UNHEARD_LINES: Metrics =
    Metrics { rate: metric("lines to nobody", "/s"), cpu: metric("CPU a line to nobody", "us") };
const HEARD: Metrics = Metrics {
    rate: metric("publishes, one listener a topic", "/s"),
    cpu: metric("CPU a publish, one listener a topic", "us"),
};
const HEARD_LINES: Metrics = Metrics {
    rate: metric("lines, one listener a topic", "/s"),
    cpu: metric("CPU a line, one listener a topic", "us"),
};
const ANSWER: [Metric; 3] = [
    metric("answer to nobody p50", "ms"),
    metric("answer to nobody p99", "ms"),
    metric("answer to nobody p99.9", "ms"),
];
const DELIVERY: [Metric; 3] =
    [metric("delivery p50", "ms"), metric("delivery p99", "ms"), metric("delivery p99.9", "ms")];

pub(super) fn run(server: &dyn Server, scale: &Scale, topics: u32) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let ours = server.dialect() == Dialect::Gateway;
    let mut stage = Stage::set(server, if ours { inbox_path } else { own_path })?;
    stage.load.connect_senders(stage.server.sends, CONNECTIONS)?;
    if ours {
        stage.load.connect_lines(stage.server.sends, "/internal/publish")?;
    }
    let mut publishes = Publishes::new(CONNECTIONS, topics);
    let before = if ours {
        make_topics(&mut stage, &mut publishes, topics)?;
        Some((stage.position(&inbox(0))?.0, stage.accepted()))
    } else {
        None
    };
    requests(&mut stage, scale, &mut publishes, &UNHEARD, &mut figures)?;
    wait_for_answers(&mut stage)?;
    if let Some(senders) = &stage.load.senders {
        add_quantiles(&mut figures, ANSWER, &senders.answers);
    }
    lines(&mut stage, scale, &mut publishes, &UNHEARD_LINES, &mut figures)?;
    if let Some((number, accepted)) = before {
        // The log counts what it took; so must we.
        let taken = stage.position(&inbox(0))?.0 - number - 1;
        figures.fault(
            taken.abs_diff(stage.accepted() - accepted),
            "numbers of the log more or less than answers",
        );
    }
    let mut lost = 0;
    if topics <= LISTENERS_MAX {
        let unheard = stage.accepted();
        stage.open(0..topics, Reading::Everything)?;
        publishes.heard(unheard);
        stage.load.streams.tally.delivery.reset();
        requests(&mut stage, scale, &mut publishes, &HEARD, &mut figures)?;
        lost += settle(&mut stage, unheard)?;
        add_quantiles(&mut figures, DELIVERY, &stage.load.streams.tally.delivery);
        lines(&mut stage, scale, &mut publishes, &HEARD_LINES, &mut figures)?;
        lost += settle(&mut stage, unheard)?;
    }
    figures.client_share = stage.client_share;
    stage.check(&mut figures, lost);
    Ok(figures)
}

/// One event to each, so that what is measured later makes none.
fn make_topics(stage: &mut Stage, publishes: &mut Publishes, topics: u32) -> Outcome<()> {
    for first in (0..topics).step_by(LINES_TOGETHER as usize) {
        let until = topics.min(first + LINES_TOGETHER);
        give(stage, publishes, first..until)?;
        stage.load.run_until(ARRIVAL_TIMEOUT, |load| {
            Ok(load.lines.as_ref().is_none_or(|lines| lines.outstanding() < LINES_OUTSTANDING_MAX))
        })?;
    }
    wait_for_lines(stage)
}

fn requests(
    stage: &mut Stage,
    scale: &Scale,
    publishes: &mut Publishes,
    metrics: &Metrics,
    figures: &mut Figures,
) -> Outcome<()> {
    flat_out(stage, publishes, scale.warm_up)?;
    if let Some(senders) = &mut stage.load.senders {
        senders.answers.reset();
    }
    measured(stage, metrics, figures, |stage| flat_out(stage, publishes, scale.window))
}

fn lines(
    stage: &mut Stage,
    scale: &Scale,
    publishes: &mut Publishes,
    metrics: &Metrics,
    figures: &mut Figures,
) -> Outcome<()> {
    if stage.load.lines.is_none() {
        return Ok(());
    }
    let mut next = 0;
    lines_flat_out(stage, publishes, &mut next, scale.warm_up)?;
    measured(stage, metrics, figures, |stage| lines_flat_out(stage, publishes, &mut next, scale.window))?;
    wait_for_lines(stage)
}

fn measured(
    stage: &mut Stage,
    metrics: &Metrics,
    figures: &mut Figures,
    act: impl FnOnce(&mut Stage) -> Outcome<()>,
) -> Outcome<()> {
    let before = stage.accepted();
    let mark = stage.mark()?;
    act(stage)?;
    let spent = stage.spent(&mark)?;
    let count = stage.accepted() - before;
    figures.add(metrics.rate, spent.rate(count));
    figures.add(metrics.cpu, spent.server_us_each(count));
    Ok(())
}

fn lines_flat_out(
    stage: &mut Stage,
    publishes: &mut Publishes,
    next: &mut u32,
    time: Duration,
) -> Outcome<()> {
    let end = stage.load.now() + time.as_nanos() as u64;
    while stage.load.now() < end {
        let lines = stage.load.lines.as_ref();
        let full =
            lines.is_none_or(|lines| !lines.is_written() || lines.outstanding() >= LINES_OUTSTANDING_MAX);
        if full || publishes.must_wait(stage) {
            stage.load.turn(Duration::from_millis(50))?;
        } else {
            give(stage, publishes, *next..*next + LINES_TOGETHER)?;
            *next += LINES_TOGETHER;
            stage.load.turn(Duration::ZERO)?;
        }
    }
    Ok(())
}

/// Gives a line for each turn.
fn give(stage: &mut Stage, publishes: &mut Publishes, turns: std::ops::Range<u32>) -> Outcome<()> {
    let count = u64::from(turns.end - turns.start);
    let now = stage.load.now();
    let mut text = Vec::new();
    for turn in turns {
        let (topic, payload) = publishes.in_turn(turn, LINES, now);
        publish_object(&inbox(topic), payload, EVENT_BYTES, &mut text);
        text.push(b'\n');
    }
    if let Some(lines) = &mut stage.load.lines {
        lines.give(&text, count)?;
    }
    Ok(())
}

fn wait_for_lines(stage: &mut Stage) -> Outcome<()> {
    stage.load.run_until(ARRIVAL_TIMEOUT, |load| {
        Ok(load.lines.as_ref().is_none_or(|lines| lines.outstanding() == 0))
    })?;
    Ok(())
}
