//! What an event costs that is kept for those who come later.

use super::filling::publish_to_all;
use super::{Scale, inbox, inbox_path};
use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::load::ask;
use crate::servers::Server;
use crate::stage::Stage;

const OVER_WRITTEN: Metric = metric("memory an event over what is written of it", "bytes");
const OVER_DATA: Metric = metric("memory an event over its data", "bytes");
const REPLACED: Metric = metric("over what is written, when all were replaced", "bytes");
const EVENTS: Metric = metric("events retained", "");

/// `TOPIC_EVENTS_MAX` of the gateway.
const EACH: u32 = 1000;

pub(super) fn run(server: &dyn Server, scale: &Scale) -> Outcome<Figures> {
    let mut figures = Figures::default();
    let mut stage = Stage::set(server, inbox_path)?;
    // What the connection needs is there before: one topic more, which is not counted.
    publish_to_all(&mut stage, scale.retained_topics..scale.retained_topics + 1, EACH)?;
    let first = growth(&mut stage, scale, 0)?;
    publish_to_all(&mut stage, 0..scale.retained_topics, EACH)?;
    let filled = growth(&mut stage, scale, first)?;
    publish_to_all(&mut stage, 0..scale.retained_topics, EACH)?;
    let replaced = growth(&mut stage, scale, first)?;

    let (events, bytes) = retained(&stage, scale.retained_topics)?;
    let wanted = u64::from(scale.retained_topics * EACH);
    figures.fault(wanted.abs_diff(events), "events retained, more or fewer");
    let each = |sum: u64| sum as f64 / wanted as f64;
    figures.add(OVER_WRITTEN, each(filled) - each(bytes));
    figures.add(OVER_DATA, each(filled) - super::EVENT_BYTES as f64);
    figures.add(REPLACED, each(replaced) - each(bytes));
    figures.add(EVENTS, events as f64);
    stage.check(&mut figures, 0);
    Ok(figures)
}

/// Memory of the server beyond so many bytes, when it has come to rest.
fn growth(stage: &mut Stage, scale: &Scale, before: u64) -> Outcome<u64> {
    stage.load.run_until(scale.rest, |_| Ok(false))?;
    Ok(stage.server.process.usage()?.pss_bytes.saturating_sub(before))
}

/// Events and their bytes, as each topic says.
fn retained(stage: &Stage, topics: u32) -> Outcome<(u64, u64)> {
    let (mut events, mut bytes) = (0, 0);
    for topic in 0..topics {
        let path = format!("GET /internal/topics/{}", inbox(topic));
        let answer: serde_json::Value = serde_json::from_str(&ask(stage.server.sends, &path, "")?)?;
        events += answer["events"].as_u64().unwrap_or(0);
        bytes += answer["bytes"].as_u64().unwrap_or(0);
    }
    Ok((events, bytes))
}
