//! 1.3: readers that do not keep up.

use serde_json::json;
use sse_gateway_testkit::{Answer, Callbacks, Client, End, Endpoint, Gate, Gateway, When};

use crate::setup::{get, open, start_with};

/// What sockets hold between the gateway and a client that does not read; generous.
const SOCKET_BYTES_MAX: usize = 4 << 20;

/// Opens a stream whose client reads its head and then nothing more.
async fn open_stuck(callbacks: &Callbacks, gateway: &Gateway, target: &str) -> (Client, String) {
    let mut client = Client::connect_with_receive_buffer(gateway.address(), 4_096).await;
    client.send(get(target, "")).await;
    client.head().await;
    (client, callbacks.connect_of(target).await.token.clone())
}

#[tokio::test]
async fn a_slow_reader_is_closed_and_nobody_else_notices() {
    let (callbacks, gateway) = start_with(&[("OUTBOX_BYTES_MAX", "65536")]).await;
    let (mut stuck, stuck_token) = open_stuck(&callbacks, &gateway, "/stuck").await;
    let (mut healthy, healthy_token) = open(&callbacks, &gateway, "/healthy").await;
    let sender = gateway.sender();
    let data = "x".repeat(8_000);
    let mut sent = 0;
    let refusal = loop {
        let name = (sent / data.len()).to_string();
        let answer = sender.send(json!({"token": stuck_token, "event": {"name": name, "data": data}})).await;
        if answer.status() != 200 {
            break answer;
        }
        sent += data.len();
        assert!(sent < 65_536 + SOCKET_BYTES_MAX, "no bound");
        sender.event(&healthy_token, "tick", &sent.to_string()).await;
        assert_eq!(healthy.next_event().await.data, sent.to_string());
    };
    assert_eq!(refusal.code(), (429, "STREAM_BUFFER_FULL".into()));
    assert!(sent >= 65_536 - 8_000, "the outbox took {sent} only");
    let disconnect = callbacks.next_disconnect().await;
    assert_eq!(disconnect.token, stuck_token);
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(true)));
    let gone = sender.send(json!({"token": stuck_token})).await;
    assert_eq!(gone.code(), (404, "TOKEN_NOT_FOUND".into()));
    let (events, end) = stuck.remaining_events().await;
    assert_ne!(end, End::Clean, "a cut is no clean end");
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event.name, number.to_string(), "never thinned: a prefix of what was accepted");
    }
    assert_eq!(sender.event(&healthy_token, "still here", "").await, "ok");
    assert_eq!(healthy.next_event().await.name, "still here");
}

#[tokio::test]
async fn an_event_that_no_outbox_can_take_is_refused_and_closes_nothing() {
    let (callbacks, gateway) = start_with(&[("OUTBOX_BYTES_MAX", "10000")]).await;
    let gate = Gate::closed();
    callbacks.answer(When::connect().url("/opening"), Answer::ok().after(&gate));
    let (mut open_client, open_token) = open(&callbacks, &gateway, "/open").await;
    let mut opening_client = gateway.get("/opening").await;
    let opening_token = callbacks.connect_of("/opening").await.token.clone();
    let sender = gateway.sender();
    let half = "x".repeat(6_000);
    for token in [&open_token, &opening_token] {
        for body in [
            json!({"token": token, "event": {"data": "x".repeat(10_001)}, "close": true}),
            json!({"token": token, "events": [{"data": half}, {"data": half}]}),
        ] {
            assert_eq!(sender.send(body).await.code(), (413, "EVENT_TOO_LARGE".into()));
        }
        sender.event(token, "fits", &half).await;
    }
    gate.open();
    for client in [&mut open_client, &mut opening_client] {
        assert_eq!(client.next_event().await.name, "fits");
    }
}

#[tokio::test]
async fn what_is_kept_while_opening_is_bounded_and_what_was_taken_arrives() {
    let (callbacks, gateway) = start_with(&[("OUTBOX_BYTES_MAX", "10000")]).await;
    let gate = Gate::closed();
    callbacks.answer(When::connect(), Answer::ok().after(&gate));
    let mut client = gateway.get("/").await;
    let token = callbacks.next_connect().await.token.clone();
    let sender = gateway.sender();
    let data = "x".repeat(1_000);
    let mut taken = 0;
    let refusal = loop {
        let body = json!({"token": token, "event": {"name": taken.to_string(), "data": data}});
        let answer = sender.send(body).await;
        if answer.status() != 200 {
            break answer;
        }
        taken += 1;
        assert!(taken <= 10, "no bound");
    };
    assert_eq!(refusal.code(), (429, "STREAM_BUFFER_FULL".into()));
    assert!(taken >= 8, "{taken}");
    gate.open();
    for number in 0..taken {
        assert_eq!(client.next_event().await.name, number.to_string());
    }
    assert_eq!(sender.event(&token, "open", "").await, "ok");
    assert_eq!(client.next_event().await.name, "open");
}

#[tokio::test]
async fn past_the_total_the_fullest_stream_is_closed() {
    let settings = [("OUTBOX_BYTES_MAX", "4194304"), ("OUTBOX_BYTES_TOTAL_MAX", "4194304")];
    let (callbacks, gateway) = start_with(&settings).await;
    let (_full, full_token) = open_stuck(&callbacks, &gateway, "/full").await;
    let (_fuller, fuller_token) = open_stuck(&callbacks, &gateway, "/fuller").await;
    let (mut healthy, healthy_token) = open(&callbacks, &gateway, "/healthy").await;
    let sender = gateway.sender();
    let data = "x".repeat(100_000);
    for _ in 0..30 {
        sender.event(&fuller_token, "", &data).await;
    }
    let mut sent = 0;
    while callbacks.disconnects(&fuller_token) == 0 {
        assert_eq!(sender.send(json!({"token": full_token, "event": {"data": data}})).await.status(), 200);
        sent += data.len();
        assert!(sent < 4 << 20, "no bound");
    }
    assert_eq!(callbacks.next_disconnect().await.reason, "error");
    assert_eq!(sender.send(json!({"token": fuller_token})).await.status(), 404);
    assert_eq!(sender.event(&full_token, "", "").await, "ok");
    assert_eq!(sender.event(&healthy_token, "well", "").await, "ok");
    assert_eq!(healthy.next_event().await.name, "well");
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_reader_that_comes_back_in_time_gets_everything() {
    let (callbacks, gateway) = start_with(&[]).await;
    let (mut client, token) = open_stuck(&callbacks, &gateway, "/").await;
    let sender = gateway.sender();
    let data = "x".repeat(50_000);
    for number in 0..15 {
        sender.event(&token, &number.to_string(), &data).await;
    }
    let body = json!({"token": token, "event": {"name": "last", "data": ""}, "close": true});
    assert_eq!(sender.send(body).await.status(), 200);
    for number in 0..15 {
        assert_eq!(client.next_event().await.name, number.to_string());
    }
    assert_eq!(client.next_event().await.name, "last");
    assert_eq!(client.end().await, End::Clean);
    assert_eq!(callbacks.next_disconnect().await.reason, "server_closed");
}

/// Nothing is sent any more, so only the clock can find this one.
#[tokio::test]
async fn a_client_that_takes_nothing_of_what_waits_is_cut_off_in_time() {
    let (callbacks, gateway) = start_with(&[("WRITE_TIMEOUT_SECONDS", "1")]).await;
    let (_stuck, stuck_token) = open_stuck(&callbacks, &gateway, "/stuck").await;
    let (mut idle, idle_token) = open(&callbacks, &gateway, "/idle").await;
    for _ in 0..9 {
        gateway.sender().event(&stuck_token, "", &"x".repeat(100_000)).await;
    }
    let disconnect = callbacks.next_disconnect().await;
    assert_eq!(disconnect.token, stuck_token);
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(true)));
    assert_eq!(gateway.sender().event(&idle_token, "x", "").await, "ok", "waiting for nothing is no stall");
    assert_eq!(idle.next_event().await.name, "x");
}

#[tokio::test]
async fn an_event_of_exactly_the_bound_fits() {
    let (callbacks, gateway) = start_with(&[("OUTBOX_BYTES_MAX", "10000")]).await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let data = "x".repeat(10_000 - "data: \n\n".len());
    let send =
        async |data: &str| gateway.sender().send(json!({"token": token, "event": {"data": data}})).await;
    assert_eq!(send(&data).await.status(), 200);
    assert_eq!(client.next_event().await.data, data);
    assert_eq!(send(&format!("{data}x")).await.code(), (413, "EVENT_TOO_LARGE".into()));
}
