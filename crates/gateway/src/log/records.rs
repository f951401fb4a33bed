//! The log's changes as records of the store, and back.

use sse_gateway_engine::Time;
use sse_gateway_engine::log::{self, Change, Log, Restored};
use sse_gateway_protocol::TopicName;
use sse_gateway_protocol::sse::Draft;
use sse_gateway_store::{Batch, Bounds, Key, Published, Record};
use tracing::warn;

use crate::clock::{of_unix_ms, to_unix_ms};

/// Adds a change to what is written next.
pub(super) fn push(batch: &mut Batch, change: &Change<'_>, now: Time) {
    match change {
        Change::Published { topic, entry, position, receivers, key } => {
            let completion = entry.completion.as_ref();
            let first = entry.events.first().map(|(seq, _)| *seq);
            batch.push(&Record::Published(Published {
                first: first.or(completion.map(|completion| completion.seq)).unwrap_or(*position),
                at_ms: to_unix_ms(now),
                topic: topic.as_str(),
                events: entry.events.iter().map(|(_, frame)| Draft::lines_of(frame)).collect(),
                completion: completion.map(|completion| &*completion.reason),
                key: key.map(|(text, fingerprint)| Key { text, fingerprint }),
                receivers: *receivers as u64,
            }));
        }
        Change::Deleted { topic, seq } => batch.push(&Record::Deleted { seq: *seq, topic: topic.as_str() }),
    }
}

/// Adds the topics of which more was handed to streams.
pub(super) fn push_handed(batch: &mut Batch, log: &mut Log, now: Time) {
    for (topic, bounds) in log.take_handed(now) {
        let bounds = stored(bounds, log);
        batch.push(&Record::Bounded { topic: topic.as_str(), bounds });
    }
}

pub(super) fn stored(bounds: log::Bounds, log: &Log) -> Bounds {
    let log::Bounds { used, dropped_through, inherited, handed_through } = bounds;
    Bounds { as_of: log.newest(), used_ms: to_unix_ms(used), dropped_through, inherited, handed_through }
}

/// Takes a record of the life before into a log that begins.
pub(super) fn restore(log: &mut Log, record: &Record<'_>, now: Time) {
    let Some(topic) = TopicName::parse(record.topic()) else {
        // No release writes one; the store has found the record in order.
        return warn!("a stored topic has a name that none can have; it is left out");
    };
    // A clock that was set back must not let anything live longer.
    let time = |ms| of_unix_ms(ms).min(now);
    match record {
        Record::Published(published) => {
            let events: Vec<Draft> = published.events.iter().map(|lines| Draft::of_lines(lines)).collect();
            log.restore(&Restored {
                topic: &topic,
                first: published.first,
                events: &events,
                completion: published.completion,
                key: published.key.map(|key| (key.text, key.fingerprint)),
                receivers: usize::try_from(published.receivers).unwrap_or(usize::MAX),
                at: time(published.at_ms),
            });
        }
        Record::Deleted { .. } => log.restore_deletion(topic.as_str()),
        Record::Bounded { bounds, .. } => {
            let Bounds { used_ms, dropped_through, inherited, handed_through, .. } = *bounds;
            let used = time(used_ms);
            log.restore_bounds(&topic, log::Bounds { used, dropped_through, inherited, handed_through }, now);
        }
    }
}
