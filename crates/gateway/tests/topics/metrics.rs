//! What `/internal/metrics` tells of topics, named as `docs/operations.md` names it.

use serde_json::json;
use sse_gateway_testkit::{Client, Endpoint, Subscriber, eventually};

use crate::setup::{NDJSON, Stage, expect_close, expect_cursor, expect_gap};

#[tokio::test]
async fn publishes_and_their_events_are_counted() {
    let stage = Stage::start().await;
    stage.publish(json!({"topic": "news"})).await;
    stage.publish(json!({"topic": "news", "events": [{"data": "1"}, {"data": "2"}], "id": "k"})).await;
    stage.complete("task", "done").await;
    stage.sender.publish(json!({"topic": "task", "event": {"data": ""}})).await;
    stage.sender.publish(json!({"topic": ""})).await;
    stage.sender.post("/internal/publish?topic=news", NDJSON, "{\"data\":\"\"}\n".repeat(3)).await;
    assert_eq!(stage.metric("published_events_total").await, 5.0);
    assert_eq!(stage.metric("publishes_total{outcome=\"completed\"}").await, 1.0);
    assert_eq!(stage.metric("publishes_total{outcome=\"rejected\"}").await, 1.0);
    assert!(stage.metric("publishes_total{outcome=\"ok\"}").await >= 4.0);
}

#[tokio::test]
async fn topics_and_what_they_keep_are_counted() {
    let stage = Stage::start().await;
    assert_eq!((stage.metric("topics").await, stage.metric("log_bytes").await), (0.0, 0.0));
    stage.event("a", &"x".repeat(10_000)).await;
    stage.complete("b", "done").await;
    let _subscriber = stage.listen("/", json!(["a", "c"])).await;
    assert_eq!(stage.metric("topics").await, 3.0);
    let bytes = stage.metric("log_bytes").await;
    assert!((10_000.0..20_000.0).contains(&bytes), "{bytes}");
    stage.sender.delete("/internal/topics/a").await;
    eventually("it is forgotten", async || stage.metric("topics").await == 2.0).await;
    // It stays as long as somebody has not heard of its end.
    eventually("its bytes are given back", async || stage.metric("log_bytes").await < 10_000.0).await;
}

#[tokio::test]
async fn replays_gaps_and_take_overs_are_counted() {
    let stage = Stage::start_with(&[("TOPIC_EVENTS_MAX", "2")]).await;
    let positions = stage.events("news", &["1", "2", "3", "4"]).await;
    let topics = json!([{"name": "news", "exclusive": true}]);
    let mut old = stage.resume("/", topics.clone(), &positions[0].to_string()).await;
    expect_gap(&mut old, "expired", &["news"]).await;
    assert_eq!(old.texts(2).await, ["3", "4"]);
    let mut new = stage.resume("/", topics, "malformed").await;
    expect_gap(&mut new, "unknown", &["news"]).await;
    expect_close(&mut old, "replaced").await;
    assert_eq!(new.texts(2).await, ["3", "4"]);
    eventually("4 are replayed", async || stage.metric("replayed_events_total").await == 4.0).await;
    for (reason, count) in [("expired", 1.0), ("unknown", 1.0), ("epoch", 0.0), ("future", 0.0)] {
        assert_eq!(stage.metric(&format!("gaps_total{{reason=\"{reason}\"}}")).await, count, "{reason}");
    }
    assert_eq!(stage.metric("replaced_streams_total").await, 1.0);
}

#[tokio::test]
async fn a_reader_that_falls_behind_is_counted() {
    let stage = Stage::start_with(&[("OUTBOX_BYTES_MAX", "65536"), ("TOPIC_EVENTS_MAX", "10")]).await;
    stage.answer("/", json!({"topics": ["news"]}));
    let mut client = Client::connect_with_receive_buffer(stage.gateway.address(), 4_096).await;
    client.ask("/").await;
    let mut subscriber = Subscriber::on(client).await;
    expect_cursor(&mut subscriber).await;
    assert_eq!(stage.metric("lags_total").await, 0.0);
    // As long as the sockets take it, it does not lag.
    eventually("it lags", async || {
        stage.event("news", &"x".repeat(60_000)).await;
        stage.metric("lags_total").await > 0.0
    })
    .await;
}
