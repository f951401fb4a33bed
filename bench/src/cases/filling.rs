//! Topics that are filled with events, as fast as lines go.

use std::ops::Range;

use super::{EVENT_BYTES, inbox};
use crate::Outcome;
use crate::load::Payload;
use crate::servers::dialect::publish_events_object;
use crate::stage::{ARRIVAL_TIMEOUT, Stage};

/// Events on a line, at most: topics are filled in turn, so that their events stand mixed in memory.
const TOGETHER: u32 = 100;
const LINES_OUTSTANDING_MAX: u64 = 64;

/// Publishes as many events to each topic, numbered from 0.
pub(super) fn publish_to_all(stage: &mut Stage, topics: Range<u32>, each: u32) -> Outcome<()> {
    if stage.load.lines.is_none() {
        stage.load.connect_lines(stage.server.sends, "/internal/publish")?;
    }
    let mut line = Vec::new();
    for first in (0..each).step_by(TOGETHER as usize) {
        for topic in topics.clone() {
            let sent_at = stage.load.now();
            let numbers = first..each.min(first + TOGETHER);
            let payloads = numbers.map(|number| Payload { number, sent_at });
            line.clear();
            publish_events_object(&inbox(topic), payloads, EVENT_BYTES, &mut line);
            line.push(b'\n');
            if let Some(lines) = &mut stage.load.lines {
                lines.give(&line, 1)?;
            }
            wait(stage, LINES_OUTSTANDING_MAX)?;
        }
    }
    wait(stage, 0)
}

fn wait(stage: &mut Stage, outstanding_max: u64) -> Outcome<()> {
    let done = stage.load.run_until(ARRIVAL_TIMEOUT, |load| {
        Ok(load.lines.as_ref().is_none_or(|lines| lines.outstanding() <= outstanding_max))
    })?;
    if done { Ok(()) } else { Err("publishes have no answer".into()) }
}
