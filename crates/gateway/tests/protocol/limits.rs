//! 1.4: bounds in number.

use sse_gateway_testkit::{Action, Answer, Client, Endpoint, Gate, When};

use crate::setup::{open, start, start_with};

#[tokio::test]
async fn past_streams_max_a_connect_is_refused_without_asking() {
    let (callbacks, mut gateway) = start_with(&[("STREAMS_MAX", "2")]).await;
    let (first, first_token) = open(&callbacks, &gateway, "/first").await;
    let (_second, second_token) = open(&callbacks, &gateway, "/second").await;
    let refusal = gateway.fetch("/third").await.response().await;
    assert_eq!(refusal.code(), (503, "STREAMS_FULL".into()));
    drop(first);
    callbacks.disconnect_of(&first_token).await;
    let (_fourth, fourth_token) = open(&callbacks, &gateway, "/fourth").await;
    gateway.stop().await;
    callbacks.disconnect_of(&second_token).await;
    callbacks.disconnect_of(&fourth_token).await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn streams_that_are_opening_count() {
    let (callbacks, gateway) = start_with(&[("STREAMS_MAX", "2")]).await;
    let gate = Gate::closed();
    callbacks.answer(When::connect(), Answer::status(403).after(&gate));
    let mut clients = [gateway.fetch("/").await, gateway.fetch("/").await];
    callbacks.wait_in_flight(2).await;
    let refusal = gateway.fetch("/").await.response().await;
    assert_eq!(refusal.code(), (503, "STREAMS_FULL".into()));
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().await.status(), 403);
    }
    callbacks.answer(When::connect(), Answer::ok());
    assert_eq!(gateway.fetch("/").await.head().await.status(), 200, "refused ones count no more");
}

/// Its disconnect waits for a place among the callbacks, and until it is issued the stream counts.
#[tokio::test]
async fn a_stream_counts_until_its_disconnect_was_issued() {
    let (callbacks, gateway) = start_with(&[("STREAMS_MAX", "2"), ("CALLBACKS_CONCURRENT_MAX", "1")]).await;
    let (first, first_token) = open(&callbacks, &gateway, "/first").await;
    let gate = Gate::closed();
    callbacks.answer(When::connect().url("/held"), Answer::ok().after(&gate));
    let mut held = gateway.get("/held").await;
    callbacks.wait_in_flight(1).await;
    drop(first);
    sse_gateway_testkit::eventually("the stream is gone", async || {
        gateway.sender().send(serde_json::json!({"token": first_token})).await.status() == 404
    })
    .await;
    let refusal = gateway.fetch("/third").await.response().await;
    assert_eq!(refusal.code(), (503, "STREAMS_FULL".into()));
    gate.open();
    assert_eq!(held.head().await.status(), 200);
    callbacks.disconnect_of(&first_token).await;
    assert_eq!(gateway.fetch("/third").await.head().await.status(), 200);
}

async fn at_most(concurrent: usize, settings: &[(&str, &str)], clients: usize) {
    let (callbacks, gateway) = start_with(settings).await;
    let gate = Gate::closed();
    callbacks.answer(When::connect(), Answer::ok().after(&gate));
    let mut waiting: Vec<Client> = Vec::new();
    for _ in 0..clients {
        waiting.push(gateway.get("/").await);
    }
    callbacks.wait_in_flight(concurrent).await;
    gate.open();
    for client in &mut waiting {
        assert_eq!(client.head().await.status(), 200);
    }
    drop(waiting);
    for _ in 0..clients {
        callbacks.next_disconnect().await;
    }
    assert_eq!(callbacks.in_flight_max(), concurrent);
}

#[tokio::test]
async fn at_most_as_many_callbacks_run_at_once_as_is_set() {
    at_most(2, &[("CALLBACKS_CONCURRENT_MAX", "2")], 8).await;
}

#[tokio::test]
async fn at_most_64_callbacks_run_at_once_by_default() {
    at_most(64, &[], 80).await;
}

#[tokio::test]
async fn a_thousand_streams_stand_side_by_side() {
    let (callbacks, gateway) = start().await;
    let mut clients = Vec::new();
    for number in 0..1_000 {
        clients.push(open(&callbacks, &gateway, &format!("/{number}")).await);
    }
    let sender = gateway.sender();
    for (number, (_, token)) in clients.iter().enumerate() {
        assert_eq!(sender.event(token, "", &number.to_string()).await, "ok");
    }
    for (number, (client, _)) in clients.iter_mut().enumerate() {
        assert_eq!(client.next_event().await.data, number.to_string());
    }
}

/// Waiting for a place is no asking: the second backend call never happened, so nobody is told of its end.
#[tokio::test]
async fn a_connect_that_gets_no_place_in_time_was_never_seen() {
    let settings = [("CALLBACKS_CONCURRENT_MAX", "1"), ("CALLBACK_TIMEOUT_SECONDS", "1")];
    let (callbacks, mut gateway) = start_with(&settings).await;
    callbacks.answer(When::connect(), Answer::never());
    callbacks.answer(When::disconnect(), Answer::ok());
    let mut clients = [gateway.fetch("/").await, gateway.fetch("/").await, gateway.fetch("/").await];
    for client in &mut clients {
        assert_eq!(client.response().await.code(), (504, "GATEWAY_TIMEOUT".into()));
    }
    gateway.stop().await;
    let received = callbacks.received();
    let connects = received.iter().filter(|callback| callback.action == Action::Connect);
    let connects: Vec<_> = connects.map(|callback| callback.token.clone()).collect();
    for token in &connects {
        assert_eq!(callbacks.disconnects(token), 1);
    }
    assert_eq!(received.len(), 2 * connects.len());
}

/// Whoever waits for a place and leaves costs the backend nothing, and those behind no time.
#[tokio::test]
async fn a_client_that_left_before_its_turn_is_not_asked_about() {
    let (callbacks, mut gateway) = start_with(&[("CALLBACKS_CONCURRENT_MAX", "1"), ("SHARDS", "1")]).await;
    let gate = Gate::closed();
    callbacks.answer(When::connect().url("/held"), Answer::ok().after(&gate));
    let mut held = gateway.get("/held").await;
    callbacks.wait_in_flight(1).await;
    let left = gateway.get("/left").await;
    let metric = async |line: &str| gateway.sender().get("/internal/metrics").await.text().contains(line);
    sse_gateway_testkit::eventually("two are opening", async || {
        metric("sse_gateway_streams{state=\"opening\"} 2\n").await
    })
    .await;
    drop(left);
    // Its thread sees the end before a connection that came later.
    assert_eq!(gateway.sender().get("/healthz").await.status(), 200);
    gate.open();
    assert_eq!(held.head().await.status(), 200);
    sse_gateway_testkit::eventually("the client that left is counted", async || {
        metric("sse_gateway_connects_total{outcome=\"client_left\"} 1\n").await
    })
    .await;
    let (_next, _) = open(&callbacks, &gateway, "/next").await;
    gateway.stop().await;
    assert!(callbacks.received().iter().all(|callback| callback.url != "/left"));
}
