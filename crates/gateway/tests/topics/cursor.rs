//! 2.1 and 2.2: the `cursor` event, and ids.

use serde_json::json;
use sse_gateway_testkit::{Answer, Endpoint, Gate, Position, Subscriber, When};

use crate::setup::{Stage, expect_cursor};

#[tokio::test]
async fn the_cursor_comes_before_anything_live() {
    let stage = Stage::start().await;
    let mut subscriber = stage.subscribe("/", json!(["news"])).await;
    let (position, _) = stage.publish(json!({"topic": "news", "event": {"data": "1"}})).await;
    let cursor = expect_cursor(&mut subscriber).await;
    assert!(cursor < position);
    assert_eq!(subscriber.next().await.position(), &position);
}

#[tokio::test]
async fn a_client_that_left_before_its_first_event_resumes_without_a_hole() {
    let stage = Stage::start().await;
    stage.event("news", "before").await;
    let subscriber = stage.listen("/", json!(["news"])).await;
    let cursor = subscriber.last_id();
    drop(subscriber);
    stage.events("news", &["1", "2"]).await;
    let mut again = stage.resume("/", json!(["news"]), &cursor).await;
    assert_eq!(again.texts(2).await, ["1", "2"]);
}

#[tokio::test]
async fn after_a_replayed_event_there_is_no_cursor() {
    let stage = Stage::start().await;
    stage.event("news", "1").await;
    let mut subscriber = stage.subscribe("/", json!([{"name": "news", "from": "start"}])).await;
    stage.event("news", "2").await;
    assert_eq!(subscriber.texts(2).await, ["1", "2"]);
}

#[tokio::test]
async fn a_client_that_missed_nothing_gets_a_cursor() {
    let stage = Stage::start().await;
    let position = stage.event("news", "1").await;
    let mut subscriber = stage.resume("/", json!(["news"]), &position.to_string()).await;
    assert!(expect_cursor(&mut subscriber).await >= position);
    stage.event("news", "2").await;
    assert_eq!(subscriber.next().await.text(), "2");
}

#[tokio::test]
async fn what_was_kept_while_opening_comes_before_the_cursor() {
    let stage = Stage::start().await;
    let gate = Gate::closed();
    let answer = Answer::json(&json!({"topics": ["news"]})).after(&gate);
    stage.callbacks.answer(When::connect(), answer);
    let client = stage.gateway.get("/").await;
    stage.sender.event(&stage.token("/").await, "kept", "").await;
    gate.open();
    let mut subscriber = Subscriber::on(client).await;
    let kept = subscriber.next().await;
    assert_eq!((kept.name.as_str(), kept.id), ("kept", None));
    expect_cursor(&mut subscriber).await;
}

#[tokio::test]
async fn the_id_of_an_event_is_the_position_in_its_answer() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    let position = stage.event("news", "1").await;
    assert_eq!(subscriber.next().await.position(), &position);
    let body = json!({"topic": "news", "events": [{"data": "2"}, {"data": "3"}, {"data": "4"}]});
    let (position, _) = stage.publish(body).await;
    for text in ["2", "3"] {
        let block = subscriber.next().await;
        assert_eq!(block.text(), text);
        assert!(*block.position() < position);
    }
    assert_eq!(subscriber.next().await.position(), &position);
}

/// The subscriber looks at each id: one epoch, strictly increasing.
#[tokio::test]
async fn ids_increase_over_all_topics_of_a_stream() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a", "b", "c"])).await;
    let mut positions = Vec::new();
    for topic in ["a", "b", "a", "c", "c", "b", "a"] {
        positions.push(stage.event(topic, "").await);
    }
    for position in positions {
        assert_eq!(subscriber.next().await.position(), &position);
    }
}

#[tokio::test]
async fn two_streams_see_an_event_under_the_same_id() {
    let stage = Stage::start().await;
    let mut one = stage.listen("/one", json!(["news"])).await;
    let mut two = stage.listen("/two", json!(["other", "news"])).await;
    stage.event("news", "1").await;
    let mut late = stage.subscribe("/late", json!([{"name": "news", "from": "start"}])).await;
    let block = one.next().await;
    assert_eq!(two.next().await, block);
    assert_eq!(late.next().await, block);
}

#[tokio::test]
async fn one_cursor_serves_all_topics_of_a_stream() {
    let stage = Stage::start().await;
    let topics = json!(["a", "b"]);
    let mut subscriber = stage.listen("/", topics.clone()).await;
    for data in ["a1", "b1", "a2", "b2"] {
        stage.event(&data[..1], data).await;
    }
    assert_eq!(subscriber.texts(2).await, ["a1", "b1"]);
    let mut again = stage.resume("/", topics, &subscriber.last_id()).await;
    assert_eq!(again.texts(2).await, ["a2", "b2"]);
}

#[tokio::test]
async fn a_cursor_serves_topics_that_the_stream_did_not_have_before() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a"])).await;
    for data in ["b1", "a1", "b2"] {
        stage.event(&data[..1], data).await;
    }
    assert_eq!(subscriber.next().await.text(), "a1");
    let mut again = stage.resume("/", json!(["a", "b"]), &subscriber.last_id()).await;
    assert_eq!(again.next().await.text(), "b2");
}

#[tokio::test]
async fn each_life_of_a_log_in_memory_has_its_own_epoch() {
    let mut stage = Stage::start().await;
    let before = stage.event("news", "1").await;
    stage.gateway.stop_and_start_again().await;
    let after = stage.event("news", "1").await;
    assert_ne!(before.epoch, after.epoch);
    stage.gateway.kill_and_start_again().await;
    assert_ne!(stage.event("news", "1").await.epoch, after.epoch);
}

#[tokio::test]
async fn a_direct_send_has_no_id_and_does_not_move_the_cursor() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    let position = stage.event("news", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
    let token = stage.token("/").await;
    stage.sender.send(json!({"token": token, "event": {"name": "direct", "data": "", "id": "x-1"}})).await;
    let direct = subscriber.next().await;
    assert_eq!((direct.name.as_str(), direct.id), ("direct", None));
    assert_eq!(subscriber.last_id(), position.to_string());
    assert_eq!(Position::read(&subscriber.last_id()), position);
}
