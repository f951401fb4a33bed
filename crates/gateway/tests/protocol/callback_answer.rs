//! 1.1: what the answer to a connect does.

use serde_json::json;
use sse_gateway_testkit::{Answer, End, Endpoint, When};

use crate::setup::{open, start, start_with};

const ANSWER_BYTES_MAX: usize = 256 << 10;

#[tokio::test]
async fn any_2xx_opens_the_stream() {
    let (callbacks, gateway) = start().await;
    for status in [200, 201, 202, 206, 226, 299] {
        callbacks.answer(When::connect(), Answer::status(status));
        open(&callbacks, &gateway, "/").await;
    }
    callbacks.answer(When::connect(), Answer::raw("HTTP/1.1 204 No Content\r\n\r\n"));
    open(&callbacks, &gateway, "/").await;
}

#[tokio::test]
async fn the_answers_event_goes_out_in_whatever_framing_it_came() {
    let (callbacks, gateway) = start().await;
    let body = r#"{"event":{"name":"hello","data":"1"},"unknown":[]}"#;
    for answer in [
        Answer::ok().body(body),
        Answer::ok().body(body).header("Content-Type", "text/plain"),
        Answer::raw(format!("HTTP/1.0 200 OK\r\n\r\n{body}")).then_close(),
        Answer::raw(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}")).then_close(),
        Answer::raw(format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )),
        Answer::raw(format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )),
    ] {
        callbacks.answer(When::connect(), answer);
        let mut client = gateway.open("/").await;
        let event = client.next_event().await;
        assert_eq!((event.name.as_str(), event.data.as_str()), ("hello", "1"));
    }
}

#[tokio::test]
async fn an_answer_can_close_without_an_event() {
    let (callbacks, gateway) = start().await;
    callbacks.answer(When::connect(), Answer::json(&json!({"close": true})));
    let mut client = gateway.open("/").await;
    assert_eq!(client.end().await, End::Clean);
    assert_eq!(client.received().iter().rev().take(5).rev().copied().collect::<Vec<_>>(), b"0\r\n\r\n");
    assert_eq!(callbacks.next_disconnect().await.reason, "server_closed");
}

#[tokio::test]
async fn an_answer_with_a_wrong_body_opens_the_stream_and_the_defect_is_logged() {
    let (callbacks, gateway) = start_with(&[("INTERNAL_SECRET", "quiet-start")]).await;
    assert!(!gateway.output().contains("WARN"), "nothing to warn of yet");
    for body in [
        "ok",
        "{",
        "null",
        "[]",
        "3",
        "\"text\"",
        r#"{"event":3}"#,
        r#"{"event":[]}"#,
        r#"{"event":"x"}"#,
        r#"{"event":{"name":"x"}}"#,
        r#"{"event":{"data":1}}"#,
        r#"{"event":{"name":1,"data":"x"}}"#,
        r#"{"event":{"name":"x\ndata: injected","data":""}}"#,
        r#"{"close":"yes"}"#,
        r#"{"close":1}"#,
    ] {
        callbacks.answer(When::connect(), Answer::ok().body(body));
        let (mut client, token) = open(&callbacks, &gateway, "/").await;
        let sender = gateway.sender().with_bearer("quiet-start");
        assert_eq!(sender.event(&token, "live", "").await, "ok", "{body}");
        assert_eq!(client.next_event().await.name, "live", "{body}");
    }
    callbacks.answer(When::connect(), Answer::ok().body(vec![0xff, 0xfe]));
    open(&callbacks, &gateway, "/").await;
    gateway.wait_output("WARN").await;
}

#[tokio::test]
async fn a_refusal_is_told_to_the_client_and_to_nobody_else() {
    let (callbacks, mut gateway) = start().await;
    for status in [400, 401, 402, 403, 404, 409, 410, 418, 422, 429, 499, 500, 501, 502, 503, 504, 599] {
        let code = match status {
            401 => "BACKEND_AUTH_FAILED",
            403 => "BACKEND_FORBIDDEN",
            _ => "BACKEND_ERROR",
        };
        let answer = Answer::status(status).body("why it said no").header("X-Backend", "private");
        callbacks.answer(When::connect(), answer);
        let refusal = gateway.fetch("/").await.response().await;
        assert_eq!(refusal.error(), (status, code.to_owned(), format!("Backend returned {status}")));
        for name in ["x-backend", "x-accel-buffering", "transfer-encoding"] {
            assert_eq!(refusal.header(name), None, "{refusal:?}");
        }
        let token = callbacks.next_connect().await.token.clone();
        assert_eq!(gateway.sender().send(json!({"token": token})).await.code().0, 404);
    }
    gateway.stop().await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn what_was_kept_for_a_refused_connect_is_dropped_with_its_token() {
    let (callbacks, mut gateway) = start().await;
    let gate = sse_gateway_testkit::Gate::closed();
    callbacks.answer(When::connect(), Answer::status(403).after(&gate));
    let mut client = gateway.fetch("/").await;
    let token = callbacks.next_connect().await.token.clone();
    assert_eq!(gateway.sender().event(&token, "kept", "").await, "buffered");
    gate.open();
    assert_eq!(client.response().await.error().0, 403);
    let gone = gateway.sender().send(json!({"token": token})).await;
    assert_eq!(gone.error(), (404, "TOKEN_NOT_FOUND".into(), "Token not found".into()));
    gateway.stop().await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_connection_serves_on_after_a_refusal() {
    let (callbacks, gateway) = start().await;
    callbacks.answer(When::connect().once(), Answer::status(403));
    let mut client = gateway.fetch("/").await;
    assert_eq!(client.response().await.status(), 403);
    client.ask("/again").await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(client.next_comment().await, "ok");
}

#[tokio::test]
async fn an_answer_may_have_256_kib_and_no_byte_more() {
    let (callbacks, mut gateway) = start().await;
    let padded = |length: usize| {
        let mut body = r#"{"event":{"name":"hello","data":""}}"#.to_owned();
        body.extend(std::iter::repeat_n(' ', length - body.len()));
        body
    };
    callbacks.answer(When::connect(), Answer::ok().body(padded(ANSWER_BYTES_MAX)));
    let mut client = gateway.open("/").await;
    assert_eq!(client.next_event().await.name, "hello");
    callbacks.next_connect().await;

    let endless =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50000\r\n{}", padded(0x50000));
    for answer in [Answer::ok().body(padded(ANSWER_BYTES_MAX + 1)), Answer::raw(endless)] {
        callbacks.answer(When::connect(), answer);
        let refusal = gateway.fetch("/").await.response().await;
        assert_eq!(refusal.code(), (502, "INVALID_CALLBACK_ANSWER".into()));
        let token = callbacks.next_connect().await.token.clone();
        let disconnect = callbacks.next_disconnect().await;
        assert_eq!(disconnect.token, token, "the backend has accepted");
        assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(false)));
    }
    drop(client);
    callbacks.next_disconnect().await;
    gateway.stop().await;
    callbacks.assert_none_left();
}
