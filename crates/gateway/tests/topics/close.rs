//! 2.3: `POST /internal/close`.

use serde_json::{Value, json};
use sse_gateway_testkit::{Endpoint, Subscriber};

use crate::setup::{Stage, expect_close, expect_cursor};

/// Closes and expects that this many streams are ended.
async fn close(stage: &Stage, body: Value, streams: u64) {
    let answer = stage.post("/internal/close", body).await;
    assert_eq!((answer.status(), answer.json()), (200, json!({"streams": streams})));
}

/// Opens a stream of a subject.
async fn of_subject(stage: &Stage, target: &str, subject: &str) -> Subscriber {
    stage.answer(target, json!({"topics": ["news"], "subject": subject}));
    let mut subscriber = stage.gateway.subscribe(target).await;
    expect_cursor(&mut subscriber).await;
    subscriber
}

#[tokio::test]
async fn by_token_it_ends_one_stream() {
    let stage = Stage::start().await;
    let mut closed = stage.listen("/closed", json!(["news"])).await;
    let mut other = stage.listen("/other", json!(["news"])).await;
    let token = stage.token("/closed").await;
    close(&stage, json!({"token": token, "reason": "logged_out"}), 1).await;
    expect_close(&mut closed, "logged_out").await;
    let disconnect = stage.callbacks.disconnect_of(&token).await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", Some(true)));
    stage.event("news", "1").await;
    assert_eq!(other.next().await.text(), "1");
    let again = stage.post("/internal/close", json!({"token": token, "reason": "again"})).await;
    assert_eq!(again.code(), (404, "TOKEN_NOT_FOUND".into()));
}

#[tokio::test]
async fn a_stream_without_topics_is_closed_by_its_token_too() {
    let stage = Stage::start().await;
    let mut closed = stage.subscribe("/", json!([])).await;
    let token = stage.token("/").await;
    close(&stage, json!({"token": token, "reason": "bye"}), 1).await;
    expect_close(&mut closed, "bye").await;
}

#[tokio::test]
async fn by_topic_it_ends_every_stream_that_listens_and_does_not_complete_the_topic() {
    let stage = Stage::start_with(&[("SHARDS", "4")]).await;
    let mut closed = Vec::new();
    for number in 0..8 {
        closed.push(stage.listen(&format!("/{number}"), json!(["news", format!("own {number}")])).await);
    }
    let mut other = stage.listen("/other", json!(["other"])).await;
    let last = stage.event("news", "last").await;
    close(&stage, json!({"topic": "news", "reason": "moved"}), 8).await;
    for stream in &mut closed {
        assert_eq!(stream.next().await.text(), "last");
        expect_close(stream, "moved").await;
    }
    assert_eq!(stage.publish(json!({"topic": "news", "event": {"data": "goes on"}})).await.1, 0);
    stage.event("other", "1").await;
    assert_eq!(other.next().await.text(), "1");
    let mut again = stage.resume("/0", json!(["news"]), &last.to_string()).await;
    assert_eq!(again.next().await.text(), "goes on");
}

#[tokio::test]
async fn by_subject_it_ends_every_stream_of_the_subject() {
    let stage = Stage::start_with(&[("SHARDS", "4")]).await;
    let mut closed = Vec::new();
    for number in 0..8 {
        closed.push(of_subject(&stage, &format!("/{number}"), "user-7").await);
    }
    let mut other = of_subject(&stage, "/other", "user-70").await;
    let mut without = stage.listen("/without", json!(["news"])).await;
    close(&stage, json!({"subject": "user-7", "reason": "locked"}), 8).await;
    for stream in &mut closed {
        expect_close(stream, "locked").await;
    }
    assert_eq!(stage.publish(json!({"topic": "news", "event": {"data": "1"}})).await.1, 2);
    assert_eq!(other.next().await.text(), "1");
    assert_eq!(without.next().await.text(), "1");
}

#[tokio::test]
async fn a_subject_belongs_to_streams_without_topics_too() {
    let stage = Stage::start().await;
    stage.answer("/", json!({"subject": "user-7"}));
    let mut closed = stage.gateway.subscribe("/").await;
    close(&stage, json!({"subject": "user-7", "reason": "locked"}), 1).await;
    expect_close(&mut closed, "locked").await;
}

#[tokio::test]
async fn what_was_published_before_comes_before_the_close_and_what_comes_after_does_not() {
    let stage = Stage::start().await;
    for by in ["token", "topic", "subject"] {
        let mut subscriber = of_subject(&stage, "/", "user-7").await;
        let token = stage.token("/").await;
        for number in 0..20 {
            stage.event("news", &number.to_string()).await;
        }
        let whom = match by {
            "token" => token,
            "topic" => "news".into(),
            _ => "user-7".into(),
        };
        close(&stage, json!({by: whom, "reason": by}), 1).await;
        stage.event("news", "after").await;
        for number in 0..20 {
            assert_eq!(subscriber.next().await.text(), number.to_string());
        }
        expect_close(&mut subscriber, by).await;
    }
}

#[tokio::test]
async fn a_closed_client_may_come_back_and_misses_nothing() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    stage.event("news", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
    close(&stage, json!({"topic": "news", "reason": "restart"}), 1).await;
    expect_close(&mut subscriber, "restart").await;
    stage.event("news", "2").await;
    let mut again = stage.resume("/", json!(["news"]), &subscriber.last_id()).await;
    assert_eq!(again.next().await.text(), "2");
}

#[tokio::test]
async fn whom_nobody_knows_nothing_happens_to() {
    let stage = Stage::start().await;
    let mut subscriber = of_subject(&stage, "/", "user-7").await;
    let token = "5f1c3e0a-6d7c-4c1e-9a7d-0b6f5f0f6f7f";
    let unknown = stage.post("/internal/close", json!({"token": token, "reason": "r"})).await;
    assert_eq!(unknown.code(), (404, "TOKEN_NOT_FOUND".into()));
    let unknown = stage.post("/internal/close", json!({"topic": "unheard of", "reason": "r"})).await;
    assert_eq!(unknown.code(), (404, "TOPIC_NOT_FOUND".into()));
    assert_eq!(stage.topic("unheard%20of").await.status(), 404);
    close(&stage, json!({"subject": "nobody", "reason": "r"}), 0).await;
    stage.event("news", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
}

#[tokio::test]
async fn wrong_closes_are_refused() {
    let stage = Stage::start().await;
    let mut subscriber = of_subject(&stage, "/", "user-7").await;
    let token = stage.token("/").await;
    for (body, code) in [
        (json!({}), "INVALID_TOKEN_MISSING"),
        (json!({"reason": "r"}), "INVALID_TOKEN_MISSING"),
        (json!({"token": token, "topic": "news", "reason": "r"}), "INVALID_TOKEN_MISSING"),
        (json!({"token": 1, "reason": "r"}), "INVALID_TOKEN_MISSING"),
        (json!({"token": "", "reason": "r"}), "INVALID_TOKEN_MISSING"),
        (json!({"topic": "", "reason": "r"}), "INVALID_TOPIC"),
        (json!({"topic": ["news"], "reason": "r"}), "INVALID_TOPIC"),
        (json!({"subject": 7, "reason": "r"}), "INVALID_SUBJECT"),
        (json!({"subject": "", "reason": "r"}), "INVALID_SUBJECT"),
        (json!({"token": token}), "INVALID_CLOSE_TYPE"),
        (json!({"token": token, "reason": 1}), "INVALID_CLOSE_TYPE"),
        (json!({"topic": "news", "reason": {}}), "INVALID_CLOSE_TYPE"),
    ] {
        let answer = stage.post("/internal/close", body.clone()).await;
        assert_eq!(answer.code(), (400, code.to_owned()), "{body}");
    }
    let answer = stage.sender.post("/internal/close", "application/json", "{").await;
    assert_eq!(answer.code(), (400, "INVALID_JSON".into()));
    stage.event("news", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
}
