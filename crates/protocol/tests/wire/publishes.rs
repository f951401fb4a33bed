//! `publish.json`: what `POST /internal/publish` makes of a body before it asks the log.

use serde_json::json;
use sse_gateway_protocol::code::Code;
use sse_gateway_protocol::publish::{
    Completing, Publish, PublishRequest, Published, RESERVED, encode_event, read_event, read_reason,
    read_topic,
};
use sse_gateway_protocol::send::Rejection;
use sse_gateway_protocol::sse::Draft;
use sse_gateway_protocol::{Epoch, Event, TopicName};

use crate::fixtures::{assert_refused, bytes, cases, member};

/// Gives the lines of an event that has no id yet.
fn lines(draft: &Draft) -> String {
    let frame = draft.seal(&Epoch::parse("x").expect("an epoch"), 1);
    let text = String::from_utf8(frame.payload().to_vec()).expect("UTF-8");
    text.strip_suffix("id: x-1\n\n").expect("the id is last").to_owned()
}

#[test]
fn bodies_are_read_or_rejected_as_in_the_fixtures() {
    for case in cases("publish.json") {
        match (Publish::read(&bytes(&case, "body")), &case["error"]) {
            (Ok(publish), serde_json::Value::Null) => {
                let events: Vec<String> = publish.events.iter().map(lines).collect();
                let read = json!({
                    "topic": publish.topic,
                    "events": events,
                    "id": publish.key,
                    "close": publish.close.as_deref(),
                });
                assert_eq!(read, case["publish"], "{case}");
            }
            (Err(rejection), _) => assert_refused(&rejection, &case),
            (Ok(_), _) => panic!("accepted: {case}"),
        }
    }
}

fn fingerprint(body: serde_json::Value) -> u64 {
    Publish::read(body.to_string().as_bytes()).expect("a good publish").fingerprint
}

#[test]
fn bodies_that_differ_in_any_event_or_the_end_have_other_fingerprints() {
    let bodies = [
        json!({"topic": "t"}),
        json!({"topic": "t", "event": {"data": ""}}),
        json!({"topic": "t", "event": {"data": "ab"}}),
        json!({"topic": "t", "event": {"data": "a\nb"}}),
        json!({"topic": "t", "event": {"name": "a", "data": "b"}}),
        json!({"topic": "t", "event": {"name": "ab", "data": ""}}),
        json!({"topic": "t", "event": {"data": "b"}}),
        json!({"topic": "t", "events": [{"data": "a"}, {"data": "b"}]}),
        json!({"topic": "t", "events": [{"data": "b"}, {"data": "a"}]}),
        json!({"topic": "t", "events": [{"data": "a"}, {"data": "b"}, {"data": ""}]}),
        json!({"topic": "t", "close": {"reason": ""}}),
        json!({"topic": "t", "close": {"reason": "a"}}),
        json!({"topic": "t", "close": {"reason": "data: ab\n"}}),
        json!({"topic": "t", "event": {"data": "ab"}, "close": {"reason": ""}}),
        json!({"topic": "t", "event": {"data": "ab"}, "close": {"reason": "a"}}),
    ];
    let all: std::collections::HashMap<u64, _> =
        bodies.iter().map(|body| (fingerprint(body.clone()), body)).collect();
    assert_eq!(all.len(), bodies.len());
}

#[test]
fn the_spelling_of_a_body_does_not_change_its_fingerprint() {
    let plain = fingerprint(json!({"topic": "t", "event": {"name": "n", "data": "a\nb"}, "id": "k"}));
    assert_eq!(
        fingerprint(json!({"id": "k", "events": [{"data": "a\r\nb", "name": "n"}], "topic": "t"})),
        plain
    );
    assert_eq!(fingerprint(json!({"topic": "u", "event": {"name": "n", "data": "a\nb"}})), plain);
}

/// A durable log stores fingerprints: one that changes would refuse what a backend repeats.
#[test]
fn fingerprints_stay_the_same_in_every_release() {
    let body = json!({"topic": "t", "events": [{"data": "1"}, {"name": "n", "data": "2"}], "close": {"reason": "x"}});
    assert_eq!((fingerprint(json!({"topic": "t"})), fingerprint(body)), (0, 8_231_021_637_373_530_513));
}

#[test]
fn what_a_backend_publishes_is_what_the_gateway_reads() {
    let topic = TopicName::parse("task:42").expect("a name");
    let request = PublishRequest {
        topic: topic.clone(),
        event: None,
        events: vec![Event::named("a", "1"), Event::unnamed("2")],
        id: Some("key".into()),
        close: Some(Completing { reason: "done".into() }),
    };
    let body = serde_json::to_vec(&request).expect("serialises");
    let drafts = vec![Draft::new(Some("a"), "1"), Draft::new(None, "2")];
    let publish = Publish::new(topic.clone(), drafts, Some("key".into()), Some("done".into()));
    assert_eq!(Publish::read(&body), Ok(publish));
    let request = PublishRequest { topic, event: None, events: vec![], id: None, close: None };
    assert_eq!(json!(request), json!({"topic": "task:42"}), "members that say nothing are not sent");
}

#[test]
fn what_the_gateway_answers_is_what_a_backend_reads() {
    let answer = json!({"position": "a1b2-42", "receivers": 3});
    let published: Published = member(&json!({ "answer": answer }), "answer");
    assert_eq!(json!(published), answer);
}

fn code<T: std::fmt::Debug>(result: Result<T, Rejection>) -> Code {
    result.expect_err("refused").code
}

#[test]
fn an_event_of_the_streaming_form_is_checked_as_that_of_a_publish() {
    assert_eq!(read_event(br#" {"name":"n","data":"1","id":"7"} "#), Ok(Draft::new(Some("n"), "1")));
    assert_eq!(encode_event(Some("n"), "1"), Ok(Draft::new(Some("n"), "1")));
    assert_eq!(encode_event(Some(""), "1"), Ok(Draft::new(None, "1")));
    assert_eq!(code(read_event(b"3")), Code::InvalidJson);
    assert_eq!(code(read_event(b"{")), Code::InvalidJson);
    assert_eq!(code(read_event(b"{}")), Code::InvalidEventDataMissing);
    assert_eq!(code(read_event(br#"{"data":"","name":null}"#)), Code::InvalidEventNameType);
    assert_eq!(code(read_event(br#"{"data":"","name":"a\nb"}"#)), Code::InvalidEventName);
    assert_eq!(code(encode_event(Some("a\0b"), "")), Code::InvalidEventName);
    for name in RESERVED {
        assert_eq!(
            code(read_event(json!({"name": name, "data": ""}).to_string().as_bytes())),
            Code::ReservedEventName
        );
        assert_eq!(code(encode_event(Some(name), "")), Code::ReservedEventName);
    }
}

#[test]
fn parts_of_a_target_are_checked_as_members_are() {
    assert_eq!(read_topic("a b").expect("a name").as_str(), "a b");
    assert_eq!(code(read_topic("")), Code::InvalidTopic);
    assert_eq!(&*read_reason("").expect("a reason"), "");
    assert_eq!(code(read_reason(&"r".repeat(1025))), Code::InvalidCloseType);
}
