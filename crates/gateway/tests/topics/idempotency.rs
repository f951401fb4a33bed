//! 2.2: idempotency keys.

use serde_json::{Value, json};

use crate::setup::{Stage, expect_close, published};

fn keyed(key: &str, data: &str) -> Value {
    json!({"topic": "news", "event": {"data": data}, "id": key})
}

#[tokio::test]
async fn a_key_again_gives_the_first_answer_and_appends_nothing() {
    let stage = Stage::start().await;
    let first = stage.sender.publish(keyed("k", "1")).await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    let again = stage.sender.publish(keyed("k", "1")).await;
    assert_eq!((again.status(), again.json()), (200, first.json()), "receivers as they were then");
    stage.event("news", "2").await;
    assert_eq!(subscriber.next().await.text(), "2");
}

#[tokio::test]
async fn a_key_with_another_body_is_reused() {
    let stage = Stage::start().await;
    stage.publish(keyed("k", "1")).await;
    for body in [
        keyed("k", "2"),
        json!({"topic": "news", "event": {"name": "named", "data": "1"}, "id": "k"}),
        json!({"topic": "news", "events": [{"data": "1"}, {"data": ""}], "id": "k"}),
        json!({"topic": "news", "event": {"data": "1"}, "close": {"reason": "done"}, "id": "k"}),
        json!({"topic": "news", "close": {"reason": "done"}, "id": "k"}),
    ] {
        let answer = stage.sender.publish(body.clone()).await;
        assert_eq!(answer.code(), (409, "KEY_REUSED".into()), "{body}");
    }
    let mut subscriber = stage.subscribe("/", json!([{"name": "news", "from": "start"}])).await;
    assert_eq!(subscriber.next().await.text(), "1");
    stage.event("news", "2").await;
    assert_eq!(subscriber.next().await.text(), "2");
}

#[tokio::test]
async fn a_key_is_a_topics_own() {
    let stage = Stage::start().await;
    let (first, _) = stage.publish(json!({"topic": "a", "event": {"data": "1"}, "id": "k"})).await;
    let (second, _) = stage.publish(json!({"topic": "b", "event": {"data": "2"}, "id": "k"})).await;
    assert!(first < second);
}

#[tokio::test]
async fn other_keys_and_none_are_other_publishes() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    stage.publish(keyed("k", "same")).await;
    stage.publish(keyed("K", "same")).await;
    stage.event("news", "same").await;
    stage.event("news", "same").await;
    assert_eq!(subscriber.texts(4).await, ["same"; 4]);
}

#[tokio::test]
async fn a_key_is_looked_up_before_completion_is_checked() {
    let stage = Stage::start().await;
    let body =
        json!({"topic": "task", "event": {"data": "result"}, "close": {"reason": "done"}, "id": "final"});
    let first = stage.sender.publish(body.clone()).await;
    let earlier = json!({"topic": "task", "event": {"data": "other"}, "id": "final"});
    assert_eq!(stage.sender.publish(body).await.json(), first.json());
    assert_eq!(stage.sender.publish(earlier).await.code(), (409, "KEY_REUSED".into()));
    let mut subscriber = stage.subscribe("/", json!([{"name": "task", "from": "start"}])).await;
    assert_eq!(subscriber.next().await.text(), "result");
    expect_close(&mut subscriber, "done").await;
}

#[tokio::test]
async fn a_key_from_before_the_completion_is_known_after_it() {
    let stage = Stage::start().await;
    let first = stage.sender.publish(keyed("k", "1")).await;
    stage.complete("news", "done").await;
    assert_eq!(stage.sender.publish(keyed("k", "1")).await.json(), first.json());
    assert_eq!(stage.sender.publish(keyed("new", "1")).await.code(), (409, "TOPIC_COMPLETED".into()));
}

#[tokio::test]
async fn many_at_once_with_one_key_are_one_event() {
    let stage = Stage::start_with(&[("SHARDS", "4")]).await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let sender = stage.sender.clone();
        tries.spawn(async move { sender.publish(keyed("k", "once")).await });
    }
    let answers = tries.join_all().await;
    let (position, receivers) = published(&answers[0]);
    assert_eq!(receivers, 1);
    for answer in answers {
        assert_eq!(published(&answer), (position.clone(), receivers));
    }
    stage.event("news", "after").await;
    assert_eq!(subscriber.texts(2).await, ["once", "after"]);
}

#[tokio::test]
async fn a_key_is_forgotten_after_as_many_others_as_a_topic_keeps_events() {
    let stage = Stage::start_with(&[("TOPIC_EVENTS_MAX", "2")]).await;
    let (first, _) = stage.publish(keyed("k", "1")).await;
    stage.publish(keyed("l", "2")).await;
    assert_eq!(stage.publish(keyed("k", "1")).await.0, first);
    stage.publish(keyed("m", "3")).await;
    let (again, _) = stage.publish(keyed("k", "1")).await;
    assert!(first < again);
}

#[tokio::test]
async fn a_key_is_forgotten_with_its_topic() {
    let stage = Stage::start().await;
    let (first, _) = stage.publish(keyed("k", "1")).await;
    assert!(stage.sender.delete("/internal/topics/news").await.status() < 300);
    let (again, _) = stage.publish(keyed("k", "another")).await;
    assert!(first < again);
}

#[tokio::test]
async fn a_refused_publish_leaves_its_key_free() {
    let stage = Stage::start().await;
    let wrong = json!({"topic": "news", "event": {"name": "gap", "data": "1"}, "id": "k"});
    assert_eq!(stage.sender.publish(wrong).await.status(), 400);
    stage.publish(keyed("k", "1")).await;
}

#[tokio::test]
async fn each_element_of_an_array_has_its_own_key() {
    let stage = Stage::start().await;
    let body = json!([keyed("a", "1"), keyed("b", "2"), keyed("a", "1"), keyed("b", "3")]);
    let first = stage.sender.publish(body.clone()).await.json();
    assert_eq!(first[2], first[0]);
    assert_eq!(first[3]["error"]["code"], "KEY_REUSED");
    let second = stage.sender.publish(body).await.json();
    assert_eq!(second, first);
}
