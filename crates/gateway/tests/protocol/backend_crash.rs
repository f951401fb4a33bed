//! A backend that dies as with kill -9: the kernel closes its sockets, whatever was under way.

use serde_json::json;
use sse_gateway_testkit::{Answer, Callbacks, Endpoint, When};

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
