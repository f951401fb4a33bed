//! What a retained event costs beside the bytes that it has on the wire, counted by the allocator.
//!
//! One test, because the counters belong to the process.

use std::time::Duration;

use sse_gateway_engine::Time;
use sse_gateway_engine::log::{Log, LogLimits};
use sse_gateway_protocol::publish::Publish;
use sse_gateway_protocol::sse::Draft;
use sse_gateway_protocol::{Epoch, TopicName};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const TOPICS: usize = 20;
const EVENTS: usize = 1_000;
/// The event's number and the way to its bytes, the count of who shares them, and their padding.
const OVERHEAD_BYTES_MAX: usize = 48;
/// `8d`, and two line ends.
const CHUNK_FRAMING_BYTES: usize = 6;

#[test]
fn a_retained_event_costs_at_most_48_bytes_beside_its_own() {
    let _counting = dhat::Profiler::builder().testing().build();
    let limits = LogLimits {
        topic_events_max: EVENTS,
        topic_bytes_max: 1 << 20,
        topic_age_max: Duration::from_secs(600),
        log_bytes_max: 256 << 20,
        topics_max: 100,
        publish_bytes_max: 1 << 20,
    };
    let mut log = Log::new(limits, Epoch::parse("life").expect("an epoch"), 1);
    // Of several lengths, because the allocator's padding depends on it.
    let events: Vec<Draft> =
        (96..104).map(|bytes| Draft::new(Some("progress"), &"x".repeat(bytes))).collect();
    let mut now = Time::default();
    let before = dhat::HeapStats::get().curr_bytes;
    // More than are kept, so that what is dropped must have been given back.
    for turn in 0..EVENTS + 500 {
        for topic in 0..TOPICS {
            now = now + Duration::from_micros(100);
            publish(&mut log, topic, &events[turn % events.len()], now);
        }
    }
    let described = log.describe("topic-0").expect("it has events");
    assert_eq!(described.events, EVENTS);
    let used = dhat::HeapStats::get().curr_bytes - before;
    let payload: usize =
        (0..TOPICS).map(|topic| log.describe(&format!("topic-{topic}")).expect("it has events").bytes).sum();
    let wire = payload + TOPICS * EVENTS * CHUNK_FRAMING_BYTES;
    let overhead = (used - wire) / (TOPICS * EVENTS);
    println!("a retained event: {overhead} bytes beside its {} on the wire", wire / (TOPICS * EVENTS));
    assert!(overhead <= OVERHEAD_BYTES_MAX, "a retained event costs {overhead} bytes beside its own");
    let counted = log.census().bytes;
    assert!(counted >= used * 95 / 100, "the bound over all counts {counted} bytes of {used}");
}

fn publish(log: &mut Log, topic: usize, event: &Draft, now: Time) {
    let name = TopicName::parse(&format!("topic-{topic}")).expect("a name");
    let publish = Publish::new(name, vec![event.clone()], None, None);
    log.publish(&publish, now).expect("there is room");
    log.commit(now);
}
