//! Many events in one request, or on one connection.

use std::time::Duration;

use super::turns::Turns;
use super::{EVENT_BYTES, Scale, USER, own_path};
use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::load::{Reading, Senders};
use crate::servers::Server;
use crate::servers::dialect::{events_object, post, send_object};
use crate::stage::{Stage, add_quantiles};

const EVENTS: Metric = metric("events", "/s");
const CPU: Metric = metric("CPU an event", "us");
const FULL_LOAD: [Metric; 3] =
    [metric("p50 at full load", "ms"), metric("p99 at full load", "ms"), metric("p99.9 at full load", "ms")];

/// Events in a request or on a line, where they are many.
const TOGETHER: u32 = 100;
const CONNECTIONS: u32 = 4;
/// Lines that may wait for their answer.
const LINES_OUTSTANDING_MAX: u64 = 4096;
/// Lines that are written at once.
const LINES_TOGETHER: u32 = 128;

pub(super) fn events(server: &dyn Server, scale: &Scale) -> Outcome<Figures> {
    requests(server, scale, |sending, connection, out| {
        let mut body = Vec::new();
        many_to_one(sending, connection, &mut body);
        post("/internal/send", &body, out);
    })
}

pub(super) fn array(server: &dyn Server, scale: &Scale) -> Outcome<Figures> {
    requests(server, scale, |sending, connection, out| {
        let mut body = Vec::new();
        let mut before = b'[';
        for _ in 0..TOGETHER {
            body.push(before);
            one_to_one(sending, connection, &mut body);
            before = b',';
        }
        body.push(b']');
        post("/internal/send", &body, out);
    })
}

pub(super) fn lines(server: &dyn Server, scale: &Scale) -> Outcome<Figures> {
    by_lines(server, scale, 1, one_to_one)
}

pub(super) fn lines_of_events(server: &dyn Server, scale: &Scale) -> Outcome<Figures> {
    by_lines(server, scale, TOGETHER, many_to_one)
}

/// A stage with many events under way.
struct Sending {
    stage: Stage,
    turns: Turns,
    /// Events given.
    given: u64,
}

/// Writes what comes next on a connection.
type Write = fn(&mut Sending, u32, &mut Vec<u8>);

impl Sending {
    fn open(server: &dyn Server, scale: &Scale, connections: u32) -> Outcome<Self> {
        let mut stage = Stage::set(server, own_path)?;
        stage.open(0..scale.streams, Reading::Everything)?;
        Ok(Self { stage, turns: Turns::new(connections, scale.streams), given: 0 })
    }

    fn next(&mut self, connection: u32) -> (u32, String, u64) {
        let index = self.turns.next(connection);
        (index, self.stage.name(index), self.stage.load.now())
    }
}

fn one_to_one(sending: &mut Sending, connection: u32, out: &mut Vec<u8>) {
    let (index, name, now) = sending.next(connection);
    let payload = sending.stage.next_payload(index, now);
    send_object(&name, payload, EVENT_BYTES, out);
    sending.given += 1;
}

fn many_to_one(sending: &mut Sending, connection: u32, out: &mut Vec<u8>) {
    let (index, name, now) = sending.next(connection);
    let payloads: Vec<_> = (0..TOGETHER).map(|_| sending.stage.next_payload(index, now)).collect();
    events_object(&name, payloads.into_iter(), EVENT_BYTES, out);
    sending.given += u64::from(TOGETHER);
}

/// Requests on a few connections, each posting again when its answer has come.
fn requests(server: &dyn Server, scale: &Scale, write: Write) -> Outcome<Figures> {
    let mut sending = Sending::open(server, scale, CONNECTIONS)?;
    sending.stage.load.connect_senders(sending.stage.server.sends, CONNECTIONS)?;
    let mut request = Vec::new();
    measure(sending, scale, |sending| {
        let mut posted = false;
        while let Some(connection) = sending.stage.load.senders.as_mut().and_then(Senders::take_idle) {
            request.clear();
            write(sending, connection, &mut request);
            let now = sending.stage.load.now();
            if let Some(senders) = &mut sending.stage.load.senders {
                senders.post(connection, &request, now)?;
            }
            posted = true;
        }
        Ok(posted)
    })
}

/// One connection, with answers coming back meanwhile.
fn by_lines(server: &dyn Server, scale: &Scale, events_a_line: u32, write: Write) -> Outcome<Figures> {
    let mut sending = Sending::open(server, scale, 1)?;
    sending.stage.load.connect_lines(sending.stage.server.sends, "/internal/send")?;
    let together = (LINES_TOGETHER / events_a_line).max(8);
    let outstanding_max = LINES_OUTSTANDING_MAX / u64::from(events_a_line);
    let mut text = Vec::new();
    let mut figures = measure(sending, scale, |sending| {
        let lines = sending.stage.load.lines.as_ref();
        if lines.is_none_or(|lines| !lines.is_written() || lines.outstanding() >= outstanding_max) {
            return Ok(false);
        }
        text.clear();
        for _ in 0..together {
            write(sending, 0, &mut text);
            text.push(b'\n');
        }
        if let Some(lines) = &mut sending.stage.load.lines {
            lines.give(&text, u64::from(together))?;
        }
        Ok(true)
    })?;
    figures.note(format!("at most {outstanding_max} lines without an answer"));
    Ok(figures)
}

fn measure(
    mut sending: Sending,
    scale: &Scale,
    mut give: impl FnMut(&mut Sending) -> Outcome<bool>,
) -> Outcome<Figures> {
    let mut figures = Figures::default();
    flat_out(&mut sending, scale.warm_up, &mut give)?;
    sending.stage.load.streams.tally.delivery.reset();
    let before = accepted(&sending);
    let mark = sending.stage.mark()?;
    flat_out(&mut sending, scale.window, &mut give)?;
    let spent = sending.stage.spent(&mark)?;
    let count = accepted(&sending) - before;
    figures.add(EVENTS, spent.rate(count));
    figures.add(CPU, spent.server_us_each(count));
    figures.add(USER, spent.user_percent());
    let lost = sending.stage.wait_for_events(sending.given)?;
    add_quantiles(&mut figures, FULL_LOAD, &sending.stage.load.streams.tally.delivery);
    figures.client_share = sending.stage.client_share;
    sending.stage.check(&mut figures, lost);
    Ok(figures)
}

/// Every event that was answered was accepted: what is still unanswered counts as not yet there.
fn accepted(sending: &Sending) -> u64 {
    let load = &sending.stage.load;
    let events_each = |count: u64, given: u64| (sending.given * count).checked_div(given).unwrap_or(0);
    match (&load.lines, &load.senders) {
        (Some(lines), _) => events_each(lines.accepted, lines.given),
        (_, Some(senders)) => senders.accepted * u64::from(TOGETHER),
        _ => 0,
    }
}

fn flat_out(
    sending: &mut Sending,
    time: Duration,
    give: &mut impl FnMut(&mut Sending) -> Outcome<bool>,
) -> Outcome<()> {
    let end = sending.stage.load.now() + time.as_nanos() as u64;
    while sending.stage.load.now() < end {
        let gave = give(sending)?;
        sending.stage.load.turn(if gave { Duration::ZERO } else { Duration::from_millis(50) })?;
    }
    Ok(())
}
