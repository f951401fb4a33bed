//! 2.1: what a stream gets when its topic does not exist.

use serde_json::{Value, json};
use sse_gateway_testkit::Endpoint;

use crate::setup::{Stage, expect_close, expect_cursor};

fn task(if_missing: Value) -> Value {
    json!([{"name": "task:42", "from": "start", "if_missing": if_missing}])
}

fn not_found() -> Value {
    let events = json!([{"name": "error", "data": "Task not found"}, {"data": "2"}]);
    task(json!({"events": events, "reason": "task_not_found"}))
}

#[tokio::test]
async fn a_missing_topic_gives_its_events_the_close_and_the_end_and_is_not_created() {
    let stage = Stage::start().await;
    let mut subscriber = stage.subscribe("/", not_found()).await;
    let error = subscriber.next().await;
    assert_eq!((error.name.as_str(), error.text()), ("error", "Task not found"));
    assert_eq!(subscriber.next().await.text(), "2");
    expect_close(&mut subscriber, "task_not_found").await;
    let disconnect = stage.callbacks.disconnect_of(&stage.token("/").await).await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", Some(true)));
    assert_eq!(stage.topic("task:42").await.code(), (404, "TOPIC_NOT_FOUND".into()));
}

#[tokio::test]
async fn a_topic_that_exists_is_listened_to() {
    let stage = Stage::start().await;
    stage.publish(json!({"topic": "task:42"})).await;
    let mut subscriber = stage.listen("/", not_found()).await;
    stage.event("task:42", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
}

#[tokio::test]
async fn a_completed_topic_exists() {
    let stage = Stage::start().await;
    stage.event("task:42", "result").await;
    stage.complete("task:42", "task_completed").await;
    let mut subscriber = stage.subscribe("/", not_found()).await;
    assert_eq!(subscriber.next().await.text(), "result");
    expect_close(&mut subscriber, "task_completed").await;
}

#[tokio::test]
async fn it_may_have_no_events() {
    let stage = Stage::start().await;
    for if_missing in [json!({"events": [], "reason": "gone"}), json!({"reason": "gone"})] {
        let mut subscriber = stage.subscribe("/", task(if_missing)).await;
        expect_close(&mut subscriber, "gone").await;
    }
}

#[tokio::test]
async fn a_missing_topic_is_missing_whatever_the_cursor() {
    let stage = Stage::start().await;
    let position = stage.event("other", "").await;
    for last_id in [position.to_string(), "another-1".into(), "malformed".into()] {
        let mut subscriber = stage.resume("/", not_found(), &last_id).await;
        assert_eq!(subscriber.next().await.name, "error", "{last_id}");
        assert_eq!(subscriber.next().await.text(), "2");
        expect_close(&mut subscriber, "task_not_found").await;
    }
}

#[tokio::test]
async fn one_missing_topic_leaves_the_others_alone() {
    let stage = Stage::start().await;
    let mut holder = stage.listen("/holder", json!([{"name": "news", "exclusive": true}])).await;
    let missing = json!({"name": "task:42", "if_missing": {"events": [], "reason": "gone"}});
    let topics = json!([{"name": "news", "exclusive": true}, "new", missing]);
    let mut subscriber = stage.subscribe("/", topics).await;
    expect_close(&mut subscriber, "gone").await;
    assert_eq!(stage.topic("new").await.status(), 404);
    assert_eq!(stage.publish(json!({"topic": "news", "event": {"data": "1"}})).await.1, 1);
    assert_eq!(holder.next().await.text(), "1");
}

#[tokio::test]
async fn a_topic_that_came_into_being_meanwhile_is_listened_to_on_the_next_connect() {
    let stage = Stage::start().await;
    let mut early = stage.subscribe("/", task(json!({"events": [], "reason": "gone"}))).await;
    expect_close(&mut early, "gone").await;
    stage.event("task:42", "1").await;
    let mut subscriber = stage.gateway.subscribe("/").await;
    assert_eq!(subscriber.next().await.text(), "1");
}

#[tokio::test]
async fn the_answers_own_event_comes_first() {
    let stage = Stage::start().await;
    let topics = task(json!({"events": [{"data": "2"}], "reason": "gone"}));
    stage.answer("/", json!({"event": {"data": "1"}, "topics": topics}));
    let mut subscriber = stage.gateway.subscribe("/").await;
    assert_eq!(subscriber.texts(2).await, ["1", "2"]);
    expect_close(&mut subscriber, "gone").await;
}

#[tokio::test]
async fn without_it_the_topic_is_created() {
    let stage = Stage::start().await;
    let mut subscriber = stage.subscribe("/", json!([{"name": "task:42", "from": "start"}])).await;
    expect_cursor(&mut subscriber).await;
    assert_eq!(stage.receivers("task:42").await, Some(1));
}
