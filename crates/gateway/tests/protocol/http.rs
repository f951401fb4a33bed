//! 1.1: HTTP/1.0, and what shares a connection with a stream.

use serde_json::json;
use sse_gateway_testkit::{Client, End, Endpoint};

use crate::setup::{get, open, start};

#[tokio::test]
async fn an_http_1_0_stream_has_no_framing_and_ends_by_closing() {
    let (callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send("GET /a?b HTTP/1.0\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!(head.status(), 200);
    assert_eq!(head.header("transfer-encoding"), None);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    assert_eq!(client.next_comment().await, "ok");
    let connect = callbacks.next_connect().await;
    assert_eq!(connect.json()["request"], json!({"url": "/a?b", "headers": {}}));
    let sender = gateway.sender();
    sender.event(&connect.token, "x", "1").await;
    client.next_event().await;
    sender.send(json!({"token": connect.token, "event": {"data": "2"}, "close": true})).await;
    client.next_event().await;
    assert_eq!(client.end().await, End::Clean);
    let text = String::from_utf8_lossy(client.received()).into_owned();
    let (_, body) = text.split_once("\r\n\r\n").expect("a head");
    assert_eq!(body, ": ok\n\nevent: x\ndata: 1\n\ndata: 2\n\n");
}

#[tokio::test]
async fn a_kept_alive_connection_can_become_a_stream() {
    let (callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    for _ in 0..3 {
        client.send(get("/healthz", "")).await;
        assert_eq!(client.response().await.json(), json!({"status": "ok"}));
    }
    client.ask("/").await;
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(client.next_comment().await, "ok");
    let token = callbacks.next_connect().await.token.clone();
    gateway.sender().event(&token, "x", "").await;
    assert_eq!(client.next_event().await.name, "x");
}

#[tokio::test]
async fn pipelined_requests_before_a_stream_are_all_answered_first() {
    let (callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    let send = r#"{"token":"unknown"}"#;
    let post = format!(
        "POST /internal/send HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{send}",
        send.len()
    );
    client.send([get("/healthz", ""), post, get("/readyz", ""), get("/stream", "")].concat()).await;
    assert_eq!(client.response().await.json(), json!({"status": "ok"}));
    assert_eq!(client.response().await.code(), (404, "TOKEN_NOT_FOUND".into()));
    assert_eq!(client.response().await.json(), json!({"status": "ready", "configured": true}));
    assert_eq!(client.head().await.status(), 200);
    assert_eq!(client.next_comment().await, "ok");
    let token = callbacks.next_connect().await.token.clone();
    gateway.sender().event(&token, "x", "").await;
    assert_eq!(client.next_event().await.name, "x");
}

#[tokio::test]
async fn a_request_may_arrive_byte_by_byte() {
    let (callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    for byte in get("/slowly?typed=1", "X-A: b\r\n").bytes() {
        client.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.next_comment().await, "ok");
    assert_eq!(callbacks.next_connect().await.headers["x-a"], "b");
}

#[tokio::test]
async fn what_a_client_sends_on_its_stream_does_not_harm_it() {
    let (callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send([get("/", "").as_str(), "GET /not-a-request HTTP/1.1\r\n\r\n"].concat()).await;
    client.head().await;
    client.send("more").await;
    let token = callbacks.next_connect().await.token.clone();
    let sender = gateway.sender();
    sender.event(&token, "x", "").await;
    assert_eq!(client.next_event().await.name, "x");
    sender.send(json!({"token": token, "close": true})).await;
    assert_eq!(client.end().await, End::Clean);
    assert_eq!(callbacks.next_disconnect().await.reason, "server_closed");
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_get_may_have_a_body() {
    let (callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send([get("/", "Content-Length: 4\r\n").as_str(), "body"].concat()).await;
    assert_eq!(client.next_comment().await, "ok");
    let token = callbacks.next_connect().await.token.clone();
    gateway.sender().event(&token, "x", "").await;
    assert_eq!(client.next_event().await.name, "x");
}

#[tokio::test]
async fn a_client_that_floods_its_stream_is_cut_off() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    // It may be cut off while it still sends.
    let _ = client.try_send("x".repeat(64 << 10)).await;
    let disconnect = callbacks.disconnect_of(&token).await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(true)));
}

#[tokio::test]
async fn an_http_1_0_client_that_asks_for_keep_alive_gets_an_unframed_stream_all_the_same() {
    let (callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    assert_eq!(client.response().await.status(), 200);
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    assert_eq!(client.head().await.header("transfer-encoding"), None);
    assert_eq!(client.next_comment().await, "ok");
    let token = callbacks.next_connect().await.token.clone();
    gateway.sender().send(json!({"token": token, "close": true})).await;
    assert_eq!(client.end().await, End::Clean);
    assert!(client.received().ends_with(b"\r\n\r\n: ok\n\n"));
}

#[tokio::test]
async fn a_connection_serves_on_after_head() {
    let (_callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send(["HEAD / HTTP/1.1\r\nHost: gateway.test\r\n\r\n", &get("/", "")].concat()).await;
    assert_eq!(client.head_only().await.status(), 200);
    let head = client.head().await;
    assert_eq!((head.status(), head.header("connection")), (200, Some("close")));
    assert_eq!(client.next_comment().await, "ok");
}

#[tokio::test]
async fn the_absolute_form_names_the_same_routes() {
    let (callbacks, mut gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send(get("http://anything.test/healthz", "")).await;
    assert_eq!(client.response().await.json(), json!({"status": "ok"}));
    client.send(get("http://anything.test/internal/nothing", "")).await;
    assert_eq!(client.response().await.code(), (404, "NOT_FOUND".into()));
    gateway.stop().await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_sender_that_waits_for_100_continue_gets_it() {
    let (callbacks, gateway) = start().await;
    let (mut stream, token) = open(&callbacks, &gateway, "/").await;
    let body = json!({"token": token, "event": {"data": "x"}}).to_string();
    let mut client = Client::connect(gateway.address()).await;
    let head = format!(
        "POST /internal/send HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    client.send(head).await;
    assert_eq!(client.head_only().await.status(), 100);
    client.send(body).await;
    assert_eq!(client.response().await.json(), json!({"status": "ok"}));
    assert_eq!(stream.next_event().await.data, "x");
}
