//! 1.5: shutdown.

use std::time::{Duration, Instant};

use serde_json::json;
use sse_gateway_testkit::{Answer, Client, End, Endpoint, Gate, Signal, When, eventually};

use crate::setup::{get, half_asked, open, start, start_with};

/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

#[tokio::test]
async fn open_streams_end_cleanly_their_disconnects_are_told_and_the_exit_is_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let (callbacks, mut gateway) = start().await;
        let mut clients = Vec::new();
        for number in 0..20 {
            clients.push(open(&callbacks, &gateway, &format!("/{number}")).await);
        }
        let begin = Instant::now();
        gateway.signal(signal);
        for (client, _) in &mut clients {
            assert_eq!(client.end().await, End::Clean);
            assert!(client.received().ends_with(b"0\r\n\r\n"));
        }
        let exit = gateway.wait_exit().await;
        assert_eq!(exit.code, Some(0), "{}", exit.output);
        assert!(begin.elapsed() < Duration::from_secs(5) + SLACK);
        for (_, token) in &clients {
            let disconnect = callbacks.disconnect_of(token).await;
            assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", Some(true)));
        }
        callbacks.assert_none_left();
    }
}

#[tokio::test]
async fn what_was_acknowledged_arrives_before_the_end() {
    let (callbacks, mut gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let sender = gateway.sender();
    for number in 0..50 {
        sender.event(&token, &number.to_string(), &"x".repeat(1_000)).await;
    }
    gateway.signal(Signal::TERM);
    for number in 0..50 {
        assert_eq!(client.next_event().await.name, number.to_string());
    }
    assert_eq!(client.end().await, End::Clean);
    assert_eq!(gateway.wait_exit().await.code, Some(0));
}

#[tokio::test]
async fn a_gateway_without_streams_exits_at_once() {
    let (_callbacks, mut gateway) = start().await;
    let _idle = Client::connect(gateway.address()).await;
    let begin = Instant::now();
    gateway.stop().await;
    assert!(begin.elapsed() < SLACK, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn streams_still_opening_are_dropped_without_an_answer_and_their_callbacks_finished() {
    let (callbacks, mut gateway) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::connect().url("/opening"), Answer::event("x", "").after(&gate));
    let (mut open_client, open_token) = open(&callbacks, &gateway, "/open").await;
    let mut opening = gateway.get("/opening").await;
    let token = callbacks.connect_of("/opening").await.token.clone();
    gateway.signal(Signal::TERM);
    assert_eq!(open_client.end().await, End::Clean);
    assert_eq!(opening.rest().await.0, "", "dropped without an answer");
    gate.open();
    let exit = gateway.wait_exit().await;
    assert_eq!(exit.code, Some(0), "{}", exit.output);
    let disconnect = callbacks.disconnect_of(&token).await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", Some(false)));
    callbacks.disconnect_of(&open_token).await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_stream_still_opening_that_is_refused_then_causes_no_disconnect() {
    let (callbacks, mut gateway) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::connect(), Answer::status(403).after(&gate));
    let mut opening = gateway.get("/").await;
    callbacks.next_connect().await;
    gateway.signal(Signal::TERM);
    assert_eq!(opening.rest().await.0, "");
    gate.open();
    assert_eq!(gateway.wait_exit().await.code, Some(0));
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_backend_that_does_not_answer_cannot_hold_the_exit_up() {
    let (callbacks, mut gateway) = start_with(&[("SHUTDOWN_SECONDS", "1")]).await;
    callbacks.answer(When::connect().url("/opening"), Answer::never());
    callbacks.answer(When::disconnect(), Answer::never());
    let (mut client, _) = open(&callbacks, &gateway, "/open").await;
    let _opening = gateway.get("/opening").await;
    callbacks.connect_of("/opening").await;
    let before = gateway.output();
    let begin = Instant::now();
    gateway.signal(Signal::TERM);
    assert_eq!(client.end().await, End::Clean);
    let exit = gateway.wait_exit().await;
    let took = begin.elapsed();
    assert_eq!(exit.code, Some(0), "{}", exit.output);
    assert!(took < Duration::from_secs(1) + SLACK, "{took:?}");
    let warned = exit.output[before.len()..].contains("WARN");
    assert!(warned, "what the budget cuts off is logged: {}", exit.output);
}

#[tokio::test]
async fn a_client_that_does_not_read_cannot_hold_the_exit_up() {
    let (callbacks, mut gateway) = start_with(&[("SHUTDOWN_SECONDS", "1")]).await;
    let mut stuck = Client::connect_with_receive_buffer(gateway.address(), 4_096).await;
    stuck.send(get("/stuck", "")).await;
    stuck.head().await;
    let token = callbacks.connect_of("/stuck").await.token.clone();
    for _ in 0..8 {
        gateway.sender().event(&token, "", &"x".repeat(100_000)).await;
    }
    let begin = Instant::now();
    gateway.signal(Signal::TERM);
    let exit = gateway.wait_exit().await;
    assert_eq!(exit.code, Some(0), "{}", exit.output);
    assert!(begin.elapsed() < Duration::from_secs(1) + SLACK, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn during_a_shutdown_it_is_not_ready_and_takes_nobody() {
    let (callbacks, mut gateway) = start_with(&[("SHUTDOWN_SECONDS", "3")]).await;
    let gate = Gate::closed();
    callbacks.answer(When::disconnect(), Answer::ok().after(&gate));
    let (mut client, _) = open(&callbacks, &gateway, "/").await;
    let (mut in_use, other_half) = half_asked(&gateway, "/readyz").await;
    gateway.signal(Signal::TERM);
    assert_eq!(client.end().await, End::Clean);
    callbacks.next_disconnect().await;
    in_use.send(other_half).await;
    let ready = in_use.response().await;
    assert_eq!((ready.status(), ready.json()), (503, json!({"status": "not_ready", "configured": true})));
    eventually("the port is closed", async || {
        tokio::net::TcpStream::connect(gateway.address()).await.is_err()
    })
    .await;
    gate.open();
    assert_eq!(gateway.wait_exit().await.code, Some(0));
}

#[tokio::test]
async fn a_connect_on_an_open_connection_is_refused_during_a_shutdown() {
    let (callbacks, mut gateway) = start_with(&[("SHUTDOWN_SECONDS", "3")]).await;
    let gate = Gate::closed();
    callbacks.answer(When::disconnect(), Answer::ok().after(&gate));
    let (mut client, _) = open(&callbacks, &gateway, "/").await;
    let (mut late, other_half) = half_asked(&gateway, "/late").await;
    gateway.signal(Signal::TERM);
    assert_eq!(client.end().await, End::Clean);
    callbacks.next_disconnect().await;
    late.send(other_half).await;
    assert_eq!(late.response().await.code(), (503, "SHUTTING_DOWN".into()));
    gate.open();
    assert_eq!(gateway.wait_exit().await.code, Some(0));
    callbacks.assert_none_left();
}

/// An unframed stream ends without a byte, so nothing but the disconnect itself says that work is left.
#[tokio::test]
async fn the_disconnects_of_streams_with_nothing_to_write_are_waited_for() {
    let (callbacks, mut gateway) = start_with(&[("SHUTDOWN_SECONDS", "20"), ("SHARDS", "1")]).await;
    let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\n";
    let slowly = Answer::trickle(head, "abc", Duration::from_millis(100)).then_close();
    callbacks.answer(When::disconnect(), slowly);
    let mut clients = Vec::new();
    for _ in 0..600 {
        let mut client = Client::connect(gateway.address()).await;
        client.send("GET / HTTP/1.0\r\n\r\n").await;
        assert_eq!(client.next_comment().await, "ok");
        clients.push((client, callbacks.next_connect().await.token.clone()));
    }
    gateway.signal(Signal::TERM);
    let exit = gateway.wait_exit().await;
    assert_eq!(exit.code, Some(0), "{}", exit.output);
    let told = clients.iter().filter(|(_, token)| callbacks.disconnects(token) == 1).count();
    assert_eq!(told, clients.len(), "{}", exit.output);
}

#[tokio::test]
async fn a_send_under_way_is_answered_before_the_exit() {
    let (_callbacks, mut gateway) = start().await;
    let body = json!({"token": "unknown"}).to_string();
    let head = format!(
        "POST /internal/send HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut sender = Client::connect(gateway.address()).await;
    sender.send(head).await;
    assert_eq!(sender.head_only().await.status(), 100, "the body is waited for");
    gateway.signal(Signal::TERM);
    gateway.wait_output("shutting down").await;
    sender.send(body).await;
    let answer = sender.response().await;
    assert_eq!(answer.code(), (404, "TOKEN_NOT_FOUND".into()));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(gateway.wait_exit().await.code, Some(0));
}
