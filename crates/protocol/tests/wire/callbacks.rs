//! `callbacks.json`, `connect_answers.json` and `connect_topics.json`: what the gateway and the backend tell each other.

use serde_json::{Value, json};
use sse_gateway_protocol::callback::{Callback, ConnectAnswer, Defect, TopicWish};

use crate::fixtures::{cases, member};

#[test]
fn callback_bodies_are_those_of_the_fixtures_in_both_directions() {
    for case in cases("callbacks.json") {
        let callback: Callback = member(&case, "body");
        assert_eq!(serde_json::to_value(&callback).expect("serialises"), case["body"], "{case}");
    }
}

#[test]
fn a_header_that_the_original_gives_as_a_list_is_joined() {
    let body = r#"{"action":"connect","token":"0f4ba9ae-7ae0-4cd1-8ee6-2a3b8b1f2c3d",
        "request":{"url":"/","headers":{"set-cookie":["a=1","b=2"],"host":"h"}}}"#;
    let Callback::Connect { request, .. } = serde_json::from_str(body).expect("reads") else { panic!() };
    assert_eq!((&*request.headers["set-cookie"], &*request.headers["host"]), ("a=1, b=2", "h"));
}

#[test]
fn connect_answers_are_read_as_in_the_fixtures() {
    for case in cases("connect_answers.json") {
        let body: String = member(&case, "body");
        let (answer, defect) = ConnectAnswer::read(body.as_bytes()).expect("it opens");
        assert_eq!(answer.event, member(&case, "event"), "{case}");
        assert_eq!(answer.close, case["close"], "{case}");
        assert_eq!(defect.map(name_of), case["defect"].as_str(), "{case}");
    }
}

fn name_of(defect: Defect) -> &'static str {
    match defect {
        Defect::NoObject => "no_object",
        Defect::Event => "event",
        Defect::Close => "close",
    }
}

#[test]
fn what_a_connect_answer_asks_of_the_log_is_read_or_refused_as_in_the_fixtures() {
    for case in cases("connect_topics.json") {
        let body: String = member(&case, "body");
        match ConnectAnswer::read(body.as_bytes()) {
            Ok((answer, defect)) => {
                let topics: Vec<Value> = answer.topics.iter().map(wish).collect();
                assert_eq!(json!(topics), case["answer"]["topics"], "{case}");
                assert_eq!(json!(answer.retry_ms), case["answer"]["retry_ms"], "{case}");
                assert_eq!(json!(answer.subject), case["answer"]["subject"], "{case}");
                assert_eq!(defect.map(name_of), case["answer"]["defect"].as_str(), "{case}");
            }
            Err(error) => {
                assert_eq!(error.member, case["invalid"], "{case}");
                assert!(error.to_string().starts_with(&format!("`{}` is not ", error.member)), "{error}");
            }
        }
    }
}

/// Gives a wish with all its members, those by default too.
fn wish(wish: &TopicWish) -> Value {
    json!({
        "name": wish.name,
        "from": wish.from,
        "exclusive": wish.exclusive,
        "if_missing": wish.if_missing,
    })
}

#[test]
fn a_connect_answer_that_is_no_utf_8_opens() {
    assert_eq!(ConnectAnswer::read(b"\xff\xfe"), Ok((ConnectAnswer::default(), Some(Defect::NoObject))));
}

#[test]
fn what_a_backend_writes_as_an_answer_is_read_back() {
    let text = r#"{"event":{"name":"connection_open","data":"{\"status\":\"connected\"}"},"close":true,
        "topics":[{"name":"news"},{"name":"task:42","from":"start","exclusive":true,
            "if_missing":{"events":[{"name":"error","data":"{}"}],"reason":"task_not_found"}},
            {"name":"old","from":"a1b2-7"}],
        "retry_ms":3000,"subject":"user-7"}"#;
    let (answer, defect) = ConnectAnswer::read(text.as_bytes()).expect("it opens");
    assert_eq!(defect, None);
    let written: Value = serde_json::to_value(&answer).expect("serialises");
    assert_eq!(written, serde_json::from_str::<Value>(text).expect("JSON"));
    assert_eq!(json!(ConnectAnswer::default()), json!({}), "members that say nothing are not written");
}
