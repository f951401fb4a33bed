//! Every row of the table in protocol 1.3 that needs no stream, in its order.

use super::*;

const TOKEN: &str = "0f4ba9ae-7ae0-4cd1-8ee6-2a3b8b1f2c3d";

fn payload(body: &str) -> String {
    let send = Send::read(body.as_bytes()).expect("a good send");
    String::from_utf8(send.frame.map(|frame| frame.payload().to_vec()).unwrap_or_default()).expect("UTF-8")
}

fn code(body: &str) -> Code {
    Send::read(body.as_bytes()).expect_err(body).code
}

#[test]
fn a_send_is_encoded_as_one_frame() {
    let body = format!(r#"{{"token":"{TOKEN}","event":{{"name":"n","data":"a\nb"}},"close":true,"x":[1]}}"#);
    let send = Send::read(body.as_bytes()).expect("good");
    assert_eq!(send.token, Token::parse(TOKEN));
    assert!(send.close);
    assert_eq!(payload(&body), "event: n\ndata: a\ndata: b\n\n");
    let body = format!(r#"{{"token":"{TOKEN}","events":[{{"data":"1"}},{{"name":"","data":"2"}}]}}"#);
    assert_eq!(payload(&body), "data: 1\n\ndata: 2\n\n");
}

#[test]
fn a_token_alone_is_a_send_without_a_frame() {
    let send = Send::read(format!(r#"{{"token":"{TOKEN}"}}"#).as_bytes()).expect("good");
    assert_eq!((send.frame, send.close), (None, false));
}

#[test]
fn retry_stands_inside_the_last_block_and_only_with_close() {
    let with = |close: bool| {
        format!(r#"{{"token":"t","events":[{{"data":"1"}},{{"data":"2"}}],"close":{close},"retry_ms":5000}}"#)
    };
    assert_eq!(payload(&with(true)), "data: 1\n\ndata: 2\nretry: 5000\n\n");
    assert_eq!(payload(&with(false)), "data: 1\n\ndata: 2\n\n");
    assert_eq!(payload(r#"{"token":"t","close":true,"retry_ms":5000}"#), "retry: 5000\n\n");
}

#[test]
fn a_text_that_can_be_no_token_names_no_stream() {
    assert_eq!(Send::read(br#"{"token":"nobody"}"#).expect("good").token, None);
}

#[test]
fn the_last_of_repeated_members_counts() {
    assert_eq!(payload(r#"{"token":"t","event":3,"event":{"data":"1","data":"2"}}"#), "data: 2\n\n");
}

#[test]
fn escapes_in_member_names_count_as_the_name() {
    assert_eq!(payload(r#"{"t\u006fken":"t","event":{"d\u0061ta":"1"}}"#), "data: 1\n\n");
}

#[test]
fn every_wrong_member_has_its_code() {
    use Code::*;
    for (body, expected) in [
        ("", InvalidJson),
        ("{", InvalidJson),
        ("null", InvalidJson),
        ("[]", InvalidJson),
        (r#""text""#, InvalidJson),
        ("{} {}", InvalidJson),
        ("{}", InvalidTokenMissing),
        (r#"{"token":""}"#, InvalidTokenMissing),
        (r#"{"token":null}"#, InvalidTokenMissing),
        (r#"{"token":7,"event":3}"#, InvalidTokenMissing),
        (r#"{"token":"t","event":null}"#, InvalidEventType),
        (r#"{"token":"t","event":[]}"#, InvalidEventType),
        (r#"{"token":"t","event":"x","close":3}"#, InvalidEventType),
        (r#"{"token":"t","events":[]}"#, InvalidEventType),
        (r#"{"token":"t","events":null}"#, InvalidEventType),
        (r#"{"token":"t","events":{}}"#, InvalidEventType),
        (r#"{"token":"t","event":{"data":""},"events":[{"data":""}]}"#, InvalidEventType),
        (r#"{"token":"t","events":[{"data":""},3]}"#, InvalidEventType),
        (r#"{"token":"t","event":{}}"#, InvalidEventDataMissing),
        (r#"{"token":"t","event":{"data":null,"name":3}}"#, InvalidEventDataMissing),
        (r#"{"token":"t","events":[{"data":""},{"data":1}]}"#, InvalidEventDataMissing),
        (r#"{"token":"t","event":{"data":"","name":null}}"#, InvalidEventNameType),
        (r#"{"token":"t","event":{"data":"","name":3},"close":3}"#, InvalidEventNameType),
        (r#"{"token":"t","event":{"data":"","name":"a\nb"}}"#, InvalidEventName),
        (r#"{"token":"t","event":{"data":"","name":"a\rb"}}"#, InvalidEventName),
        (r#"{"token":"t","event":{"data":"","name":"a\u0000b"},"close":3}"#, InvalidEventName),
        (r#"{"token":"t","close":null}"#, InvalidCloseType),
        (r#"{"token":"t","close":"true"}"#, InvalidCloseType),
        (r#"{"token":"t","close":true,"retry_ms":-1}"#, InvalidRetry),
        (r#"{"token":"t","close":true,"retry_ms":"5"}"#, InvalidRetry),
        (r#"{"token":"t","close":true,"retry_ms":2147483648}"#, InvalidRetry),
    ] {
        assert_eq!(code(body), expected, "{body}");
    }
    assert_eq!(Send::read(b"{\"token\":\"\xff\"}").expect_err("no UTF-8").code, InvalidJson);
}
