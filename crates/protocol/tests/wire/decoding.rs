//! `decode.json`: what a browser makes of bytes (WHATWG HTML, 9.2.6).

use serde_json::{Value, json};
use sse_gateway_protocol::sse::{BLOCK_BYTES_MAX, Decoder, Item};

use crate::fixtures::{bytes, cases, member};

fn as_json(item: &Item) -> Value {
    match item {
        Item::Event { event, data, id } => json!({"event": {"event": event, "data": data, "id": id}}),
        Item::Comment(text) => json!({"comment": text}),
        Item::Retry(milliseconds) => json!({"retry": milliseconds}),
        Item::TooLong => json!("too long"),
    }
}

#[test]
fn bytes_are_decoded_as_in_the_fixtures_wherever_they_are_cut() {
    for case in cases("decode.json") {
        let bytes = bytes(&case, "bytes");
        let expected: Vec<Value> = member(&case, "items");
        for cut in 0..=bytes.len() {
            let mut decoder = Decoder::default();
            let mut items = decoder.push(&bytes[..cut]);
            items.extend(decoder.push(&bytes[cut..]));
            let items: Vec<Value> = items.iter().map(as_json).collect();
            assert_eq!(items, expected, "cut at {cut}: {case}");
        }
    }
}

fn event(data: &str) -> Item {
    Item::Event { event: String::new(), data: data.into(), id: String::new() }
}

#[test]
fn a_long_line_is_one_event() {
    let data = "x".repeat(300_000);
    assert_eq!(Decoder::default().push(format!("data: {data}\n\n").as_bytes()), [event(&data)]);
}

#[test]
fn a_block_over_the_bound_is_dropped_whole_and_the_next_one_is_read() {
    let mut decoder = Decoder::with_block_bytes_max(32);
    let filler = "x".repeat(26);
    let long = format!("data: {filler}\ndata: over\ndata: never an event of its own\n\n");
    assert_eq!(decoder.push(long.as_bytes()), [Item::TooLong]);
    let line = format!("data: {}\n\ndata: b\n\n", "x".repeat(100));
    assert_eq!(decoder.push(line.as_bytes()), [Item::TooLong, event("b")]);
}

#[test]
fn lines_without_bytes_do_not_get_around_the_bound() {
    let mut decoder = Decoder::with_block_bytes_max(32);
    let lines = "data\n".repeat(1_000);
    assert_eq!(decoder.push(lines.as_bytes()), []);
    assert_eq!(decoder.push(b"\n"), [Item::TooLong]);
}

#[test]
fn the_bound_is_16_mebibytes_by_default() {
    let mut decoder = Decoder::default();
    let data = "x".repeat(BLOCK_BYTES_MAX);
    assert_eq!(decoder.push(format!("data: {data}\n\n").as_bytes()), [Item::TooLong]);
}
