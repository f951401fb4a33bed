//! 1.2, 1.4 and 1.5 for streams with topics: heartbeats, leaving, shutdown.

use std::time::{Duration, Instant};

use serde_json::json;
use sse_gateway_testkit::{End, Endpoint, Signal, eventually};

use crate::setup::{EVENT_STREAM, Stage};

/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_stream_with_topics_hears_heartbeats() {
    let stage = Stage::start_with(&[("HEARTBEAT_INTERVAL_SECONDS", "1")]).await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    for number in ["1", "2"] {
        assert_eq!(subscriber.next_comment().await, "heartbeat");
        stage.event("news", number).await;
        assert_eq!(subscriber.next().await.text(), number);
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_no_receiver_any_more() {
    let stage = Stage::start().await;
    let subscriber = stage.listen("/", json!(["a", "b"])).await;
    let token = stage.token("/").await;
    drop(subscriber);
    let disconnect = stage.callbacks.disconnect_of(&token).await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("client_closed", Some(true)));
    for topic in ["a", "b"] {
        eventually("nobody listens", async || stage.receivers(topic).await == Some(0)).await;
        assert_eq!(stage.publish(json!({"topic": topic, "event": {"data": ""}})).await.1, 0);
    }
}

/// `connection_close` would keep browsers away; a clean end brings them back.
#[tokio::test]
async fn a_shutdown_ends_the_streams_cleanly_and_tells_no_client_to_stay_away() {
    let mut stage = Stage::start().await;
    let mut streams = Vec::new();
    for number in 0..10 {
        streams.push(stage.listen(&format!("/{number}"), json!(["news"])).await);
    }
    for number in 0..20 {
        stage.event("news", &number.to_string()).await;
    }
    stage.gateway.signal(Signal::TERM);
    for stream in &mut streams {
        for number in 0..20 {
            assert_eq!(stream.next().await.text(), number.to_string());
        }
        assert_eq!(stream.end().await, End::Clean);
    }
    let exit = stage.gateway.wait_exit().await;
    assert_eq!(exit.code, Some(0), "{}", exit.output);
    for number in 0..10 {
        let token = stage.token(&format!("/{number}")).await;
        let disconnect = stage.callbacks.disconnect_of(&token).await;
        assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", Some(true)));
    }
    stage.callbacks.assert_none_left();
}

#[tokio::test]
async fn a_publish_under_way_cannot_hold_the_exit_up() {
    let mut stage = Stage::start_with(&[("SHUTDOWN_SECONDS", "1")]).await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    let mut publishing = stage.begin("?topic=chat&close=done", EVENT_STREAM).await;
    publishing.write("data: 1\n\n").await;
    assert_eq!(subscriber.next().await.text(), "1");
    let begin = Instant::now();
    stage.gateway.signal(Signal::TERM);
    assert_eq!(subscriber.end().await, End::Clean);
    let exit = stage.gateway.wait_exit().await;
    assert_eq!(exit.code, Some(0), "{}", exit.output);
    assert!(begin.elapsed() < Duration::from_secs(1) + SLACK, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_replay_under_way_cannot_hold_the_exit_up() {
    let mut stage = Stage::start_with(&[("SHUTDOWN_SECONDS", "1"), ("TOPIC_BYTES_MAX", "33554432")]).await;
    for _ in 0..200 {
        stage.event("news", &"x".repeat(100_000)).await;
    }
    let mut subscriber = stage.subscribe("/", json!([{"name": "news", "from": "start"}])).await;
    subscriber.next().await;
    let begin = Instant::now();
    stage.gateway.signal(Signal::TERM);
    let exit = stage.gateway.wait_exit().await;
    assert_eq!(exit.code, Some(0), "{}", exit.output);
    assert!(begin.elapsed() < Duration::from_secs(1) + SLACK, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_stream_that_is_closed_by_a_send_leaves_its_topics() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    let token = stage.token("/").await;
    let body = json!({"token": token, "event": {"name": "connection_close", "data": "{}"}, "close": true});
    assert_eq!(stage.sender.send(body).await.status(), 200);
    assert_eq!(subscriber.next().await.name, "connection_close");
    assert_eq!(subscriber.end().await, End::Clean);
    assert_eq!(stage.publish(json!({"topic": "news", "event": {"data": ""}})).await.1, 0);
}

#[tokio::test]
async fn an_answer_that_closes_at_once_replays_nothing_live() {
    let stage = Stage::start().await;
    stage.answer("/", json!({"topics": ["news"], "event": {"data": "bye"}, "close": true}));
    let mut subscriber = stage.gateway.subscribe("/").await;
    let (blocks, end) = subscriber.rest().await;
    assert_eq!((blocks[0].text(), end), ("bye", End::Clean));
    eventually("nobody listens", async || stage.receivers("news").await.unwrap_or(0) == 0).await;
}
