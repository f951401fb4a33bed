//! 1.1: how long a callback may take.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use sse_gateway_testkit::{Answer, Callbacks, Endpoint, Gateway, When};
use tokio::net::TcpSocket;

use crate::setup::start_with;

const TRICKLE_INTERVAL: Duration = Duration::from_millis(50);

async fn is_refused_after_a_second(callbacks: &Callbacks, gateway: &Gateway) {
    let begin = Instant::now();
    let refusal = gateway.fetch("/").await.response().await;
    assert_eq!(refusal.error(), (504, "GATEWAY_TIMEOUT".into(), "Gateway timeout".into()));
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(950), "{took:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    let token = callbacks.next_connect().await.token.clone();
    let disconnect = callbacks.next_disconnect().await;
    assert_eq!(disconnect.token, token, "the backend may have accepted");
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(false)));
    let gone = gateway.sender().send(serde_json::json!({"token": token})).await;
    assert_eq!(gone.code(), (404, "TOKEN_NOT_FOUND".into()));
}

async fn times_out(answer: Answer) {
    let (callbacks, mut gateway) = start_with(&[("CALLBACK_TIMEOUT_SECONDS", "1")]).await;
    callbacks.answer(When::connect(), answer);
    is_refused_after_a_second(&callbacks, &gateway).await;
    gateway.stop().await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_callback_without_an_answer_times_out() {
    times_out(Answer::never()).await;
}

#[tokio::test]
async fn the_time_covers_the_answers_head() {
    let head = format!("HTTP/1.1 200 OK\r\nX-Long: {}", "x".repeat(200));
    times_out(Answer::trickle("", head, TRICKLE_INTERVAL)).await;
}

#[tokio::test]
async fn the_time_covers_the_answers_body() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n";
    times_out(Answer::trickle(head, " ".repeat(199), TRICKLE_INTERVAL)).await;
}

#[tokio::test]
async fn the_time_covers_the_body_of_a_refusal() {
    let head = "HTTP/1.1 403 Forbidden\r\nContent-Length: 200\r\n\r\n";
    let (callbacks, gateway) = start_with(&[("CALLBACK_TIMEOUT_SECONDS", "1")]).await;
    callbacks.answer(When::connect(), Answer::trickle(head, " ".repeat(199), TRICKLE_INTERVAL));
    let begin = Instant::now();
    let refusal = gateway.fetch("/").await.response().await;
    // The status was there in time; whether its body is waited for is the gateway's choice.
    assert!(matches!(refusal.status(), 403 | 504), "{refusal:?}");
    assert!(begin.elapsed() < Duration::from_secs(4));
}

/// A full backlog: the kernel drops what else wants to connect.
#[tokio::test]
async fn the_time_covers_connecting() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
    let listener = socket.listen(1).expect("a listener");
    let address = listener.local_addr().expect("bound");
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(tokio::spawn(tokio::net::TcpStream::connect(address)));
    }
    sse_gateway_testkit::eventually("the backlog is full", async || {
        waiting.iter().filter(|connecting| connecting.is_finished()).count() == 2
    })
    .await;
    let url = format!("http://{address}/");
    let gateway = Gateway::start([("CALLBACK_URL", url.as_str()), ("CALLBACK_TIMEOUT_SECONDS", "1")]).await;
    let begin = Instant::now();
    let refusal = gateway.fetch("/").await.response().await;
    assert_eq!(refusal.code(), (504, "GATEWAY_TIMEOUT".into()));
    assert!(begin.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_slow_callback_delays_no_other_stream() {
    let (callbacks, gateway) = start_with(&[]).await;
    callbacks.answer(When::connect().url("/slow"), Answer::never());
    let slow = gateway.get("/slow").await;
    callbacks.connect_of("/slow").await;
    let mut quick = gateway.open("/quick").await;
    let token = callbacks.connect_of("/quick").await.token.clone();
    assert_eq!(gateway.sender().event(&token, "x", "").await, "ok");
    assert_eq!(quick.next_event().await.name, "x");
    assert!(slow.is_silent());
}

#[tokio::test]
async fn by_default_a_callback_has_five_seconds() {
    let (callbacks, gateway) = start_with(&[]).await;
    callbacks.answer(When::connect(), Answer::never());
    let begin = Instant::now();
    assert_eq!(gateway.fetch("/").await.response().await.code(), (504, "GATEWAY_TIMEOUT".into()));
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(4_900) && took < Duration::from_secs(8), "{took:?}");
}
