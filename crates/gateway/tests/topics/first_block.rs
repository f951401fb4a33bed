//! 2.1: `retry_ms` stands inside the first block that has data.

use serde_json::{Value, json};
use sse_gateway_testkit::{Answer, Endpoint, Gate, Subscriber, When};

use crate::setup::Stage;

/// Opens a stream with this answer and gives the name of its first block; the second has no `retry`.
async fn first_block(stage: &Stage, answer: Value) -> String {
    stage.answer("/", answer);
    let mut subscriber = stage.gateway.subscribe("/").await;
    stage.event("news", "live").await;
    stage.event("news", "live").await;
    let first = subscriber.next().await;
    assert_eq!(first.retry, Some(3_000), "{first:?}");
    assert_eq!(subscriber.next().await.retry, None);
    first.name
}

#[tokio::test]
async fn it_is_in_the_cursor_when_that_comes_first() {
    let stage = Stage::start().await;
    assert_eq!(first_block(&stage, json!({"topics": ["news"], "retry_ms": 3000})).await, "cursor");
}

#[tokio::test]
async fn it_is_in_the_answers_event() {
    let stage = Stage::start().await;
    let answer = json!({"event": {"name": "hello", "data": ""}, "topics": ["news"], "retry_ms": 3000});
    assert_eq!(first_block(&stage, answer).await, "hello");
}

#[tokio::test]
async fn it_is_in_the_first_replayed_event_and_in_no_other_streams() {
    let stage = Stage::start().await;
    stage.publish(json!({"topic": "news", "event": {"name": "replayed", "data": ""}})).await;
    let topics = json!([{"name": "news", "from": "start"}]);
    assert_eq!(first_block(&stage, json!({"topics": topics, "retry_ms": 3000})).await, "replayed");
    let mut other = stage.subscribe("/other", topics).await;
    assert_eq!(other.next().await.retry, None);
}

#[tokio::test]
async fn it_is_in_a_gap() {
    let stage = Stage::start().await;
    stage.event("news", "").await;
    stage.answer("/", json!({"topics": ["news"], "retry_ms": 3000}));
    let mut subscriber = stage.gateway.resume("/", "malformed").await;
    let gap = subscriber.next().await;
    assert_eq!((gap.name.as_str(), gap.retry), ("gap", Some(3_000)));
    assert_eq!(subscriber.next().await.retry, None);
}

#[tokio::test]
async fn it_is_in_the_first_kept_event() {
    let stage = Stage::start().await;
    let gate = Gate::closed();
    let answer = Answer::json(&json!({"topics": ["news"], "retry_ms": 3000})).after(&gate);
    stage.callbacks.answer(When::connect(), answer);
    let client = stage.gateway.get("/").await;
    stage.sender.event(&stage.token("/").await, "kept", "").await;
    gate.open();
    let mut subscriber = Subscriber::on(client).await;
    let kept = subscriber.next().await;
    assert_eq!((kept.name.as_str(), kept.retry), ("kept", Some(3_000)));
    assert_eq!(subscriber.next().await.retry, None);
}

#[tokio::test]
async fn it_is_in_the_first_send_of_a_stream_without_topics() {
    let stage = Stage::start().await;
    stage.answer("/", json!({"retry_ms": 0}));
    let mut subscriber = stage.gateway.subscribe("/").await;
    let token = stage.token("/").await;
    for retry in [Some(0), None] {
        stage.sender.event(&token, "sent", "").await;
        assert_eq!(subscriber.next().await.retry, retry);
    }
}

#[tokio::test]
async fn it_is_in_the_close_of_a_missing_topic() {
    let stage = Stage::start().await;
    let topics = json!([{"name": "news", "if_missing": {"events": [], "reason": "gone"}}]);
    stage.answer("/", json!({"topics": topics, "retry_ms": 3000}));
    let mut subscriber = stage.gateway.subscribe("/").await;
    let close = subscriber.next().await;
    assert_eq!((close.name.as_str(), close.retry), ("connection_close", Some(3_000)));
}
