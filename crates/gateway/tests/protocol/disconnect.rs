//! 1.4: one disconnect for each stream that the backend accepted, whatever becomes of it.

use serde_json::json;
use sse_gateway_testkit::{Action, Answer, Client, End, Endpoint, Gate, When};

use crate::setup::{open, start, start_with};

#[tokio::test]
async fn a_client_that_leaves_an_open_stream_is_told_once() {
    let (callbacks, mut gateway) = start().await;
    for leave in [drop, Client::reset] {
        let (client, token) = open(&callbacks, &gateway, "/").await;
        leave(client);
        let disconnect = callbacks.disconnect_of(&token).await;
        assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("client_closed", Some(true)));
        let gone = gateway.sender().send(json!({"token": token, "event": {"data": "x"}})).await;
        assert_eq!(gone.code(), (404, "TOKEN_NOT_FOUND".into()));
    }
    gateway.stop().await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_client_that_sends_fin_has_left() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    client.half_close().await;
    assert_eq!(callbacks.disconnect_of(&token).await.reason, "client_closed");
}

#[tokio::test]
async fn a_client_that_leaves_with_unread_input_behind_it_has_left() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    client.send("some more").await;
    drop(client);
    assert_eq!(callbacks.disconnect_of(&token).await.reason, "client_closed");
}

#[tokio::test]
async fn leaving_while_events_arrive_is_told_once() {
    let (callbacks, mut gateway) = start().await;
    let mut tokens = Vec::new();
    for number in 0..20 {
        let (client, token) = open(&callbacks, &gateway, "/").await;
        let sender = gateway.sender();
        let storm = tokio::spawn({
            let token = token.clone();
            async move {
                let body = json!({"token": token, "event": {"data": "x".repeat(1_000)}});
                while sender.send(body.clone()).await.status() == 200 {}
            }
        });
        if number % 2 == 0 {
            drop(client)
        } else {
            client.reset()
        }
        assert_eq!(callbacks.disconnect_of(&token).await.reason, "client_closed");
        storm.await.expect("the storm ends with the stream");
        tokens.push(token);
    }
    gateway.stop().await;
    for token in tokens {
        assert_eq!(callbacks.disconnects(&token), 1);
    }
}

#[tokio::test]
async fn a_close_and_a_leaving_at_the_same_time_are_one_end() {
    let (callbacks, mut gateway) = start().await;
    let mut tokens = Vec::new();
    for _ in 0..40 {
        let (client, token) = open(&callbacks, &gateway, "/").await;
        let sender = gateway.sender();
        let body = json!({"token": token, "close": true});
        let (answer, ()) = tokio::join!(sender.send(body), async { drop(client) });
        assert!(matches!(answer.status(), 200 | 404), "{answer:?}");
        let reason = callbacks.disconnect_of(&token).await.reason.clone();
        assert!(matches!(reason.as_str(), "server_closed" | "client_closed"), "{reason}");
        tokens.push(token);
    }
    gateway.stop().await;
    for token in tokens {
        assert_eq!(callbacks.disconnects(&token), 1);
    }
}

#[tokio::test]
async fn a_disconnect_is_tried_once_and_its_failure_harms_nobody() {
    let (callbacks, mut gateway) = start_with(&[("CALLBACK_TIMEOUT_SECONDS", "1")]).await;
    let (mut other, other_token) = open(&callbacks, &gateway, "/other").await;
    for answer in
        [Answer::status(500), Answer::status(404), Answer::reset(), Answer::close(), Answer::never()]
    {
        callbacks.answer(When::disconnect().url("/ends"), answer);
        let (client, token) = open(&callbacks, &gateway, "/ends").await;
        drop(client);
        callbacks.disconnect_of(&token).await;
    }
    assert_eq!(gateway.sender().event(&other_token, "x", "").await, "ok");
    assert_eq!(other.next_event().await.name, "x");
    callbacks.wait_in_flight(0).await;
    gateway.stop().await;
    callbacks.disconnect_of(&other_token).await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_disconnect_comes_only_after_the_connects_outcome() {
    let (callbacks, gateway) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::connect().url("/held"), Answer::ok().after(&gate));
    let client = gateway.get("/held").await;
    let held = callbacks.connect_of("/held").await.token.clone();
    drop(client);
    // Another stream's whole life: what the gateway does by itself at the first one's going is done.
    let (other, other_token) = open(&callbacks, &gateway, "/other").await;
    drop(other);
    callbacks.disconnect_of(&other_token).await;
    assert_eq!(callbacks.disconnects(&held), 0);
    gate.open();
    assert_eq!(callbacks.disconnect_of(&held).await.reason, "client_closed");
}

#[tokio::test]
async fn many_streams_have_one_disconnect_each() {
    let (callbacks, mut gateway) = start().await;
    let mut clients = Vec::new();
    for number in 0..200 {
        clients.push(gateway.open(&format!("/{number}")).await);
    }
    for (number, mut client) in clients.into_iter().enumerate() {
        let token = callbacks.connect_of(&format!("/{number}")).await.token.clone();
        match number % 3 {
            0 => drop(client),
            1 => client.reset(),
            _ => {
                gateway.sender().send(json!({"token": token, "close": true})).await;
                assert_eq!(client.end().await, End::Clean);
            }
        }
    }
    for _ in 0..200 {
        callbacks.next_disconnect().await;
    }
    gateway.stop().await;
    callbacks.assert_none_left();
    let disconnects = callbacks.received();
    let disconnects = disconnects.iter().filter(|callback| callback.action == Action::Disconnect);
    let tokens: std::collections::HashSet<_> = disconnects.map(|callback| callback.token.clone()).collect();
    assert_eq!(tokens.len(), 200);
}
