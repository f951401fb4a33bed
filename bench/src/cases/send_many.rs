//! Many events in one request, or on one connection.

use std::time::Duration;

use super::{EVENT_BYTES, Scale, WARM_UP, own_path};
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
    requests(server, scale, |stage, out| {
        let mut body = Vec::new();
        many_to_one(stage, &mut body);
        post("/internal/send", &body, out);
    })
}

pub(super) fn array(server: &dyn Server, scale: &Scale) -> Outcome<Figures> {
    requests(server, scale, |stage, out| {
        let mut body = Vec::new();
        let mut before = b'[';
        for _ in 0..TOGETHER {
            body.push(before);
            one_to_one(stage, &mut body);
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

/// Goes round the streams.
struct Stream {
    stage: Stage,
    next: u32,
    streams: u32,
    /// Events given.
    given: u64,
}

impl Stream {
    fn open(server: &dyn Server, scale: &Scale) -> Outcome<Self> {
        let mut stage = Stage::set(server, own_path)?;
        stage.open(0..scale.streams, Reading::Everything)?;
        Ok(Self { stage, next: 0, streams: scale.streams, given: 0 })
    }

    fn next(&mut self) -> (u32, String, u64) {
        let index = self.next;
        self.next = (index + 1) % self.streams;
        (index, self.stage.name(index), self.stage.load.now())
    }
}

fn one_to_one(stream: &mut Stream, out: &mut Vec<u8>) {
    let (index, name, now) = stream.next();
    let payload = stream.stage.next_payload(index, now);
    send_object(&name, payload, EVENT_BYTES, out);
    stream.given += 1;
}

fn many_to_one(stream: &mut Stream, out: &mut Vec<u8>) {
    let (index, name, now) = stream.next();
    let payloads: Vec<_> = (0..TOGETHER).map(|_| stream.stage.next_payload(index, now)).collect();
    events_object(&name, payloads.into_iter(), EVENT_BYTES, out);
    stream.given += u64::from(TOGETHER);
}

/// Requests on a few connections, each posting again when its answer has come.
fn requests(server: &dyn Server, scale: &Scale, write: fn(&mut Stream, &mut Vec<u8>)) -> Outcome<Figures> {
    let mut stream = Stream::open(server, scale)?;
    stream.stage.load.connect_senders(stream.stage.server.sends, CONNECTIONS)?;
    let mut request = Vec::new();
    measure(stream, scale, |stream| {
        let mut posted = false;
        while let Some(connection) = stream.stage.load.senders.as_mut().and_then(Senders::take_idle) {
            request.clear();
            write(stream, &mut request);
            if let Some(senders) = &mut stream.stage.load.senders {
                senders.post(connection, &request)?;
            }
            posted = true;
        }
        Ok(posted)
    })
}

/// One connection, with answers coming back meanwhile.
fn by_lines(
    server: &dyn Server,
    scale: &Scale,
    events_a_line: u32,
    write: fn(&mut Stream, &mut Vec<u8>),
) -> Outcome<Figures> {
    let mut stream = Stream::open(server, scale)?;
    stream.stage.load.connect_lines(stream.stage.server.sends, "/internal/send")?;
    let together = (LINES_TOGETHER / events_a_line).max(8);
    let outstanding_max = LINES_OUTSTANDING_MAX / u64::from(events_a_line);
    let mut text = Vec::new();
    let mut figures = measure(stream, scale, |stream| {
        let lines = stream.stage.load.lines.as_ref();
        if lines.is_none_or(|lines| !lines.is_written() || lines.outstanding() >= outstanding_max) {
            return Ok(false);
        }
        text.clear();
        for _ in 0..together {
            write(stream, &mut text);
            text.push(b'\n');
        }
        if let Some(lines) = &mut stream.stage.load.lines {
            lines.give(&text, u64::from(together))?;
        }
        Ok(true)
    })?;
    figures.note(format!("at most {outstanding_max} lines without an answer"));
    Ok(figures)
}

fn measure(
    mut stream: Stream,
    scale: &Scale,
    mut give: impl FnMut(&mut Stream) -> Outcome<bool>,
) -> Outcome<Figures> {
    let mut figures = Figures::default();
    flat_out(&mut stream, WARM_UP, &mut give)?;
    stream.stage.load.streams.tally.delivery.reset();
    let before = accepted(&stream);
    let mark = stream.stage.mark()?;
    flat_out(&mut stream, scale.window, &mut give)?;
    let spent = stream.stage.spent(&mark)?;
    let count = accepted(&stream) - before;
    figures.add(EVENTS, spent.rate(count));
    figures.add(CPU, spent.server_us_each(count));
    let lost = stream.stage.wait_for_events(stream.given)?;
    add_quantiles(&mut figures, FULL_LOAD, &stream.stage.load.streams.tally.delivery);
    figures.client_share = stream.stage.client_share;
    stream.stage.check(&mut figures, lost);
    let refused = stream.stage.load.lines.as_ref().map_or(0, |lines| lines.refused);
    figures.fault(refused, "lines refused");
    Ok(figures)
}

/// Every event that was answered was accepted: what is still unanswered counts as not yet there.
fn accepted(stream: &Stream) -> u64 {
    let load = &stream.stage.load;
    let events_each = |count: u64, given: u64| (stream.given * count).checked_div(given).unwrap_or(0);
    match (&load.lines, &load.senders) {
        (Some(lines), _) => events_each(lines.accepted, lines.given),
        (_, Some(senders)) => senders.accepted * u64::from(TOGETHER),
        _ => 0,
    }
}

fn flat_out(
    stream: &mut Stream,
    time: Duration,
    give: &mut impl FnMut(&mut Stream) -> Outcome<bool>,
) -> Outcome<()> {
    let end = stream.stage.load.now() + time.as_nanos() as u64;
    while stream.stage.load.now() < end {
        let gave = give(stream)?;
        stream.stage.load.turn(if gave { Duration::ZERO } else { Duration::from_millis(50) })?;
    }
    Ok(())
}
