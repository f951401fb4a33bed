//! `topic_events.json`, `control.json` and `retry.json`: what a stream that listens is written.

use proptest::prelude::*;
use serde_json::Value;
use sse_gateway_protocol::control::{self, GapReason};
use sse_gateway_protocol::sse::{Draft, Frame, Framing, Item};
use sse_gateway_protocol::{Epoch, Event, Seq, TopicName};

use crate::encoding::encode;
use crate::fixtures::{cases, member};
use crate::positions::position;
use crate::properties::{decoder, event, events, seen};

fn text(frame: &Frame) -> &str {
    std::str::from_utf8(frame.payload()).expect("UTF-8")
}

fn number(text: &Value) -> Seq {
    text.as_str().and_then(|digits| digits.parse().ok()).expect("a number, as a string")
}

#[test]
fn topic_events_are_sealed_as_in_the_fixtures() {
    for case in cases("topic_events.json") {
        let event: Event = member(&case, "event");
        let epoch = Epoch::parse(&member::<String>(&case, "epoch")).expect("an epoch");
        let frame = Draft::new(event.name.as_deref(), &event.data).seal(&epoch, number(&case["number"]));
        assert_eq!(text(&frame), case["payload"], "{case}");
    }
}

#[test]
fn the_gateways_own_events_are_those_of_the_fixtures() {
    for case in cases("control.json") {
        let frame = written(&case);
        assert_eq!(text(&frame), case["payload"], "{case}");
        assert_eq!(frame.events(), 1, "{case}");
    }
}

fn written(case: &Value) -> Frame {
    let all = case.as_object().expect("a case");
    let (kind, its) = all
        .iter()
        .find(|(name, _)| *name != "name" && *name != "payload")
        .expect("the event and its members");
    let text = |name: &str| its[name].as_str();
    let place = |name: &str| {
        let [epoch, seq] = its[name].as_array()?.as_slice() else { return None };
        Some((epoch.as_str().and_then(Epoch::parse).expect("an epoch"), number(seq)))
    };
    let (id, to) = (place("id"), place("to"));
    let id = id.as_ref().map(|(epoch, seq)| (epoch, *seq));
    match kind.as_str() {
        "connection_close" => {
            control::connection_close(text("reason").expect("a reason"), id, its["retry_ms"].as_u64())
        }
        "topic_close" => {
            let topic: TopicName = member(its, "topic");
            control::topic_close(&topic, text("reason").expect("a reason"), id.expect("an id"))
        }
        "cursor" => control::cursor(id.expect("an id")),
        "gap" => {
            let (epoch, seq) = to.as_ref().expect("a position");
            let topics: Vec<TopicName> = member(its, "topics");
            control::gap(gap_reason(&its["reason"]), &topics, text("from"), (epoch, *seq))
        }
        "unavailable" => {
            let retry_ms = its["retry_ms"].as_u64().expect("a number");
            control::unavailable(text("reason").expect("a reason"), retry_ms)
        }
        other => panic!("{other}"),
    }
}

fn gap_reason(name: &Value) -> GapReason {
    let all = [GapReason::Expired, GapReason::Future, GapReason::Epoch, GapReason::Unknown];
    *all.iter().find(|reason| reason.as_str() == name).expect("a reason")
}

#[test]
fn a_retry_is_put_into_the_first_block_with_data_as_in_the_fixtures() {
    for case in cases("retry.json") {
        let payload: String = member(&case, "payload");
        let frame = Frame::of_payload(payload.as_bytes(), member(&case, "events"));
        let with_retry = frame.with_retry(member(&case, "retry_ms"));
        assert_eq!(text(&with_retry), case["with_retry"], "{case}");
        assert_eq!(with_retry.events(), frame.events(), "{case}");
    }
}

#[test]
fn a_head_gets_no_retry() {
    let head = Frame::verbatim(b"HTTP/1.1 200 OK\r\n\r\ndata: looks like an event\n\n"[..].into());
    assert_eq!(head.with_retry(1), head);
    assert_eq!(Frame::last_chunk().with_retry(1), Frame::last_chunk());
}

fn assert_chunked(frame: &Frame) {
    let mut expected = format!("{:x}\r\n", frame.payload().len()).into_bytes();
    expected.extend_from_slice(frame.payload());
    expected.extend_from_slice(b"\r\n");
    assert_eq!(frame.on_wire(Framing::Chunked), expected);
}

proptest! {
    #[test]
    fn a_sealed_event_is_read_back_with_its_id(event in event(), position in position()) {
        let draft = Draft::new(event.name.as_deref(), &event.data);
        let frame = draft.seal(&position.epoch, position.seq);
        let id_line_bytes = format!("id: {position}\n").len();
        prop_assert_eq!(frame.payload().len(), draft.payload_len() + id_line_bytes);
        prop_assert!(id_line_bytes <= Draft::ID_LINE_BYTES_MAX);
        assert_chunked(&frame);
        prop_assert_eq!(frame.events(), 1);
        let Item::Event { event, data, .. } = seen(&event) else { unreachable!() };
        let expected = Item::Event { event, data, id: position.to_string() };
        prop_assert_eq!(decoder().push(frame.payload()), [expected]);
    }

    #[test]
    fn a_retry_in_front_changes_no_event(events in events(), retry_ms in 0..u64::MAX) {
        let frame = encode(&events, None).with_retry(retry_ms);
        assert_chunked(&frame);
        prop_assert_eq!(frame.events() as usize, events.len());
        let mut expected: Vec<Item> = events.iter().map(seen).collect();
        expected.insert(0, Item::Retry(retry_ms));
        prop_assert_eq!(decoder().push(frame.payload()), expected);
        let first = encode(&events[..1], Some(retry_ms));
        prop_assert!(frame.payload().starts_with(first.payload()), "it is inside the first block");
    }

    #[test]
    fn a_frame_is_made_again_from_its_payload(events in events(), retry_ms in prop::option::of(0..9u64)) {
        let frame = encode(&events, retry_ms);
        prop_assert_eq!(Frame::of_payload(frame.payload(), frame.events()), frame);
    }

    #[test]
    fn no_text_gets_out_of_a_control_event(reason in any::<String>(), from in prop::option::of(any::<String>()), position in position()) {
        let at = (&position.epoch, position.seq);
        let topic = TopicName::parse("\"news\"").expect("a name");
        let id = position.to_string();
        for (frame, id) in [
            (control::connection_close(&reason, Some(at), None), &*id),
            (control::topic_close(&topic, &reason, at), &*id),
            (control::gap(GapReason::Unknown, std::slice::from_ref(&topic), from.as_deref(), at), ""),
        ] {
            let items = decoder().push(frame.payload());
            let [Item::Event { data, id: seen, .. }] = &items[..] else { panic!("{items:?}") };
            prop_assert_eq!(seen, id);
            let data: Value = serde_json::from_str(data).expect("JSON");
            prop_assert!(data["reason"] == reason || data["from"] == serde_json::json!(from));
        }
    }
}
