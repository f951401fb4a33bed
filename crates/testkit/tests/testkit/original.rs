//! The stand-in of the original gateway keeps the original's ways, and the harness sees them.

use serde_json::json;
use sse_gateway_testkit::original::Original;
use sse_gateway_testkit::{Answer, Callbacks, Client, End, Endpoint, Gate, When};

async fn start() -> (Callbacks, Original) {
    let callbacks = Callbacks::start().await;
    let original = Original::start([("CALLBACK_URL", callbacks.url())]).await;
    (callbacks, original)
}

#[tokio::test]
async fn a_stream_gets_the_answers_event_then_what_was_kept_then_what_follows() {
    let (callbacks, original) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::connect(), Answer::event("first", "0").after(&gate));
    let mut client = original.get("/a?b=c").await;
    let connect = callbacks.next_connect().await;
    assert_eq!(connect.url, "/a?b=c");
    assert_eq!(connect.headers["accept"], "text/event-stream");
    let sender = original.sender();
    assert_eq!(sender.event(&connect.token, "kept", "1").await, "buffered");
    gate.open();
    assert_eq!(client.next_event().await.name, "first");
    assert_eq!(client.next_event().await.name, "kept");
    assert_eq!(sender.event(&connect.token, "live", "2").await, "ok");
    assert_eq!(client.next_event().await.name, "live");
    assert_eq!(client.head().await.header("connection"), Some("keep-alive"));
}

#[tokio::test]
async fn events_is_an_unknown_member_and_no_feature_is_named() {
    let (callbacks, original) = start().await;
    let mut client = original.open("/").await;
    let connect = callbacks.next_connect().await;
    assert_eq!(connect.head.header("sse-gateway-features"), None);
    let sender = original.sender();
    let ignored = sender.send(json!({"token": connect.token, "events": [{"data": "lost"}]})).await;
    assert_eq!(ignored.json(), json!({"status": "ok"}));
    assert_eq!(ignored.header("sse-gateway-features"), None);
    sender.event(&connect.token, "seen", "").await;
    assert_eq!(client.next_event().await.name, "seen");
}

#[tokio::test]
async fn a_close_is_answered_only_after_its_disconnect_and_the_token_is_known_until_then() {
    let (callbacks, original) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::disconnect(), Answer::ok().after(&gate));
    let mut client = original.open("/").await;
    let token = callbacks.next_connect().await.token.clone();
    let sender = original.sender();
    let closing = tokio::spawn({
        let (sender, token) = (sender.clone(), token.clone());
        async move { sender.send(json!({"token": token, "close": true})).await }
    });
    let disconnect = callbacks.next_disconnect().await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", None));
    assert_eq!(sender.event(&token, "late", "").await, "ok");
    assert!(!closing.is_finished());
    gate.open();
    assert_eq!(closing.await.expect("no panic").status(), 200);
    assert_eq!(client.next_event().await.name, "late");
    assert_eq!(client.end().await, End::Clean);
    let gone = sender.send(json!({"token": token})).await;
    assert_eq!(gone.error(), (404, "TOKEN_NOT_FOUND".into(), "Token not found".into()));
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_client_that_leaves_during_a_close_causes_a_second_disconnect() {
    let (callbacks, original) = start().await;
    callbacks.answer(When::disconnect().once(), Answer::never());
    let client = original.open("/").await;
    let token = callbacks.next_connect().await.token.clone();
    let sender = original.sender();
    let _closing =
        tokio::spawn(async move { sender.send(json!({"token": token, "close": true})).await.status() });
    assert_eq!(callbacks.next_disconnect().await.reason, "server_closed");
    drop(client);
    assert_eq!(callbacks.next_disconnect().await.reason, "client_closed");
}

#[tokio::test]
async fn a_client_that_leaves_while_opening_is_forgotten_without_a_disconnect() {
    let (callbacks, original) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::connect().url("/leaves"), Answer::ok().after(&gate));
    let client = original.get("/leaves").await;
    let left = callbacks.next_connect().await;
    drop(client);
    let sender = original.sender();
    sse_gateway_testkit::eventually("the token is unknown", async || {
        sender.send(json!({"token": left.token})).await.status() == 404
    })
    .await;
    gate.open();
    // Another stream's whole life, after which a disconnect of the first would have come.
    let other = original.open("/stays").await;
    let stayed = callbacks.next_connect().await;
    drop(other);
    callbacks.disconnect_of(&stayed.token).await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_client_that_leaves_causes_one_disconnect() {
    let (callbacks, original) = start().await;
    for leave in [drop, Client::reset] {
        let client = original.open("/").await;
        let connect = callbacks.next_connect().await;
        leave(client);
        let disconnect = callbacks.next_disconnect().await;
        assert_eq!((&disconnect.token, disconnect.reason.as_str()), (&connect.token, "client_closed"));
    }
    callbacks.assert_none_left();
}

#[tokio::test]
async fn refusals_are_told_to_the_client() {
    let (callbacks, original) = start().await;
    for (answer, status, code) in [
        (Answer::status(401), 401, "BACKEND_AUTH_FAILED"),
        (Answer::status(403), 403, "BACKEND_FORBIDDEN"),
        (Answer::status(418), 418, "BACKEND_ERROR"),
        (Answer::reset(), 503, "BACKEND_UNAVAILABLE"),
    ] {
        callbacks.answer(When::connect(), answer);
        assert_eq!(original.get("/").await.response().await.code(), (status, code.to_owned()));
    }
}

#[tokio::test]
async fn data_is_split_on_lf_only_and_wrong_sends_are_refused_in_the_original_order() {
    let (callbacks, original) = start().await;
    let mut client = original.open("/").await;
    let token = callbacks.next_connect().await.token.clone();
    let sender = original.sender();
    sender.event(&token, "", "a\nb\rid: injected").await;
    assert_eq!(client.next_event().await.data, "a\nb");
    assert!(client.received().ends_with(b"data: a\ndata: b\rid: injected\n\n\r\n"));
    for (body, code) in [
        (json!({"event": null, "close": 1}), "INVALID_TOKEN_MISSING"),
        (json!({"token": "x", "event": null, "close": 1}), "INVALID_EVENT_TYPE"),
        (json!({"token": "x", "event": {"name": 1}}), "INVALID_EVENT_DATA_MISSING"),
        (json!({"token": "x", "event": {"name": 1, "data": ""}}), "INVALID_EVENT_NAME_TYPE"),
        (json!({"token": "x", "close": null}), "INVALID_CLOSE_TYPE"),
    ] {
        assert_eq!(sender.send(body).await.code(), (400, code.to_owned()));
    }
    let large = json!({"token": token, "event": {"data": "x".repeat(100 * 1024)}});
    assert_eq!(sender.send(large).await.status(), 413);
}

#[tokio::test]
async fn heartbeats_keep_an_open_stream_alive() {
    let callbacks = Callbacks::start().await;
    let settings = [("CALLBACK_URL", callbacks.url()), ("HEARTBEAT_INTERVAL_SECONDS", "1".into())];
    let original = Original::start(settings).await;
    let mut client = original.open("/").await;
    assert_eq!(client.next_comment().await, "heartbeat");
    assert_eq!(client.next_comment().await, "heartbeat");
}
