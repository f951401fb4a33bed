//! 1.3: what is refused, in which order, in which words.

use serde_json::{Value, json};
use sse_gateway_testkit::Endpoint;

use crate::setup::{open, start};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";

/// Each body has every mistake that is looked for after the one that answers.
#[tokio::test]
async fn the_first_mistake_of_the_table_answers() {
    let (_callbacks, gateway) = start().await;
    let wrong_event = json!({"name": 1});
    let token_missing = "Invalid request: token is required and must be a string";
    let data_missing = "Invalid request: event.data is required and must be a string";
    for (body, code, message) in [
        (json!({"event": 1, "close": 1}), "INVALID_TOKEN_MISSING", token_missing),
        (json!({"token": "", "event": 1, "close": 1}), "INVALID_TOKEN_MISSING", token_missing),
        (json!({"token": 7, "event": 1, "close": 1}), "INVALID_TOKEN_MISSING", token_missing),
        (json!({"token": null, "event": 1, "close": 1}), "INVALID_TOKEN_MISSING", token_missing),
        (json!({"token": ["x"]}), "INVALID_TOKEN_MISSING", token_missing),
        (json!({}), "INVALID_TOKEN_MISSING", token_missing),
        (
            json!({"token": UNKNOWN, "event": null, "close": 1}),
            "INVALID_EVENT_TYPE",
            "Invalid request: event must be an object",
        ),
        (
            json!({"token": UNKNOWN, "event": wrong_event, "close": 1}),
            "INVALID_EVENT_DATA_MISSING",
            data_missing,
        ),
        (
            json!({"token": UNKNOWN, "event": {"name": 1, "data": ""}, "close": 1}),
            "INVALID_EVENT_NAME_TYPE",
            "Invalid request: event.name must be a string",
        ),
        (
            json!({"token": UNKNOWN, "event": {"name": "x", "data": ""}, "close": 1}),
            "INVALID_CLOSE_TYPE",
            "Invalid request: close must be a boolean",
        ),
    ] {
        let refusal = gateway.sender().send(body.clone()).await;
        assert_eq!(refusal.error(), (400, code.to_owned(), message.to_owned()), "{body}");
    }
    let refusal =
        gateway.sender().send(json!({"token": UNKNOWN, "event": {"data": ""}, "close": true})).await;
    assert_eq!(refusal.error(), (404, "TOKEN_NOT_FOUND".into(), "Token not found".into()));
}

#[tokio::test]
async fn each_wrong_type_is_refused_and_nothing_of_it_arrives() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let wrong = |value: Value| [json!(null), json!(1), json!(true), json!("x"), json!([]), json!({}), value];
    let refused = async |member: Value, code: &str| {
        let mut body = json!({"token": token});
        body.as_object_mut().expect("an object").extend(member.as_object().expect("an object").clone());
        assert_eq!(gateway.sender().send(body.clone()).await.code(), (400, code.to_owned()), "{body}");
    };
    for event in wrong(json!([{"data": "x"}])).into_iter().filter(|value| !value.is_object()) {
        refused(json!({"event": event}), "INVALID_EVENT_TYPE").await;
    }
    refused(json!({"event": {}}), "INVALID_EVENT_DATA_MISSING").await;
    for data in wrong(json!(1.5)).into_iter().filter(|value| !value.is_string()) {
        refused(json!({"event": {"data": data}}), "INVALID_EVENT_DATA_MISSING").await;
    }
    for name in wrong(json!(1.5)).into_iter().filter(|value| !value.is_string()) {
        refused(json!({"event": {"data": "x", "name": name}}), "INVALID_EVENT_NAME_TYPE").await;
    }
    for close in wrong(json!(0)).into_iter().filter(|value| !value.is_boolean()) {
        refused(json!({"event": {"data": "x"}, "close": close}), "INVALID_CLOSE_TYPE").await;
    }
    assert_eq!(gateway.sender().event(&token, "next", "").await, "ok");
    assert_eq!(client.next_event().await.name, "next");
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let (_callbacks, gateway) = start().await;
    let sender = gateway.sender();
    let good = format!(r#"{{"token":"{UNKNOWN}"}}"#);
    for (content_type, body) in [
        ("application/json", ""),
        ("application/json", "{"),
        ("application/json", r#"{"token":"x"} x"#),
        ("application/json", "{'token':'x'}"),
        ("application/json", "null"),
        ("application/json", "3"),
        ("application/json", r#""token""#),
        ("text/plain", &good),
        ("application/x-www-form-urlencoded", &good),
        ("application/jsonx", &good),
        ("", &good),
    ] {
        let refusal = sender.post("/internal/send", content_type, body.to_owned()).await;
        assert_eq!(refusal.code(), (400, "INVALID_JSON".into()), "{content_type:?} {body:?}");
    }
    let bytes = [b"{\"token\":\"".as_slice(), &[0xff, 0xfe], b"\"}"].concat();
    let refusal = sender.post("/internal/send", "application/json", bytes).await;
    assert_eq!(refusal.code(), (400, "INVALID_JSON".into()));
    let deep = format!(r#"{{"token":"x","deep":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let status = sender.post("/internal/send", "application/json", deep).await.status();
    assert!(matches!(status, 400 | 404), "a deep body is no crash: {status}");
    assert_eq!(sender.get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn json_may_be_declared_with_parameters_and_in_any_case() {
    let (_callbacks, gateway) = start().await;
    let body = format!(r#" {{"token":"{UNKNOWN}"}} "#);
    for content_type in
        ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"]
    {
        let answer = gateway.sender().post("/internal/send", content_type, body.clone()).await;
        assert_eq!(answer.code(), (404, "TOKEN_NOT_FOUND".into()), "{content_type}");
    }
}

#[tokio::test]
async fn what_is_no_token_names_no_stream() {
    let (callbacks, gateway) = start().await;
    let (_client, token) = open(&callbacks, &gateway, "/").await;
    for unknown in [UNKNOWN, "x", " ", "tøken", "\0", &"9".repeat(100_000), &format!("{token} "), &token[1..]]
    {
        let refusal = gateway.sender().send(json!({"token": unknown})).await;
        assert_eq!(refusal.error(), (404, "TOKEN_NOT_FOUND".into(), "Token not found".into()));
    }
}

#[tokio::test]
async fn unknown_members_are_ignored_and_a_token_alone_does_nothing() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let sender = gateway.sender();
    for body in [json!({"token": token}), json!({"token": token, "close": false, "id": "1", "retry": []})] {
        let answer = sender.send(body).await;
        assert_eq!((answer.status(), answer.json()), (200, json!({"status": "ok"})));
    }
    let body = json!({"token": token, "event": {"data": "x"}, "topic": {}, "extra": null});
    assert_eq!(sender.send(body).await.status(), 200);
    assert_eq!(client.next_event().await.data, "x");
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_read() {
    let (_callbacks, gateway) = start().await;
    let body = "no json ".repeat(1 << 18);
    let refusal = gateway.sender().post("/internal/send", "text/plain", body).await;
    assert_eq!(refusal.code(), (413, "BODY_TOO_LARGE".into()));
}

/// A text that was cut within a character must not make its whole event undeliverable.
#[tokio::test]
async fn half_of_a_surrogate_pair_becomes_the_replacement_character() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let body = format!(r#"{{"token":"{token}","event":{{"data":"a\ud83d b\ud83d\ude00 \u0000"}}}}"#);
    assert_eq!(gateway.sender().post("/internal/send", "application/json", body).await.status(), 200);
    assert_eq!(client.next_event().await.data, "a\u{fffd} b\u{1f600} \0");
}
