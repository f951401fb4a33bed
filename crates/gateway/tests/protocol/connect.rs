//! 1.1: who gets a stream, and by which token.

use std::collections::HashSet;

use serde_json::json;
use sse_gateway_testkit::{Answer, Client, Endpoint, Gate, Gateway, When};

use crate::setup::{get, open, start};

#[tokio::test]
async fn every_path_is_a_stream() {
    let (callbacks, mut gateway) = start().await;
    for target in [
        "/",
        "/a/b/c?d=e&f",
        "/?",
        "/internal",
        "/internals/send",
        "/x/internal/send",
        "/healthz/more",
        "/healthzz",
        "/HEALTHZ",
        "/readyz2",
        "/favicon.ico",
        "/metrics",
    ] {
        open(&callbacks, &gateway, target).await;
    }
    gateway.stop().await;
}

#[tokio::test]
async fn the_gateways_own_paths_ask_nobody() {
    let (callbacks, mut gateway) = start().await;
    let sender = gateway.sender();
    for (path, status) in [
        ("/healthz", 200),
        ("/healthz?a=b", 200),
        ("/readyz", 200),
        ("/internal/metrics", 200),
        ("/internal/", 404),
        ("/internal/nothing", 404),
        ("/internal/send/more", 404),
        ("/internal/send", 405),
    ] {
        assert_eq!(sender.get(path).await.status(), status, "{path}");
    }
    gateway.stop().await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn head_has_the_stream_head_and_asks_nobody() {
    let (callbacks, mut gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send("HEAD /a?b HTTP/1.1\r\nHost: gateway.test\r\n\r\n").await;
    let head = client.head_only().await;
    assert_eq!(head.status(), 200);
    for (name, value) in STREAM_HEADERS {
        assert_eq!(head.header(name), Some(value), "{head:?}");
    }
    client.half_close().await;
    assert_eq!(client.rest().await.0, "", "HEAD has no body");
    gateway.stop().await;
    callbacks.assert_none_left();
}

const STREAM_HEADERS: [(&str, &str); 4] = [
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache"),
    ("x-accel-buffering", "no"),
    ("x-content-type-options", "nosniff"),
];

#[tokio::test]
async fn the_stream_head_is_exact() {
    let (_callbacks, gateway) = start().await;
    let mut client = gateway.get("/").await;
    let head = client.head().await;
    assert_eq!(head.start, "HTTP/1.1 200 OK");
    for (name, value) in STREAM_HEADERS {
        assert_eq!(head.header(name), Some(value), "{head:?}");
    }
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));
    assert_eq!(head.header("connection"), Some("close"));
    assert_eq!(head.header("content-length"), None);
}

#[tokio::test]
async fn a_stream_is_never_compressed() {
    let (_callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send(get("/", "Accept-Encoding: gzip, br, zstd, deflate\r\n")).await;
    assert_eq!(client.head().await.header("content-encoding"), None);
    assert_eq!(client.next_comment().await, "ok");
}

#[tokio::test]
async fn the_comment_ok_comes_with_the_head_before_anything_else() {
    let (callbacks, gateway) = start().await;
    callbacks.answer(When::connect(), Answer::event("first", "\u{feff}bom"));
    let mut client = gateway.get("/").await;
    client.next_event().await;
    let text = String::from_utf8_lossy(client.received()).into_owned();
    let (_, body) = text.split_once("\r\n\r\n").expect("a head");
    assert!(body.starts_with("6\r\n: ok\n\n\r\n"), "{body:?}");
}

#[tokio::test]
async fn without_a_callback_url_every_connect_is_refused() {
    let gateway = Gateway::start([("HEARTBEAT_INTERVAL_SECONDS", "1")]).await;
    let refusal = gateway.fetch("/a").await.response().await;
    let expected = (503, "SERVICE_NOT_CONFIGURED".to_owned(), "Service not configured".to_owned());
    assert_eq!(refusal.error(), expected);
    assert_eq!(refusal.header("x-accel-buffering"), None);
}

#[tokio::test]
async fn each_token_is_another_random_uuid() {
    let (callbacks, gateway) = start().await;
    let mut tokens = HashSet::new();
    for _ in 0..20 {
        let _client = gateway.open("/").await;
        let token = callbacks.next_connect().await.token.clone();
        let parts: Vec<_> = token.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{token}");
        assert!(token.bytes().all(|byte| matches!(byte, b'-' | b'0'..=b'9' | b'a'..=b'f')), "{token}");
        assert_eq!(&token[14..15], "4", "the version of {token}");
        assert!("89ab".contains(&token[19..20]), "the variant of {token}");
        assert!(tokens.insert(token));
    }
}

#[tokio::test]
async fn while_the_backend_is_asked_the_client_sees_no_byte_and_sends_are_kept() {
    let (callbacks, gateway) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::connect(), Answer::ok().after(&gate));
    let mut client = gateway.get("/").await;
    let token = callbacks.next_connect().await.token.clone();
    let sender = gateway.sender();
    assert_eq!(sender.event(&token, "kept", "1").await, "buffered");
    let no_op = sender.send(json!({"token": token})).await;
    assert_eq!((no_op.status(), no_op.json()), (200, json!({"status": "buffered"})));
    assert!(client.is_silent());
    gate.open();
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(client.next_event().await.name, "kept");
    assert_eq!(sender.event(&token, "live", "2").await, "ok");
}
