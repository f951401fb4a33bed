//! 2.2: what is retained, and when a topic is forgotten.

use std::time::{Duration, Instant};

use serde_json::json;
use sse_gateway_testkit::{Endpoint, eventually};

use crate::setup::{NDJSON, Stage};

/// What a stream from `start` gets of a topic, and whether it was told of a gap.
async fn retained(stage: &Stage, topic: &str) -> (Vec<String>, bool) {
    let mut subscriber = stage.subscribe("/", json!([{"name": topic, "from": "start"}, "end"])).await;
    stage.publish(json!({"topic": "end", "event": {"name": "end", "data": ""}})).await;
    let (mut texts, mut gap) = (Vec::new(), false);
    loop {
        let block = subscriber.next().await;
        match block.name.as_str() {
            "end" => return (texts, gap),
            "gap" => gap = true,
            "cursor" => {}
            _ => texts.push(block.text().to_owned()),
        }
    }
}

#[tokio::test]
async fn a_topic_keeps_as_many_events_as_is_set() {
    let stage = Stage::start_with(&[("TOPIC_EVENTS_MAX", "3")]).await;
    stage.events("news", &["1", "2", "3"]).await;
    assert_eq!(retained(&stage, "news").await, (vec!["1".into(), "2".into(), "3".into()], false));
    stage.events("news", &["4", "5"]).await;
    assert_eq!(retained(&stage, "news").await, (vec!["3".into(), "4".into(), "5".into()], true));
}

#[tokio::test]
async fn a_topic_keeps_1000_events_by_default() {
    let stage = Stage::start().await;
    for hundred in 0..11 {
        let events: Vec<_> =
            (0..100).map(|number| json!({"data": (100 * hundred + number).to_string()})).collect();
        stage.publish(json!({"topic": "news", "events": events})).await;
    }
    let (texts, gap) = retained(&stage, "news").await;
    let expected: Vec<_> = (100..1_100).map(|number| number.to_string()).collect();
    assert_eq!((texts, gap), (expected, true));
}

#[tokio::test]
async fn a_topic_keeps_as_many_bytes_as_is_set() {
    let stage = Stage::start_with(&[("TOPIC_BYTES_MAX", "10000")]).await;
    for number in 0..20 {
        stage.event("news", &format!("{number:-<1000}")).await;
    }
    let (texts, gap) = retained(&stage, "news").await;
    assert!(gap && (5..=10).contains(&texts.len()), "{}", texts.len());
    let first = 20 - texts.len();
    for (index, text) in texts.iter().enumerate() {
        assert!(text.starts_with(&format!("{}-", first + index)), "the newest, in order: {text}");
    }
}

#[tokio::test]
async fn a_topic_keeps_a_mebibyte_by_default() {
    let stage = Stage::start().await;
    for _ in 0..30 {
        stage.event("news", &"x".repeat(100_000)).await;
    }
    let kept = retained(&stage, "news").await.0.len();
    assert!((8..=10).contains(&kept), "{kept}");
}

#[tokio::test]
async fn a_topic_keeps_events_as_long_as_is_set() {
    let stage = Stage::start_with(&[("TOPIC_AGE_MAX_SECONDS", "1")]).await;
    let _listener = stage.listen("/listener", json!(["news"])).await;
    let begin = Instant::now();
    stage.events("news", &["1", "2"]).await;
    eventually("they have aged out", async || retained(&stage, "news").await == (vec![], true)).await;
    assert!(begin.elapsed() >= Duration::from_secs(1));
    stage.event("news", "3").await;
    assert_eq!(retained(&stage, "news").await.0, ["3"]);
}

#[tokio::test]
async fn one_topics_retention_is_none_of_anothers() {
    let stage = Stage::start_with(&[("TOPIC_EVENTS_MAX", "2")]).await;
    stage.events("calm", &["1", "2"]).await;
    stage.events("busy", &["a", "b", "c", "d"]).await;
    assert_eq!(retained(&stage, "calm").await, (vec!["1".into(), "2".into()], false));
    assert_eq!(retained(&stage, "busy").await, (vec!["c".into(), "d".into()], true));
}

#[tokio::test]
async fn more_events_at_once_than_a_topic_keeps_reach_whoever_listens() {
    let stage = Stage::start_with(&[("TOPIC_EVENTS_MAX", "2")]).await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    stage.publish(json!({"topic": "news", "events": [{"data": "1"}, {"data": "2"}, {"data": "3"}]})).await;
    let mut texts = Vec::new();
    let mut gap = false;
    while texts.last().is_none_or(|text| text != "3") {
        let block = subscriber.next().await;
        if block.name == "gap" { gap = true } else { texts.push(block.text().to_owned()) }
    }
    assert!(texts.len() == 3 || gap, "every event or a gap: {texts:?}");
}

#[tokio::test]
async fn over_all_topics_the_oldest_entries_go_first() {
    let stage = Stage::start_with(&[("LOG_BYTES_MAX", "100000")]).await;
    let data = |number: usize| format!("{number:-<1000}");
    for number in 0..60 {
        stage.event("older", &data(number)).await;
    }
    for number in 0..60 {
        stage.event("newer", &data(number)).await;
    }
    let (newer, gap) = retained(&stage, "newer").await;
    assert_eq!((newer.len(), gap), (60, false));
    let (older, gap) = retained(&stage, "older").await;
    assert!(gap && (10..=40).contains(&older.len()), "{}", older.len());
    assert_eq!(older.last(), Some(&data(59)), "its newest stay");
}

#[tokio::test]
async fn a_topic_nobody_listens_to_is_forgotten_age_max_after_its_last_publish() {
    let stage = Stage::start_with(&[("TOPIC_AGE_MAX_SECONDS", "1")]).await;
    let begin = Instant::now();
    stage.event("with an event", "").await;
    stage.publish(json!({"topic": "empty"})).await;
    for name in ["with%20an%20event", "empty"] {
        eventually("it is forgotten", async || stage.topic(name).await.status() == 404).await;
    }
    assert!(begin.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_topic_somebody_listens_to_is_not_forgotten() {
    let stage = Stage::start_with(&[("TOPIC_AGE_MAX_SECONDS", "1")]).await;
    let listener = stage.listen("/", json!(["heard"])).await;
    for round in 0..2 {
        let name = format!("unheard{round}");
        stage.publish(json!({"topic": name})).await;
        eventually("the other is forgotten", async || stage.topic(&name).await.status() == 404).await;
        assert_eq!(stage.receivers("heard").await, Some(1));
    }
    drop(listener);
    eventually("its last listener has gone", async || stage.topic("heard").await.status() == 404).await;
}

#[tokio::test]
async fn past_topics_max_a_new_topic_is_refused_and_the_others_go_on() {
    let stage = Stage::start_with(&[("TOPICS_MAX", "2")]).await;
    stage.events("one", &["1"]).await;
    stage.publish(json!({"topic": "two"})).await;
    for body in [json!({"topic": "three"}), json!({"topic": "three", "event": {"data": ""}})] {
        assert_eq!(stage.sender.publish(body).await.code(), (429, "TOPICS_FULL".into()));
    }
    stage.events("one", &["2"]).await;
    stage.events("two", &["2"]).await;
    assert!(stage.sender.delete("/internal/topics/one").await.status() < 300);
    stage.event("three", "there is room again").await;
}

#[tokio::test]
async fn past_topics_max_a_connect_that_needs_a_new_topic_is_refused_as_a_whole() {
    let stage = Stage::start_with(&[("TOPICS_MAX", "2")]).await;
    stage.event("one", "1").await;
    stage.answer("/", json!({"topics": ["one", "two", "three"]}));
    let refusal = stage.gateway.fetch("/").await.response().await;
    assert!(refusal.status() >= 400, "{refusal:?}");
    assert_eq!(refusal.code().1, "TOPICS_FULL");
    let disconnect = stage.callbacks.disconnect_of(&stage.token("/").await).await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(false)));
    assert_eq!(stage.topic("two").await.status(), 404);
    assert_eq!(stage.receivers("one").await, Some(0));
}

#[tokio::test]
async fn there_are_100000_topics_by_default() {
    let stage = Stage::start().await;
    let lines: String = (0..100_001).map(|number| format!("{{\"topic\":\"{number}\"}}\n")).collect();
    let answer = stage.sender.post("/internal/publish", NDJSON, lines).await;
    let answers = answer.text();
    let (last, before) =
        answers.trim_end().rsplit_once('\n').map(|(before, last)| (last, before)).expect("lines");
    assert!(before.lines().all(|line| line.contains("position")), "one was refused");
    assert!(last.contains("TOPICS_FULL"), "{last}");
}
