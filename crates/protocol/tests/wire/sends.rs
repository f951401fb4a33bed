//! `send.json`: what `POST /internal/send` makes of a body before it looks for the stream.

use sse_gateway_protocol::send::{Send, SendRequest};
use sse_gateway_protocol::{Event, Token};

use crate::fixtures::{assert_refused, bytes, cases, member};

#[test]
fn bodies_are_read_or_rejected_as_in_the_fixtures() {
    for case in cases("send.json") {
        match (Send::read(&bytes(&case, "body")), &case["error"]) {
            (Ok(send), serde_json::Value::Null) => {
                let expected = &case["send"];
                let token: Option<String> = member(expected, "token");
                assert_eq!(send.token.map(|token| token.expose().to_string()), token, "{case}");
                let payload: Option<String> = member(expected, "payload");
                let read = send.frame.map(|frame| frame.payload().to_vec());
                assert_eq!(read, payload.map(String::into_bytes), "{case}");
                assert_eq!(send.close, expected["close"], "{case}");
            }
            (Err(rejection), _) => assert_refused(&rejection, &case),
            (Ok(_), _) => panic!("accepted: {case}"),
        }
    }
}

#[test]
fn members_that_say_nothing_are_not_sent() {
    let token = Token::from_random_bytes([1; 16]);
    let text = |request: SendRequest| serde_json::to_string(&request).expect("serialises");
    let request = SendRequest { token, event: None, events: vec![], close: false, retry_ms: None };
    assert_eq!(text(request), format!(r#"{{"token":"{}"}}"#, token.expose()));
    let event = Some(Event::unnamed("1"));
    let request = SendRequest { token, event, events: vec![], close: true, retry_ms: Some(5) };
    assert!(text(request).ends_with(r#","event":{"data":"1"},"close":true,"retry_ms":5}"#));
}
