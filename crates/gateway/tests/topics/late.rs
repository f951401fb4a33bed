//! 2.2: who comes after the completion.

use serde_json::{Value, json};
use sse_gateway_testkit::{Client, Endpoint, Response, eventually};

use crate::setup::{Stage, expect_close, expect_cursor};

fn from_start(name: &str) -> Value {
    json!([{"name": name, "from": "start"}])
}

/// Comes back with this id and expects an answer that is no stream.
async fn refused(stage: &Stage, topics: Value, last_id: &str) -> Response {
    stage.answer("/", json!({"topics": topics}));
    let mut client = Client::connect(stage.gateway.address()).await;
    client.ask_again("/", last_id).await;
    let head = client.head().await;
    assert_eq!(head.status(), 204, "{head:?}");
    client.response().await
}

#[tokio::test]
async fn a_late_stream_gets_what_is_retained_and_the_same_ending() {
    let stage = Stage::start().await;
    let mut live = stage.listen("/live", json!(["task"])).await;
    let events = json!([{"name": "progress", "data": "1"}, {"name": "completed", "data": "2"}]);
    stage.publish(json!({"topic": "task", "events": events, "close": {"reason": "done"}})).await;
    let (seen, _) = live.rest().await;
    let mut late = stage.subscribe("/late", from_start("task")).await;
    assert_eq!(late.rest().await.0, seen);
    let disconnect = stage.callbacks.disconnect_of(&stage.token("/late").await).await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", Some(true)));
}

#[tokio::test]
async fn a_late_stream_from_now_or_last_gets_the_ending_and_no_idle_stream() {
    let stage = Stage::start().await;
    stage.events("task", &["1", "2"]).await;
    stage.complete("task", "done").await;
    let mut last = stage.subscribe("/last", json!([{"name": "task", "from": "last"}])).await;
    assert_eq!(last.next().await.text(), "2");
    expect_close(&mut last, "done").await;
    let mut now = stage.subscribe("/now", json!(["task"])).await;
    let (blocks, _) = now.rest().await;
    let close = blocks.last().expect("the ending");
    assert_eq!((close.name.as_str(), close.json()), ("connection_close", json!({"reason": "done"})));
}

#[tokio::test]
async fn a_late_stream_with_another_topic_hears_of_the_end_and_goes_on() {
    let stage = Stage::start().await;
    stage.event("task", "1").await;
    stage.complete("task", "done").await;
    let topics = json!([{"name": "task", "from": "start"}, "news"]);
    let mut late = stage.subscribe("/", topics).await;
    assert_eq!(late.next().await.text(), "1");
    let close = late.next().await;
    assert_eq!(
        (close.name.as_str(), close.json()),
        ("topic_close", json!({"topic": "task", "reason": "done"}))
    );
    stage.event("news", "2").await;
    assert_eq!(late.next().await.text(), "2");
}

#[tokio::test]
async fn a_stream_whose_topics_are_all_completed_gets_every_ending() {
    let stage = Stage::start().await;
    for topic in ["a", "b"] {
        stage.event(topic, topic).await;
        stage.complete(topic, topic).await;
    }
    let topics = json!([{"name": "b", "from": "start"}, {"name": "a", "from": "start"}]);
    let mut late = stage.subscribe("/", topics).await;
    assert_eq!(late.next().await.text(), "a");
    assert_eq!(late.next().await.json(), json!({"topic": "a", "reason": "a"}));
    assert_eq!(late.next().await.text(), "b");
    expect_close(&mut late, "b").await;
}

#[tokio::test]
async fn a_cursor_before_the_completion_gets_the_rest_and_the_ending() {
    let stage = Stage::start().await;
    let positions = stage.events("task", &["1", "2"]).await;
    stage.complete("task", "done").await;
    let mut first = stage.resume("/", json!(["task"]), &positions[0].to_string()).await;
    assert_eq!(first.next().await.text(), "2");
    expect_close(&mut first, "done").await;
    let mut second = stage.resume("/", json!(["task"]), &positions[1].to_string()).await;
    expect_close(&mut second, "done").await;
}

#[tokio::test]
async fn an_event_source_that_had_the_ending_is_stopped_with_204() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/live", json!(["task"])).await;
    let live_token = stage.token("/live").await;
    stage.complete("task", "done").await;
    expect_close(&mut subscriber, "done").await;
    stage.callbacks.disconnect_of(&live_token).await;
    let later = stage.event("elsewhere", "").await;
    for last_id in [subscriber.last_id(), later.to_string()] {
        let answer = refused(&stage, json!(["task"]), &last_id).await;
        assert_eq!(answer.body, "");
        assert_eq!(answer.header("content-type"), None);
        let token = stage.token("/").await;
        let disconnect = stage.callbacks.disconnect_of(&token).await;
        assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", Some(false)));
        let gone = stage.sender.send(json!({"token": token})).await;
        assert_eq!(gone.code(), (404, "TOKEN_NOT_FOUND".into()));
    }
}

#[tokio::test]
async fn the_query_stops_a_client_as_the_header_does() {
    let stage = Stage::start().await;
    let position = stage.complete("task", "done").await;
    let target = format!("/?last_event_id={position}");
    stage.answer(&target, json!({"topics": ["task"]}));
    assert_eq!(stage.gateway.get(&target).await.head().await.status(), 204);
}

#[tokio::test]
async fn topics_completed_at_or_before_the_cursor_are_left_out() {
    let stage = Stage::start().await;
    stage.event("task", "1").await;
    let completion = stage.complete("task", "done").await;
    let topics = json!([{"name": "task", "from": "start"}, "news"]);
    let mut subscriber = stage.resume("/", topics.clone(), &completion.to_string()).await;
    expect_cursor(&mut subscriber).await;
    stage.event("news", "2").await;
    assert_eq!(subscriber.next().await.text(), "2");
    stage.complete("news", "over").await;
    expect_close(&mut subscriber, "over").await;
    refused(&stage, topics, &subscriber.last_id()).await;
}

#[tokio::test]
async fn a_cursor_that_cannot_be_placed_gets_the_whole_ending_again() {
    let stage = Stage::start().await;
    stage.event("task", "1").await;
    stage.complete("task", "done").await;
    for last_id in ["other-999", "malformed"] {
        let mut subscriber = stage.resume("/", json!(["task"]), last_id).await;
        assert_eq!(subscriber.next().await.name, "gap");
        assert_eq!(subscriber.next().await.text(), "1");
        expect_close(&mut subscriber, "done").await;
    }
}

#[tokio::test]
async fn a_204_is_no_take_over() {
    let stage = Stage::start().await;
    let completion = stage.complete("task", "done").await;
    let topics = json!([{"name": "task", "exclusive": true}]);
    refused(&stage, topics, &completion.to_string()).await;
    assert_eq!(stage.receivers("task").await, Some(0));
}

#[tokio::test]
async fn a_completion_stays_when_its_events_are_dropped() {
    let stage = Stage::start_with(&[("TOPIC_EVENTS_MAX", "1")]).await;
    let events = json!([{"data": "1"}, {"data": "2"}, {"data": "3"}]);
    let body = json!({"topic": "task", "events": events, "close": {"reason": "done"}});
    stage.publish(body).await;
    let mut late = stage.subscribe("/", json!([{"name": "task", "from": "last"}])).await;
    assert_eq!(late.next().await.text(), "3");
    expect_close(&mut late, "done").await;
}

#[tokio::test]
async fn a_completion_is_forgotten_age_max_after_it_and_the_name_is_free_again() {
    let stage = Stage::start_with(&[("TOPIC_AGE_MAX_SECONDS", "1")]).await;
    stage.complete("task", "done").await;
    let late = stage.sender.publish(json!({"topic": "task", "event": {"data": "late"}})).await;
    assert_eq!(late.code(), (409, "TOPIC_COMPLETED".into()));
    eventually("it is forgotten", async || stage.topic("task").await.status() == 404).await;
    stage.event("task", "a new life").await;
    let mut subscriber = stage.subscribe("/", from_start("task")).await;
    assert_eq!(subscriber.next().await.text(), "a new life");
}
