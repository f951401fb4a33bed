//! 2.2: gaps, the resume decision table row by row.

use serde_json::{Value, json};
use sse_gateway_testkit::{Client, Endpoint, Subscriber, eventually};

use crate::setup::{Stage, expect_cursor, expect_gap};

/// Keeps two events of a topic.
const KEEP_TWO: &[(&str, &str)] = &[("TOPIC_EVENTS_MAX", "2")];

/// Comes back with these bytes as the header's value.
async fn resume_raw(stage: &Stage, topics: Value, last_id: &[u8]) -> Subscriber {
    stage.answer("/", json!({"topics": topics}));
    let mut client = Client::connect(stage.gateway.address()).await;
    client.ask_again("/", last_id).await;
    Subscriber::on(client).await
}

#[tokio::test]
async fn a_cursor_whose_next_event_is_dropped_is_expired() {
    let stage = Stage::start_with(KEEP_TWO).await;
    let positions = stage.events("news", &["1", "2", "3", "4"]).await;
    let mut subscriber = stage.resume("/", json!(["news"]), &positions[0].to_string()).await;
    let gap = subscriber.next().await;
    assert_eq!(gap.name, "gap");
    let data = gap.json();
    let members: Vec<_> = data.as_object().expect("an object").keys().collect();
    assert_eq!(members.len(), 4, "{data}");
    assert_eq!(data["reason"], "expired");
    assert_eq!(data["topics"], json!(["news"]));
    assert_eq!(data["from"], positions[0].to_string());
    assert!(data["to"].is_string(), "{data}");
    assert_eq!(subscriber.texts(2).await, ["3", "4"]);
}

#[tokio::test]
async fn a_cursor_at_the_newest_dropped_event_has_missed_nothing() {
    let stage = Stage::start_with(KEEP_TWO).await;
    let positions = stage.events("news", &["1", "2", "3", "4"]).await;
    let mut subscriber = stage.resume("/", json!(["news"]), &positions[1].to_string()).await;
    assert_eq!(subscriber.texts(2).await, ["3", "4"]);
}

#[tokio::test]
async fn a_cursor_just_before_the_newest_dropped_event_is_expired() {
    let stage = Stage::start_with(KEEP_TWO).await;
    let positions = stage.events("news", &["1", "2", "3", "4"]).await;
    let mut before = positions[1].clone();
    before.seq -= 1;
    let mut subscriber = stage.resume("/", json!(["news"]), &before.to_string()).await;
    expect_gap(&mut subscriber, "expired", &["news"]).await;
}

/// However far the sequence has gone: what other topics dropped is no gap of this one.
#[tokio::test]
async fn a_topic_that_dropped_nothing_has_no_gap() {
    let stage = Stage::start_with(KEEP_TWO).await;
    let positions = stage.events("calm", &["1", "2"]).await;
    for _ in 0..50 {
        stage.event("busy", "").await;
    }
    let mut subscriber = stage.resume("/", json!(["calm"]), &positions[0].to_string()).await;
    assert_eq!(subscriber.next().await.text(), "2");
}

#[tokio::test]
async fn one_gap_names_the_topics_that_have_one_and_only_those() {
    let stage = Stage::start_with(KEEP_TWO).await;
    let cursor = stage.event("calm", "c1").await;
    stage.events("busy", &["b1", "b2", "b3"]).await;
    stage.events("hectic", &["h1", "h2", "h3", "h4"]).await;
    stage.event("calm", "c2").await;
    let topics = json!(["hectic", "calm", "busy"]);
    let mut subscriber = stage.resume("/", topics, &cursor.to_string()).await;
    expect_gap(&mut subscriber, "expired", &["busy", "hectic"]).await;
    assert_eq!(subscriber.texts(5).await, ["b2", "b3", "h3", "h4", "c2"]);
}

#[tokio::test]
async fn a_cursor_beyond_the_newest_number_is_of_the_future_and_goes_on_live() {
    let stage = Stage::start().await;
    let position = stage.event("news", "before").await;
    for future in [position.plus(1_000_000), position.plus(u64::MAX / 2)] {
        let mut subscriber = stage.resume("/", json!(["news"]), &future.to_string()).await;
        let gap = subscriber.next().await;
        assert_eq!((gap.name.as_str(), gap.json()["reason"].as_str()), ("gap", Some("future")));
        assert_eq!(gap.json()["from"], future.to_string());
        assert_eq!(gap.json()["topics"], json!(["news"]));
        expect_cursor(&mut subscriber).await;
        stage.event("news", "live").await;
        assert_eq!(subscriber.next().await.text(), "live");
    }
}

#[tokio::test]
async fn a_cursor_of_another_epoch_gets_all_that_is_retained() {
    let mut stage = Stage::start().await;
    let before = stage.event("news", "of another life").await;
    stage.gateway.kill_and_start_again().await;
    stage.events("news", &["1", "2"]).await;
    let mut subscriber = stage.resume("/", json!(["news"]), &before.to_string()).await;
    let gap = subscriber.next().await;
    assert_eq!((gap.name.as_str(), gap.json()["reason"].as_str()), ("gap", Some("epoch")));
    assert_eq!(gap.json()["from"], before.to_string());
    assert_eq!(subscriber.texts(2).await, ["1", "2"]);
}

#[tokio::test]
async fn a_cursor_that_is_no_position_is_unknown_and_gets_all_that_is_retained() {
    let stage = Stage::start().await;
    let epoch = stage.event("news", "1").await.epoch;
    let too_long = "x".repeat(65);
    for id in [
        "7",
        "-",
        "-7",
        "epoch-",
        "two words-1",
        "a-b-c",
        &format!("{epoch}-"),
        &format!("{epoch}-x"),
        &format!("{epoch}--1"),
        &format!("{epoch}-1.5"),
        "{\"id\":1}",
        &too_long,
    ] {
        let mut subscriber = resume_raw(&stage, json!(["news"]), id.as_bytes()).await;
        let gap = subscriber.next().await;
        assert_eq!((gap.name.as_str(), gap.json()["reason"].as_str()), ("gap", Some("unknown")), "{id}");
        assert_eq!(gap.json()["topics"], json!(["news"]));
        if id.len() <= 64 {
            assert_eq!(gap.json()["from"], id);
        }
        assert_eq!(subscriber.next().await.text(), "1", "{id}");
    }
}

#[tokio::test]
async fn a_cursor_that_is_no_ascii_is_unknown_and_never_an_error_page() {
    let stage = Stage::start().await;
    stage.event("news", "1").await;
    for id in ["größe-1".as_bytes(), b"\xff\xfe-1", b"\x80", "日本".as_bytes(), &[b'x'; 9_000]] {
        let mut subscriber = resume_raw(&stage, json!(["news"]), id).await;
        expect_gap(&mut subscriber, "unknown", &["news"]).await;
        assert_eq!(subscriber.next().await.text(), "1");
    }
    for query in ["%ff", "%", "a%20b", "%00", "%0a"] {
        let target = format!("/?last_event_id={query}");
        let mut subscriber = stage.subscribe(&target, json!(["news"])).await;
        expect_gap(&mut subscriber, "unknown", &["news"]).await;
        assert_eq!(subscriber.next().await.text(), "1");
    }
}

/// Whatever caused the gap: a client that takes over its `to` misses nothing of what followed.
#[tokio::test]
async fn a_resume_from_to_gives_just_what_followed_the_gap() {
    let stage = Stage::start_with(KEEP_TWO).await;
    let positions = stage.events("news", &["1", "2", "3", "4"]).await;
    for (id, reason) in
        [(positions[0].to_string(), "expired"), ("other-1".into(), "epoch"), ("malformed".into(), "unknown")]
    {
        let mut subscriber = stage.resume("/", json!(["news"]), &id).await;
        let to = expect_gap(&mut subscriber, reason, &["news"]).await;
        let mut again = stage.resume("/", json!(["news"]), &to.to_string()).await;
        for text in ["3", "4"] {
            let block = subscriber.next().await;
            assert_eq!(block.text(), text);
            assert_eq!(again.next().await, block, "{reason}");
        }
    }
    let future = positions[3].plus(1_000_000);
    let mut subscriber = stage.resume("/", json!(["news"]), &future.to_string()).await;
    let to = expect_gap(&mut subscriber, "future", &["news"]).await;
    stage.event("news", "5").await;
    let mut again = stage.resume("/", json!(["news"]), &to.to_string()).await;
    assert_eq!(again.next().await.text(), "5");
}

#[tokio::test]
async fn after_a_gap_with_nothing_to_replay_there_is_a_cursor() {
    let stage = Stage::start().await;
    stage.publish(json!({"topic": "news"})).await;
    for id in ["malformed", "other-1"] {
        let mut subscriber = stage.resume("/", json!(["news"]), id).await;
        assert_eq!(subscriber.next().await.name, "gap");
        let cursor = expect_cursor(&mut subscriber).await;
        stage.event("news", id).await;
        assert_eq!(subscriber.next().await.text(), id);
        let mut again = stage.resume("/", json!(["news"]), &cursor.to_string()).await;
        assert_eq!(again.next().await.text(), id);
        stage.sender.delete("/internal/topics/news").await;
    }
}

#[tokio::test]
async fn start_of_a_topic_that_has_dropped_something_is_a_gap_without_from() {
    let stage = Stage::start_with(KEEP_TWO).await;
    stage.events("news", &["1", "2", "3"]).await;
    let mut subscriber = stage.subscribe("/", json!([{"name": "news", "from": "start"}])).await;
    let gap = subscriber.next().await;
    assert_eq!((gap.name.as_str(), gap.json()["reason"].as_str()), ("gap", Some("expired")));
    assert_eq!(gap.json()["from"], Value::Null);
    assert_eq!(subscriber.texts(2).await, ["2", "3"]);
}

#[tokio::test]
async fn undelivered_is_a_gap_only_if_something_undelivered_is_dropped() {
    let stage = Stage::start_with(KEEP_TWO).await;
    let topics = json!([{"name": "news", "from": "undelivered"}]);
    let mut first = stage.listen("/", topics.clone()).await;
    stage.events("news", &["1", "2", "3"]).await;
    assert_eq!(first.texts(3).await, ["1", "2", "3"]);
    drop(first);
    eventually("it has left", async || stage.receivers("news").await == Some(0)).await;
    stage.events("news", &["4", "5"]).await;
    let mut second = stage.subscribe("/", topics.clone()).await;
    assert_eq!(second.texts(2).await, ["4", "5"], "what was dropped had been handed out");
    drop(second);
    eventually("it has left", async || stage.receivers("news").await == Some(0)).await;
    stage.events("news", &["6", "7", "8"]).await;
    let mut third = stage.subscribe("/", topics).await;
    expect_gap(&mut third, "expired", &["news"]).await;
    assert_eq!(third.texts(2).await, ["7", "8"]);
}

#[tokio::test]
async fn now_and_last_know_no_gap() {
    let stage = Stage::start_with(KEEP_TWO).await;
    stage.events("news", &["1", "2", "3", "4"]).await;
    stage.listen("/now", json!(["news"])).await;
    let mut last = stage.subscribe("/last", json!([{"name": "news", "from": "last"}])).await;
    assert_eq!(last.next().await.text(), "4");
}

/// What a topic had dropped before it was forgotten is never missed by a cursor.
#[tokio::test]
async fn a_topic_that_was_forgotten_and_created_again_has_a_gap_for_older_cursors() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    let positions = stage.events("news", &["1", "2"]).await;
    assert_eq!(subscriber.next().await.text(), "1");
    drop(subscriber);
    assert!(stage.sender.delete("/internal/topics/news").await.status() < 300);
    stage.event("news", "3").await;
    let mut again = stage.resume("/", json!(["news"]), &positions[0].to_string()).await;
    expect_gap(&mut again, "expired", &["news"]).await;
    assert_eq!(again.next().await.text(), "3");
}

#[tokio::test]
async fn what_was_forgotten_counts_only_against_cursors() {
    let stage = Stage::start().await;
    let newest = stage.events("news", &["1", "2"]).await.pop().expect("two");
    assert!(stage.sender.delete("/internal/topics/news").await.status() < 300);
    let later = stage.event("news", "3").await;
    for from in ["undelivered", "start"] {
        let mut without = stage.subscribe("/", json!([{"name": "news", "from": from}])).await;
        assert_eq!(without.next().await.text(), "3", "{from}");
    }
    let mut had_all = stage.resume("/", json!(["news"]), &newest.to_string()).await;
    assert_eq!(had_all.next().await.text(), "3");
    assert!(newest < later);
}
