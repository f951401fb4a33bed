//! 2.3: `GET` and `DELETE /internal/topics/{name}`.

use serde_json::{Value, json};

use crate::setup::{Stage, expect_close, expect_cursor, expect_gap};

async fn description(stage: &Stage, name: &str) -> Value {
    let answer = stage.topic(name).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn an_unknown_topic_is_not_found() {
    let stage = Stage::start().await;
    assert_eq!(stage.topic("nobody").await.code(), (404, "TOPIC_NOT_FOUND".into()));
    let deleted = stage.sender.delete("/internal/topics/nobody").await;
    assert_eq!(deleted.code(), (404, "TOPIC_NOT_FOUND".into()));
    assert_eq!(stage.topic("nobody").await.status(), 404, "asking creates nothing");
}

#[tokio::test]
async fn a_topic_is_told_with_its_retained_range_and_receivers() {
    let stage = Stage::start_with(&[("TOPIC_EVENTS_MAX", "2")]).await;
    stage.publish(json!({"topic": "news"})).await;
    let empty = description(&stage, "news").await;
    assert_eq!((&empty["first"], &empty["last"]), (&Value::Null, &Value::Null), "{empty}");
    assert_eq!((&empty["receivers"], &empty["completed"]), (&json!(0), &Value::Null), "{empty}");
    let positions = stage.events("news", &["1", "2", "3"]).await;
    let _subscriber = stage.listen("/", json!(["news"])).await;
    let told = description(&stage, "news").await;
    assert_eq!(told["first"], positions[1].to_string(), "{told}");
    assert_eq!(told["last"], positions[2].to_string(), "{told}");
    assert_eq!((&told["topic"], &told["events"]), (&json!("news"), &json!(2)), "{told}");
    assert_eq!((&told["receivers"], &told["completed"]), (&json!(1), &Value::Null), "{told}");
}

#[tokio::test]
async fn a_completed_topic_is_told_as_such() {
    let stage = Stage::start().await;
    let event = stage.event("task", "1").await;
    let completion = stage.complete("task", "done").await;
    let told = description(&stage, "task").await;
    let expected = json!({"reason": "done", "position": completion.to_string()});
    assert_eq!(told["completed"], expected, "{told}");
    assert_eq!(told["last"], event.to_string(), "{told}");
}

#[tokio::test]
async fn a_name_is_percent_encoded_in_the_path() {
    let stage = Stage::start().await;
    for (name, path) in [
        ("task:42", "task:42"),
        ("task:42", "task%3A42"),
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("größe", "gr%C3%B6%c3%9fe"),
        ("100%", "100%25"),
        ("a+b", "a+b"),
        ("q?x#y", "q%3Fx%23y"),
        ("..", "%2E%2E"),
    ] {
        stage.publish(json!({"topic": name})).await;
        assert_eq!(description(&stage, path).await["topic"], name, "{path}");
        let query = format!("{path}?a=b");
        assert_eq!(description(&stage, &query).await["topic"], name, "{query}");
    }
    let long = "x".repeat(256);
    stage.publish(json!({"topic": long})).await;
    assert_eq!(stage.topic(&long).await.status(), 200);
    assert_eq!(stage.topic(&"x".repeat(257)).await.code().0 / 100, 4);
}

#[tokio::test]
async fn what_can_be_no_name_is_refused_or_unknown() {
    let stage = Stage::start().await;
    for path in ["%FF", "%0A", "%C2%85"] {
        assert_eq!(stage.topic(path).await.code(), (400, "INVALID_TOPIC".into()), "{path}");
    }
    for path in ["", "%zz", "%"] {
        let (status, _) = stage.topic(path).await.code();
        assert!(matches!(status, 400 | 404), "{path}: {status}");
    }
}

#[tokio::test]
async fn deleting_ends_the_streams_and_forgets_everything() {
    let stage = Stage::start().await;
    stage.event("news", "old").await;
    let mut only = stage.listen("/only", json!(["news"])).await;
    let mut both = stage.listen("/both", json!(["news", "other"])).await;
    let answer = stage.sender.delete("/internal/topics/news").await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let close = expect_close(&mut only, "deleted").await;
    assert_eq!(answer.json(), json!({"position": close.position().to_string()}));
    let close = both.next().await;
    assert_eq!(
        (close.name.as_str(), close.json()),
        ("topic_close", json!({"topic": "news", "reason": "deleted"}))
    );
    assert_eq!(stage.topic("news").await.status(), 404);
    stage.event("other", "1").await;
    assert_eq!(both.next().await.text(), "1");
    assert_eq!(stage.publish(json!({"topic": "news", "event": {"data": "new"}})).await.1, 0);
    let mut later = stage.subscribe("/later", json!([{"name": "news", "from": "start"}])).await;
    assert_eq!(later.next().await.text(), "new");
}

#[tokio::test]
async fn a_deleted_topic_is_completed_no_more() {
    let stage = Stage::start().await;
    let completion = stage.complete("task", "done").await;
    assert!(stage.sender.delete("/internal/topics/task").await.status() < 300);
    let mut subscriber = stage.resume("/", json!(["task"]), &completion.to_string()).await;
    expect_cursor(&mut subscriber).await;
    stage.event("task", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
}

#[tokio::test]
async fn what_was_deleted_under_a_cursor_is_a_gap() {
    let stage = Stage::start().await;
    let cursor = stage.event("other", "").await;
    stage.event("news", "missed").await;
    assert!(stage.sender.delete("/internal/topics/news").await.status() < 300);
    let mut subscriber = stage.resume("/", json!(["news"]), &cursor.to_string()).await;
    expect_gap(&mut subscriber, "expired", &["news"]).await;
}
