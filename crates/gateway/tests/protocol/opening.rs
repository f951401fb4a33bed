//! 1.1: what a stream begins with, in which order.

use serde_json::json;
use sse_gateway_testkit::{Answer, End, Endpoint, Gate, When};

use crate::setup::start;

#[tokio::test]
async fn the_answers_event_precedes_what_was_kept_and_that_what_follows() {
    let (callbacks, gateway) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::connect(), Answer::event("first", "0").after(&gate));
    let mut client = gateway.get("/").await;
    let token = callbacks.next_connect().await.token.clone();
    let sender = gateway.sender();
    for number in 1..=20 {
        assert_eq!(sender.event(&token, "kept", &number.to_string()).await, "buffered");
    }
    gate.open();
    client.head().await;
    for number in 21..=40 {
        sender.event(&token, "later", &number.to_string()).await;
    }
    assert_eq!(client.next_comment().await, "ok");
    for number in 0..=40 {
        assert_eq!(client.next_event().await.data, number.to_string());
    }
}

/// A backend may use the stream before it has answered: its own handler sends, and waits for that.
#[tokio::test]
async fn a_send_from_inside_the_connect_callback_is_answered_at_once() {
    let (callbacks, gateway) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::connect(), Answer::ok().after(&gate));
    let mut client = gateway.get("/").await;
    let token = callbacks.next_connect().await.token.clone();
    assert_eq!(gateway.sender().event(&token, "from inside", "").await, "buffered");
    callbacks.wait_in_flight(1).await;
    gate.open();
    assert_eq!(client.next_event().await.name, "from inside");
}

#[tokio::test]
async fn a_close_that_was_kept_ends_the_stream_after_everything_before_it() {
    let (callbacks, gateway) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::connect(), Answer::event("first", "").after(&gate));
    let mut client = gateway.get("/").await;
    let token = callbacks.next_connect().await.token.clone();
    let sender = gateway.sender();
    sender.event(&token, "second", "").await;
    let close =
        sender.send(json!({"token": token, "event": {"name": "last", "data": ""}, "close": true})).await;
    assert_eq!((close.status(), close.json()), (200, json!({"status": "buffered"})));
    for body in [json!({"token": token, "close": true}), json!({"token": token, "event": {"data": "late"}})] {
        assert_eq!(sender.send(body).await.code(), (404, "TOKEN_NOT_FOUND".into()), "it follows a close");
    }
    gate.open();
    for name in ["first", "second", "last"] {
        assert_eq!(client.next_event().await.name, name);
    }
    assert_eq!(client.end().await, End::Clean);
    let disconnect = callbacks.next_disconnect().await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", Some(true)));
}

#[tokio::test]
async fn an_answer_that_closes_ends_the_stream_after_everything_that_was_kept() {
    let (callbacks, gateway) = start().await;
    let gate = Gate::closed();
    let answer = json!({"event": {"name": "first", "data": ""}, "close": true});
    callbacks.answer(When::connect(), Answer::json(&answer).after(&gate));
    let mut client = gateway.get("/").await;
    let token = callbacks.next_connect().await.token.clone();
    gateway.sender().event(&token, "kept", "").await;
    gate.open();
    assert_eq!(client.next_event().await.name, "first");
    assert_eq!(client.next_event().await.name, "kept");
    assert_eq!(client.end().await, End::Clean);
    let disconnect = callbacks.next_disconnect().await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", Some(true)));
    assert_eq!(gateway.sender().send(json!({"token": token})).await.status(), 404);
}
