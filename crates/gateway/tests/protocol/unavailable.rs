//! 19.1: trouble that passes, as a client hears it that can come back.

use std::ops::RangeInclusive;

use serde_json::json;
use sse_gateway_protocol::sse::Item;
use sse_gateway_testkit::{Answer, Client, End, Endpoint, Gate, Gateway, Signal, When};

use crate::setup::{get, half_asked, open, start, start_with};

const CALM: RangeInclusive<u64> = 1_000..=5_000;
const OVERLOADED: RangeInclusive<u64> = 5_000..=15_000;

/// Reads a stream that is over before it began; gives its `retry`.
async fn reads_unavailable(client: &mut Client, reason: &str) -> u64 {
    let head = client.head().await;
    assert_eq!(head.status(), 200, "{head:?}");
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(head.header("cache-control"), Some("no-cache"));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    assert_eq!(head.header("connection"), Some("close"));
    assert_eq!(head.header("retry-after"), None);
    assert_eq!(client.next_comment().await, "ok");
    let Item::Retry(retry_ms) = client.next_item().await else { panic!("no retry in the block") };
    let event = client.next_event().await;
    assert_eq!((event.name.as_str(), event.id.as_str()), ("unavailable", ""));
    assert_eq!(event.data, json!({"reason": reason}).to_string());
    assert_eq!(client.end().await, End::Clean);
    retry_ms
}

async fn is_unavailable(gateway: &Gateway, target: &str, reason: &str, within: RangeInclusive<u64>) {
    let retry_ms = reads_unavailable(&mut gateway.get(target).await, reason).await;
    assert!(within.contains(&retry_ms), "{reason}: {retry_ms} ms");
}

#[tokio::test]
async fn a_backend_in_trouble_ends_no_event_source_for_good() {
    let (callbacks, gateway) = start_with(&[("CALLBACK_TIMEOUT_SECONDS", "1")]).await;
    for (answer, reason, within) in [
        (Answer::status(429), "backend_overloaded", OVERLOADED),
        (Answer::status(502), "backend_unavailable", CALM),
        (Answer::status(503), "backend_unavailable", CALM),
        (Answer::status(504), "backend_unavailable", CALM),
        (Answer::close(), "backend_unavailable", CALM),
        (Answer::reset(), "backend_unavailable", CALM),
        (Answer::raw("nonsense\r\n\r\n"), "backend_unavailable", CALM),
        (Answer::json(&json!({"topics": 7})), "backend_unavailable", CALM),
        (Answer::never(), "backend_timeout", CALM),
    ] {
        callbacks.answer(When::connect(), answer);
        is_unavailable(&gateway, "/", reason, within).await;
    }
    callbacks.answer(When::connect(), Answer::ok());
    drop(gateway.open("/").await);
}

#[tokio::test]
async fn a_backend_that_is_not_there_ends_no_event_source_for_good() {
    let (callbacks, gateway) = start().await;
    drop(callbacks);
    is_unavailable(&gateway, "/", "backend_unavailable", CALM).await;
}

#[tokio::test]
async fn what_is_for_good_keeps_its_status() {
    let (callbacks, gateway) = start_with(&[("TRANSIENT_REFUSAL", "retry")]).await;
    for status in [302, 400, 401, 403, 404, 408, 409, 410, 425, 500, 501] {
        callbacks.answer(When::connect(), Answer::status(status));
        let response = gateway.get("/").await.response().await;
        assert_eq!(response.status(), status);
        assert_eq!(response.header("retry-after"), None);
        assert!(response.json()["error"]["code"].is_string());
    }
    assert_eq!(gateway.get("/internal/nothing").await.response().await.status(), 404);
}

async fn hears_a_status(gateway: &Gateway, headers: &str, seconds: RangeInclusive<u64>) {
    let mut client = Client::connect(gateway.address()).await;
    client.send(get("/", headers)).await;
    let response = client.response().await;
    assert_eq!(response.code(), (503, "BACKEND_ERROR".into()), "{headers}");
    let retry_after = response.header("retry-after").expect("when to come back");
    assert!(seconds.contains(&retry_after.parse().expect("seconds")), "{retry_after}");
}

#[tokio::test]
async fn who_does_not_name_event_streams_hears_an_honest_status_and_when_to_come_back() {
    let (callbacks, gateway) = start().await;
    callbacks.answer(When::connect(), Answer::status(503));
    for accept in ["", "Accept: */*\r\n", "Accept: text/*\r\n", "Accept: text/event-stream;q=0\r\n"] {
        hears_a_status(&gateway, accept, 1..=5).await;
    }
    for accept in ["Accept: text/html, text/event-stream\r\n", "accept: TEXT/EVENT-STREAM\r\n"] {
        let mut client = Client::connect(gateway.address()).await;
        client.send(get("/", accept)).await;
        reads_unavailable(&mut client, "backend_unavailable").await;
    }
}

#[tokio::test]
async fn a_setting_decides_for_everybody() {
    let (callbacks, gateway) = start_with(&[("TRANSIENT_REFUSAL", "status")]).await;
    callbacks.answer(When::connect(), Answer::status(503));
    hears_a_status(&gateway, "Accept: text/event-stream\r\n", 1..=5).await;

    let settings = [("TRANSIENT_REFUSAL", "retry"), ("UNAVAILABLE_RETRY_MS", "1000")];
    let (callbacks, gateway) = start_with(&settings).await;
    callbacks.answer(When::connect(), Answer::status(503));
    let retry_ms = reads_unavailable(&mut gateway.fetch("/").await, "backend_unavailable").await;
    assert_eq!(retry_ms, 1_000);
}

#[tokio::test]
async fn those_who_are_refused_together_do_not_come_back_together() {
    let (callbacks, gateway) = start().await;
    callbacks.answer(When::connect(), Answer::status(503));
    let mut delays = std::collections::BTreeSet::new();
    for _ in 0..10 {
        delays.insert(reads_unavailable(&mut gateway.get("/").await, "backend_unavailable").await);
    }
    assert!(delays.len() >= 8, "{delays:?}");
}

#[tokio::test]
async fn a_full_gateway_is_overloaded() {
    let (callbacks, gateway) = start_with(&[("STREAMS_MAX", "1")]).await;
    let (_client, _) = open(&callbacks, &gateway, "/").await;
    is_unavailable(&gateway, "/", "overloaded", OVERLOADED).await;
}

#[tokio::test]
async fn too_many_topics_are_overload_that_the_socket_itself_hears() {
    let (callbacks, gateway) = start_with(&[("TOPICS_MAX", "1")]).await;
    callbacks.answer(When::connect(), Answer::json(&json!({"topics": ["a"]})));
    let _client = gateway.open("/").await;
    callbacks.answer(When::connect(), Answer::json(&json!({"topics": ["b"]})));
    is_unavailable(&gateway, "/", "overloaded", OVERLOADED).await;
    let response = gateway.fetch("/").await.response().await;
    assert_eq!(response.code(), (429, "TOPICS_FULL".into()));
    assert!(response.header("retry-after").is_some());
}

#[tokio::test]
async fn a_gateway_that_knows_no_backend_yet_says_so() {
    let gateway = Gateway::start([("LOG_LEVEL", "info")]).await;
    is_unavailable(&gateway, "/", "not_configured", CALM).await;
}

#[tokio::test]
async fn a_connect_on_an_open_connection_hears_of_the_drain() {
    let (callbacks, mut gateway) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::disconnect(), Answer::ok().after(&gate));
    let (mut client, _) = open(&callbacks, &gateway, "/").await;
    let (mut late, other_half) = half_asked(&gateway, "/late").await;
    gateway.signal(Signal::TERM);
    client.remaining_events().await;
    callbacks.next_disconnect().await;
    late.send(other_half.replace("\r\n\r\n", "\r\nAccept: text/event-stream\r\n\r\n")).await;
    reads_unavailable(&mut late, "draining").await;
    gate.open();
    assert_eq!(gateway.wait_exit().await.code, Some(0));
}

#[tokio::test]
async fn pages_of_other_origins_may_read_it() {
    let (callbacks, gateway) = start_with(&[("CORS_ALLOW_ORIGIN", "https://app.example.org")]).await;
    callbacks.answer(When::connect(), Answer::status(503));
    let mut client = Client::connect(gateway.address()).await;
    client.send(get("/", "Origin: https://app.example.org\r\nAccept: text/event-stream\r\n")).await;
    let head = client.head().await;
    assert_eq!(head.header("access-control-allow-origin"), Some("https://app.example.org"));
    reads_unavailable(&mut client, "backend_unavailable").await;
}

#[tokio::test]
async fn an_old_client_gets_the_same_without_chunks() {
    let (callbacks, gateway) = start().await;
    callbacks.answer(When::connect(), Answer::status(503));
    let mut client = Client::connect(gateway.address()).await;
    client.send("GET / HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n").await;
    reads_unavailable(&mut client, "backend_unavailable").await;
}

#[tokio::test]
async fn a_refusal_that_looks_like_a_stream_never_opened() {
    let (callbacks, gateway) = start_with(&[("CALLBACK_TIMEOUT_SECONDS", "1")]).await;
    callbacks.answer(When::connect(), Answer::never());
    reads_unavailable(&mut gateway.get("/").await, "backend_timeout").await;
    let disconnect = callbacks.next_disconnect().await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(false)));
}
