//! `encode.json` and `chunk.json`: events as bytes.

use sse_gateway_protocol::Event;
use sse_gateway_protocol::sse::{Encoder, Frame, Framing};

use crate::fixtures::{cases, member};

pub(crate) fn encode(events: &[Event], retry_ms: Option<u64>) -> Frame {
    let mut encoder = Encoder::for_payload(0);
    events.iter().for_each(|event| encoder.event(event.name.as_deref(), &event.data));
    retry_ms.into_iter().for_each(|retry_ms| encoder.retry(retry_ms));
    encoder.finish()
}

#[test]
fn events_are_encoded_as_in_the_fixtures() {
    for case in cases("encode.json") {
        let events: Vec<Event> = member(&case, "events");
        let frame = encode(&events, member(&case, "retry_ms"));
        let payload: String = member(&case, "payload");
        assert_eq!(frame.on_wire(Framing::Unframed), payload.as_bytes(), "{case}");
        assert_eq!(frame.events() as usize, events.len(), "{case}");
    }
}

#[test]
fn a_payload_is_framed_as_in_the_fixtures() {
    for case in cases("chunk.json") {
        let payload: String = member(&case, "payload");
        let events = events_of(&payload);
        let frame = encode(&events, None);
        assert_eq!(frame.payload(), payload.as_bytes(), "{case}");
        let chunk: String = member(&case, "chunk");
        assert_eq!(frame.on_wire(Framing::Chunked), chunk.as_bytes(), "{case}");
    }
}

/// Gives the events of a payload that has one data line each.
fn events_of(payload: &str) -> Vec<Event> {
    let blocks = payload.split_terminator("\n\n");
    blocks.map(|block| Event::unnamed(block.strip_prefix("data: ").expect("a data line"))).collect()
}

#[test]
fn a_frame_without_anything_is_no_bytes_because_a_chunk_of_size_zero_ends_the_body() {
    let frame = Encoder::for_payload(10).finish();
    assert_eq!(frame.on_wire(Framing::Chunked), b"");
    assert_eq!(frame.on_wire(Framing::Unframed), b"");
}

#[test]
fn a_comment_is_one_block() {
    let mut encoder = Encoder::for_payload(0);
    encoder.comment("heartbeat");
    let frame = encoder.finish();
    assert_eq!(frame.on_wire(Framing::Chunked), b"d\r\n: heartbeat\n\n\r\n");
    assert_eq!((frame.payload(), frame.events()), (&b": heartbeat\n\n"[..], 0));
}
