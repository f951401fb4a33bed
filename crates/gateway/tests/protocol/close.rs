//! 1.4: a stream that the backend ends.

use std::time::{Duration, Instant};

use serde_json::json;
use sse_gateway_testkit::{Answer, End, Endpoint, Gate, When, eventually};

use crate::setup::{open, start};

#[tokio::test]
async fn the_last_event_precedes_a_clean_end() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let body = json!({"token": token, "event": {"name": "last", "data": "x"}, "close": true});
    let answer = gateway.sender().send(body).await;
    assert_eq!((answer.status(), answer.json()), (200, json!({"status": "ok"})));
    assert_eq!(client.next_event().await.name, "last");
    assert_eq!(client.end().await, End::Clean);
    assert!(client.received().ends_with(b"event: last\ndata: x\n\n\r\n0\r\n\r\n"));
    let disconnect = callbacks.next_disconnect().await;
    assert_eq!(disconnect.token, token);
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", Some(true)));
}

/// A backend that holds a lock over its close, and needs it in its disconnect handler, must not hang.
#[tokio::test]
async fn a_close_is_answered_and_seen_before_its_disconnect_is_answered() {
    let (callbacks, gateway) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::disconnect(), Answer::ok().after(&gate));
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    assert_eq!(gateway.sender().send(json!({"token": token, "close": true})).await.status(), 200);
    assert_eq!(client.end().await, End::Clean);
    callbacks.next_disconnect().await;
    callbacks.wait_in_flight(1).await;
    let again = gateway.sender().send(json!({"token": token})).await;
    assert_eq!(again.code(), (404, "TOKEN_NOT_FOUND".into()));
    gate.open();
    callbacks.wait_in_flight(0).await;
}

#[tokio::test]
async fn what_follows_a_close_is_unknown_and_one_disconnect_is_all() {
    let (callbacks, mut gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let sender = gateway.sender();
    assert_eq!(sender.send(json!({"token": token, "close": true})).await.status(), 200);
    for body in [
        json!({"token": token, "close": true}),
        json!({"token": token, "event": {"data": "late"}}),
        json!({"token": token}),
    ] {
        assert_eq!(
            sender.send(body).await.error(),
            (404, "TOKEN_NOT_FOUND".into(), "Token not found".into())
        );
    }
    assert_eq!(client.end().await, End::Clean);
    gateway.stop().await;
    assert_eq!(callbacks.disconnects(&token), 1);
}

#[tokio::test]
async fn only_one_of_many_closes_at_the_same_time_finds_the_stream() {
    let (callbacks, mut gateway) = start().await;
    let (_client, token) = open(&callbacks, &gateway, "/").await;
    let mut closes = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (sender, token) = (gateway.sender(), token.clone());
        closes.spawn(async move { sender.send(json!({"token": token, "close": true})).await.status() });
    }
    let statuses = closes.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    gateway.stop().await;
    assert_eq!(callbacks.disconnects(&token), 1);
}

/// Closing a socket with unread input resets it, and a reset destroys what is still on its way.
#[tokio::test]
async fn input_that_nobody_reads_does_not_destroy_the_end() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    client.send("typed into the void").await;
    let data = "x".repeat(100_000);
    let body = json!({"token": token, "event": {"name": "last", "data": data}, "close": true});
    assert_eq!(gateway.sender().send(body).await.status(), 200);
    for _ in 0..5 {
        client.try_send("and more").await.expect("the gateway reads on");
    }
    assert_eq!(client.next_event().await.data, data);
    assert_eq!(client.end().await, End::Clean);
    assert_eq!(callbacks.next_disconnect().await.reason, "server_closed");
}

#[tokio::test]
async fn the_disconnect_does_not_wait_for_a_client_that_keeps_its_side_open_and_the_drain_ends() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let begin = Instant::now();
    gateway.sender().send(json!({"token": token, "close": true})).await;
    assert_eq!(client.end().await, End::Clean);
    callbacks.next_disconnect().await;
    assert!(begin.elapsed() < Duration::from_secs(4), "the drain takes 5 s");
    // Once the gateway has closed its side, too, what the client sends is answered with a reset.
    eventually("the socket is closed", async || client.try_send("x").await.is_err()).await;
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[tokio::test]
async fn a_close_leaves_other_streams_alone() {
    let (callbacks, gateway) = start().await;
    let (mut ends, ends_token) = open(&callbacks, &gateway, "/ends").await;
    let (mut stays, stays_token) = open(&callbacks, &gateway, "/stays").await;
    let sender = gateway.sender();
    sender.send(json!({"token": ends_token, "close": true})).await;
    assert_eq!(ends.end().await, End::Clean);
    assert_eq!(sender.event(&stays_token, "x", "").await, "ok");
    assert_eq!(stays.next_event().await.name, "x");
}
