//! Properties of the encoding that hold for any event and any input.

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use sse_gateway_protocol::callback::{Callback, ConnectAnswer};
use sse_gateway_protocol::change::Change;
use sse_gateway_protocol::close::Close;
use sse_gateway_protocol::publish::Publish;
use sse_gateway_protocol::send::{Send, SendRequest};
use sse_gateway_protocol::sse::{Decoder, Framing, Item};
use sse_gateway_protocol::{Event, Position, Token};

use crate::encoding::encode;

/// Text in which everything that means something to a parser is frequent.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "\\PC{0,8}",
        1 => any::<char>().prop_map(String::from),
        4 => prop::sample::select(vec![
            "\n", "\r", "\r\n", "\n\n", ":", " ", "\0", "\u{feff}", "\u{2028}", "\u{85}", "data: x", "event: x",
            "id: 7", "retry: 1", ": ok", "0\r\n\r\n", "\u{1f680}",
        ])
        .prop_map(String::from),
    ];
    vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn name() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.replace(['\n', '\r', '\0'], ""))
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    (of(name()), text()).prop_map(|(name, data)| Event { name, data })
}

pub(crate) fn events() -> impl Strategy<Value = Vec<Event>> {
    vec(event(), 1..5)
}

/// Objects of the members that readers look for, with right and wrong values.
fn body() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "token", "event", "events", "close", "retry_ms", "data", "name", "topic", "topics", "id", "subject",
        "add", "remove", "reason",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "null",
        "true",
        r#""a""#,
        r#""\ud83d""#,
        "[{}]",
        r#"["a"]"#,
        r#"[{"name":"b","from":"a-1"}]"#,
        r#"{"data":"x"}"#,
        r#"{"reason":"x"}"#,
        "[",
        "}",
    ]);
    vec((name, value), 0..5).prop_map(|members| {
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    })
}

/// What a client must see of an event: its line breaks are LF, and no name is an empty one.
pub(crate) fn seen(event: &Event) -> Item {
    let data = event.data.replace("\r\n", "\n").replace('\r', "\n");
    Item::Event { event: event.name.clone().unwrap_or_default(), data, id: String::new() }
}

/// A decoder that has read what every stream begins with.
pub(crate) fn decoder() -> Decoder {
    let mut decoder = Decoder::default();
    assert_eq!(decoder.push(b": ok\n\n"), [Item::Comment("ok".into())]);
    decoder
}

proptest! {
    #[test]
    fn any_event_is_read_back_wherever_its_bytes_are_cut(events in events(), cuts in vec(any::<prop::sample::Index>(), 0..6)) {
        let frame = encode(&events, None);
        let bytes = frame.payload();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.extend([0, bytes.len()]);
        ends.sort_unstable();
        let mut decoder = decoder();
        let items: Vec<Item> = ends.windows(2).flat_map(|cut| decoder.push(&bytes[cut[0]..cut[1]])).collect();
        prop_assert_eq!(items, events.iter().map(seen).collect::<Vec<_>>());
    }

    #[test]
    fn every_prefix_of_the_bytes_is_read_as_a_prefix_of_the_events(events in events(), retry_ms in of(0..100_000u64)) {
        let frame = encode(&events, retry_ms);
        let expected: Vec<Item> = events.iter().map(seen).collect();
        for end in 0..frame.payload().len() {
            let mut items = decoder().push(&frame.payload()[..end]);
            items.retain(|item| retry_ms.is_none_or(|retry_ms| *item != Item::Retry(retry_ms)));
            prop_assert!(items.len() < events.len(), "the last event ends with the last byte");
            prop_assert_eq!(&items[..], &expected[..items.len()]);
        }
    }

    #[test]
    fn a_retry_changes_no_event(events in events(), retry_ms in 0..100_000u64) {
        let mut items = decoder().push(encode(&events, Some(retry_ms)).payload());
        let last = items.pop();
        prop_assert_eq!(last, events.last().map(seen));
        prop_assert_eq!(items.pop(), Some(Item::Retry(retry_ms)));
        prop_assert_eq!(items, events[..events.len() - 1].iter().map(seen).collect::<Vec<_>>());
    }

    #[test]
    fn a_chunk_is_the_size_in_hexadecimal_and_the_payload(events in events(), retry_ms in of(0..9u64)) {
        let frame = encode(&events, retry_ms);
        let mut expected = format!("{:x}\r\n", frame.payload().len()).into_bytes();
        expected.extend_from_slice(frame.payload());
        expected.extend_from_slice(b"\r\n");
        prop_assert_eq!(frame.on_wire(Framing::Chunked), &expected[..]);
        prop_assert_eq!(frame.on_wire(Framing::Unframed), frame.payload());
    }

    #[test]
    fn what_a_backend_sends_is_what_the_gateway_reads(events in events(), close in any::<bool>(), retry_ms in of(0..9u64), alone in any::<bool>()) {
        let token = Token::from_random_bytes([3; 16]);
        let (event, events) = if alone { (Some(events[0].clone()), vec![]) } else { (None, events) };
        let request = SendRequest { token, event, events, close, retry_ms };
        let send = Send::read(&serde_json::to_vec(&request).expect("serialises")).expect("accepted");
        let events: Vec<Event> = request.event.into_iter().chain(request.events).collect();
        prop_assert_eq!(send.frame, Some(encode(&events, retry_ms.filter(|_| close))));
        prop_assert_eq!((send.token, send.close), (Some(token), close));
    }

    #[test]
    fn a_name_with_a_line_break_or_nul_is_never_accepted(before in name(), bad in prop::sample::select(vec!['\n', '\r', '\0']), after in name()) {
        let name = format!("{before}{bad}{after}");
        let body = serde_json::json!({"token": "t", "event": {"name": name, "data": ""}});
        let rejection = Send::read(body.to_string().as_bytes()).expect_err("refused");
        prop_assert_eq!(rejection.code.as_str(), "INVALID_EVENT_NAME");
        let answer = serde_json::json!({"event": {"name": name, "data": ""}});
        prop_assert_eq!(ConnectAnswer::read(answer.to_string().as_bytes()).expect("it opens").0.event, None);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..200), text in text()) {
        for bytes in [&bytes[..], text.as_bytes()] {
            let _ = Send::read(bytes);
            let _ = ConnectAnswer::read(bytes);
            let _ = Publish::read(bytes);
            let _ = Close::read(bytes);
            let _ = Change::read(bytes);
            let _ = Position::parse(bytes);
            let _ = serde_json::from_slice::<Callback>(bytes);
            Decoder::default().push(bytes);
        }
        prop_assert_eq!(Token::parse(&text), None);
    }

    #[test]
    fn no_json_makes_a_reader_panic(body in body()) {
        let _ = Send::read(body.as_bytes());
        let _ = ConnectAnswer::read(body.as_bytes());
        let _ = Publish::read(body.as_bytes());
        let _ = Close::read(body.as_bytes());
        let _ = Change::read(body.as_bytes());
    }
}

#[test]
fn a_deeply_nested_body_is_read_without_recursion() {
    let depth = 200_000;
    let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let body = format!(r#"{{"x":{nested},"event":{nested},"token":"t"}}"#);
    let rejection = Send::read(body.as_bytes()).expect_err("an event is no array");
    assert_eq!(rejection.code.as_str(), "INVALID_EVENT_TYPE");
    let (answer, defect) = ConnectAnswer::read(body.as_bytes()).expect("it opens");
    assert_eq!((answer.event, defect.is_some()), (None, true));
    let body = format!(r#"{{"topics":[{{"name":"a","from":{nested}}}]}}"#);
    assert_eq!(ConnectAnswer::read(body.as_bytes()).expect_err("no text").member, "topics[].from");
}
