//! One event to many streams of one topic.

use super::{EVENT_BYTES, Scale, USER, topic_path};
use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::load::{Payload, Reading, Senders};
use crate::servers::Server;
use crate::stage::Stage;

const DELIVERIES: Metric = metric("deliveries", "/s");
const CPU: Metric = metric("CPU a delivery", "us");
const LAST: Metric = metric("to the last receiver p50", "ms");
const LAST_MAX: Metric = metric("to the last receiver max", "ms");

pub(super) fn run(server: &dyn Server, scale: &Scale, streams: u32) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let mut stage = Stage::set(server, topic_path)?;
    stage.open(0..streams, Reading::Everything)?;
    stage.load.connect_senders(stage.server.sends, 1)?;
    let mut event = Event { number: 0, request: Vec::new() };
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
    number: u32,
    request: Vec<u8>,
}

struct Delivered {
    missing: u64,
    /// From the first byte of the request to the last receiver, in nanoseconds.
    took: u64,
}

impl Event {
    /// Publishes the next event, and waits until all have it.
    fn deliver(&mut self, stage: &mut Stage, streams: u32) -> Outcome<Delivered> {
        let sent_at = stage.load.now();
        let payload = Payload { number: self.number, sent_at };
        self.number += 1;
        let wanted = stage.load.streams.tally.events + u64::from(streams);
        self.request.clear();
        stage.dialect.publish(payload, EVENT_BYTES, &mut self.request);
        let senders = stage.load.senders.as_mut().ok_or("nothing is connected to publish on")?;
        let connection = senders.take_idle().ok_or("the answer to a publish has not come")?;
        senders.post(connection, &self.request, sent_at)?;
        let missing = stage.wait_for_events(wanted)?;
        let took = stage.load.streams.tally.last_event_at.saturating_sub(sent_at);
        stage.load.run_until(crate::stage::ARRIVAL_TIMEOUT, |load| {
            Ok(load.senders.as_ref().is_none_or(Senders::is_quiet))
        })?;
        Ok(Delivered { missing, took })
    }
}
