//! One event to many streams: by topic where there are topics, else by one send a stream.

use super::{EVENT_BYTES, Scale, USER, own_path, topic_path};
use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::load::{Payload, Reading};
use crate::servers::Server;
use crate::servers::dialect::send_object;
use crate::stage::Stage;

const DELIVERIES: Metric = metric("deliveries", "/s");
const CPU: Metric = metric("CPU a delivery", "us");
const LAST: Metric = metric("to the last receiver p50", "ms");
const LAST_MAX: Metric = metric("to the last receiver max", "ms");

/// Lines that go into one chunk of the request.
const LINES_TOGETHER: u32 = 500;

pub(super) fn run(server: &dyn Server, scale: &Scale, streams: u32) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let topics = server.dialect().has_topics();
    let mut stage = Stage::set(server, if topics { topic_path } else { own_path })?;
    stage.open(0..streams, Reading::Everything)?;
    if topics {
        stage.load.connect_senders(stage.server.sends, 1)?;
    } else {
        figures.note("without topics: one send a stream, as lines of one request");
        stage.load.connect_lines(stage.server.sends, "/internal/send")?;
    }
    let names: Vec<_> = (0..if topics { 0 } else { streams }).map(|index| stage.name(index)).collect();
    let mut event = Event { names, number: 0, request: Vec::new() };
    let mut lost = event.deliver(&mut stage, streams)?.missing;
    let mut times = crate::load::nanoseconds();
    let mark = stage.mark()?;
    let before = stage.load.streams.tally.events;
    let end = stage.load.now() + scale.window.as_nanos() as u64;
    while stage.load.now() < end && lost == 0 {
        let delivered = event.deliver(&mut stage, streams)?;
        lost += delivered.missing;
        times.saturating_record(delivered.took);
    }
    let spent = stage.spent(&mark)?;
    let count = stage.load.streams.tally.events - before;
    figures.add(DELIVERIES, spent.rate(count));
    figures.add(CPU, spent.server_us_each(count));
    figures.add(USER, spent.user_percent());
    figures.add(LAST, times.value_at_quantile(0.5) as f64 / 1e6);
    figures.add(LAST_MAX, times.max() as f64 / 1e6);
    figures.client_share = stage.client_share;
    stage.check(&mut figures, lost);
    Ok(figures)
}

struct Event {
    /// Of the streams, where each gets a send of its own.
    names: Vec<String>,
    number: u32,
    request: Vec<u8>,
}

struct Delivered {
    missing: u64,
    /// From the first byte of the request to the last receiver, in nanoseconds.
    took: u64,
}

impl Event {
    /// Sends the next event to all, and waits until all have it.
    fn deliver(&mut self, stage: &mut Stage, streams: u32) -> Outcome<Delivered> {
        let sent_at = stage.load.now();
        let payload = Payload { number: self.number, sent_at };
        self.number += 1;
        let wanted = stage.load.streams.tally.events + u64::from(streams);
        self.request.clear();
        if let Some(lines) = &mut stage.load.lines {
            for names in self.names.chunks(LINES_TOGETHER as usize) {
                self.request.clear();
                for name in names {
                    send_object(name, payload, EVENT_BYTES, &mut self.request);
                    self.request.push(b'\n');
                }
                lines.give(&self.request, names.len() as u64)?;
            }
        } else if let Some(senders) = &mut stage.load.senders {
            stage.dialect.publish(payload, EVENT_BYTES, &mut self.request);
            let connection = senders.take_idle().ok_or("the answer to a publish has not come")?;
            senders.post(connection, &self.request)?;
        }
        let missing = stage.wait_for_events(wanted)?;
        let took = stage.load.streams.tally.last_event_at.saturating_sub(sent_at);
        stage.load.run_until(crate::stage::ARRIVAL_TIMEOUT, |load| {
            Ok(load.senders.as_ref().is_none_or(|senders| senders.is_quiet()))
        })?;
        Ok(Delivered { missing, took })
    }
}
