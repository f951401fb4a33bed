//! `close.json` and `change.json`, and what the gateway tells about a topic.

use serde_json::{Value, json};
use sse_gateway_protocol::TopicDescription;
use sse_gateway_protocol::change::Change;
use sse_gateway_protocol::close::{Close, Target};

use crate::fixtures::{assert_refused, bytes, cases, member};

#[test]
fn closes_are_read_or_rejected_as_in_the_fixtures() {
    for case in cases("close.json") {
        match (Close::read(&bytes(&case, "body")), &case["error"]) {
            (Ok(close), Value::Null) => {
                let reason = &*close.reason;
                let read = match close.target {
                    Target::Token(token) => {
                        json!({"token": token.map(|it| it.expose().to_string()), "reason": reason})
                    }
                    Target::Topic(topic) => json!({"topic": topic, "reason": reason}),
                    Target::Subject(subject) => json!({"subject": subject, "reason": reason}),
                };
                assert_eq!(read, case["close"], "{case}");
            }
            (Err(rejection), _) => assert_refused(&rejection, &case),
            (Ok(_), _) => panic!("accepted: {case}"),
        }
    }
}

#[test]
fn changes_are_read_or_rejected_as_in_the_fixtures() {
    for case in cases("change.json") {
        match (Change::read(&bytes(&case, "body")), &case["error"]) {
            (Ok(change), Value::Null) => {
                assert_eq!(json!({"add": change.add, "remove": change.remove}), case["change"], "{case}");
            }
            (Err(rejection), _) => assert_refused(&rejection, &case),
            (Ok(_), _) => panic!("accepted: {case}"),
        }
    }
}

#[test]
fn what_the_gateway_tells_about_a_topic_is_what_a_backend_reads() {
    for text in [
        json!({"topic": "task:42", "first": "a-1", "last": "a-7", "events": 7, "bytes": 210, "receivers": 2,
            "completed": {"reason": "done", "position": "a-8"}}),
        json!({"topic": "task:42", "first": null, "last": null, "events": 0, "bytes": 0, "receivers": 0,
            "completed": null}),
    ] {
        let description: TopicDescription = member(&json!({ "it": text }), "it");
        assert_eq!(json!(description), text);
    }
}
