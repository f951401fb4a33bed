//! `callbacks.json` and `connect_answers.json`: what the gateway and the backend tell each other.

use serde_json::Value;
use sse_gateway_protocol::callback::{Callback, ConnectAnswer, Defect};

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
        let defect = defect.map(|defect| match defect {
            Defect::NoObject => "no_object",
            Defect::Event => "event",
            Defect::Close => "close",
        });
        assert_eq!(defect, case["defect"].as_str(), "{case}");
    }
}

#[test]
fn a_connect_answer_that_is_no_utf_8_opens() {
    assert_eq!(ConnectAnswer::read(b"\xff\xfe"), Ok((ConnectAnswer::default(), Some(Defect::NoObject))));
}

#[test]
fn what_a_backend_writes_as_an_answer_is_read_back() {
    let text = r#"{"event":{"name":"connection_open","data":"{\"status\":\"connected\"}"},"close":true}"#;
    let (answer, defect) = ConnectAnswer::read(text.as_bytes()).expect("it opens");
    assert_eq!(defect, None);
    let written: Value = serde_json::to_value(&answer).expect("serialises");
    assert_eq!(written, serde_json::from_str::<Value>(text).expect("JSON"));
}
