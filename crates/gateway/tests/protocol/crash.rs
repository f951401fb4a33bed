//! Processes that die as with kill -9: the kernel closes their sockets, whatever was under way.

use serde_json::json;
use sse_gateway_testkit::{Answer, Callbacks, End, Endpoint, When};

use crate::setup::{open, start};

#[tokio::test]
async fn streams_outlive_their_backend_and_a_new_one_is_asked() {
    let (callbacks, gateway) = start().await;
    let (mut survivor, survivor_token) = open(&callbacks, &gateway, "/survivor").await;
    callbacks.answer(When::connect(), Answer::never());
    let mut asking = gateway.fetch("/asking").await;
    callbacks.connect_of("/asking").await;
    let address = callbacks.address();
    drop(callbacks);
    assert_eq!(asking.response().await.code(), (503, "BACKEND_UNAVAILABLE".into()));
    let refused = gateway.fetch("/refused").await.response().await;
    assert_eq!(refused.code(), (503, "BACKEND_UNAVAILABLE".into()));
    assert_eq!(gateway.sender().event(&survivor_token, "x", "").await, "ok");
    assert_eq!(survivor.next_event().await.name, "x");

    let callbacks = Callbacks::start_on(address).await;
    open(&callbacks, &gateway, "/new").await;
    gateway.sender().send(json!({"token": survivor_token, "close": true})).await;
    assert_eq!(callbacks.disconnect_of(&survivor_token).await.reason, "server_closed");
}

#[tokio::test]
async fn a_disconnect_that_nobody_takes_is_given_up() {
    let (callbacks, mut gateway) = start().await;
    let (client, token) = open(&callbacks, &gateway, "/").await;
    drop(callbacks);
    drop(client);
    sse_gateway_testkit::eventually("the stream is gone", async || {
        gateway.sender().send(json!({"token": token})).await.status() == 404
    })
    .await;
    gateway.stop().await;
}

/// Its streams are gone with it, and nothing of them stands in the way of the next one.
#[tokio::test]
async fn a_gateway_that_was_killed_starts_again_on_its_port() {
    let (callbacks, mut gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/old").await;
    gateway.kill_and_start_again().await;
    assert_ne!(client.end().await, End::Clean, "a crash is no clean end");
    let gone = gateway.sender().send(json!({"token": token})).await;
    assert_eq!(gone.code(), (404, "TOKEN_NOT_FOUND".into()));
    let (mut client, token) = open(&callbacks, &gateway, "/new").await;
    assert_eq!(gateway.sender().event(&token, "x", "").await, "ok");
    assert_eq!(client.next_event().await.name, "x");
}
