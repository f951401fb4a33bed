//! 2.3: topics added to and removed from a live stream.

use serde_json::{Value, json};
use sse_gateway_testkit::{Position, Response};

use crate::continuous::Continuous;
use crate::setup::{Stage, expect_close};

/// Changes a stream's topics.
async fn change(stage: &Stage, token: &str, body: Value) -> Response {
    stage.post(&format!("/internal/streams/{token}/topics"), body).await
}

/// The same, accepted; gives the position in the answer.
async fn changed(stage: &Stage, token: &str, body: Value) -> Position {
    let answer = change(stage, token, body).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    Position::read(answer.json()["position"].as_str().expect("a position"))
}

#[tokio::test]
async fn an_added_topic_is_heard_from_the_position_in_the_answer() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a"])).await;
    let token = stage.token("/").await;
    let before = stage.event("b", "before").await;
    let position = changed(&stage, &token, json!({"add": ["b", {"name": "c"}]})).await;
    assert!(before < position);
    assert_eq!(stage.publish(json!({"topic": "b", "event": {"data": "1"}})).await.1, 1);
    stage.event("c", "2").await;
    stage.event("a", "3").await;
    assert_eq!(subscriber.texts(3).await, ["1", "2", "3"]);
}

#[tokio::test]
async fn a_removed_topic_is_heard_up_to_the_position_in_the_answer() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a", "b"])).await;
    let token = stage.token("/").await;
    stage.event("a", "1").await;
    changed(&stage, &token, json!({"remove": ["a"]})).await;
    assert_eq!(stage.publish(json!({"topic": "a", "event": {"data": "unheard"}})).await.1, 0);
    stage.event("b", "2").await;
    assert_eq!(subscriber.texts(2).await, ["1", "2"]);
}

#[tokio::test]
async fn topics_are_added_and_removed_at_once() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a"])).await;
    let token = stage.token("/").await;
    changed(&stage, &token, json!({"add": ["b"], "remove": ["a"]})).await;
    stage.event("a", "unheard").await;
    stage.event("b", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
    assert_eq!((stage.receivers("a").await, stage.receivers("b").await), (Some(0), Some(1)));
}

/// The answers' positions cut the sequence, whatever is published meanwhile.
#[tokio::test]
async fn changes_are_in_order_with_publishes() {
    let stage = Stage::start_with(&[("SHARDS", "4")]).await;
    let mut subscriber = stage.listen("/", json!(["quiet"])).await;
    let token = stage.token("/").await;
    let publisher = Continuous::start(&stage, "busy");
    let mut spans = Vec::new();
    for _ in 0..20 {
        let from = changed(&stage, &token, json!({"add": ["busy"]})).await;
        subscriber.next().await;
        let to = changed(&stage, &token, json!({"remove": ["busy"]})).await;
        spans.push((from, to));
    }
    let published = publisher.stop().await;
    let within = |position: &Position| spans.iter().any(|(from, to)| from < position && position < to);
    let mut expected = 0;
    for (position, receivers) in &published {
        assert_eq!(*receivers, u64::from(within(position)), "{position}");
        expected += receivers;
    }
    // A stream of its own, because the first event of each span was read above.
    stage.event("quiet", "end").await;
    let mut read = spans.len() as u64;
    while subscriber.next().await.text() != "end" {
        read += 1;
    }
    assert_eq!(read, expected);
}

#[tokio::test]
async fn a_stream_without_topics_can_be_given_some() {
    let stage = Stage::start().await;
    let mut subscriber = stage.subscribe("/", json!([])).await;
    let token = stage.token("/").await;
    changed(&stage, &token, json!({"add": ["a"]})).await;
    let position = stage.event("a", "1").await;
    let mut block = subscriber.next().await;
    if block.name == "cursor" {
        block = subscriber.next().await;
    }
    assert_eq!((block.text(), block.position()), ("1", &position));
}

#[tokio::test]
async fn a_stream_without_its_last_topic_goes_on() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a"])).await;
    let token = stage.token("/").await;
    changed(&stage, &token, json!({"remove": ["a"]})).await;
    stage.event("a", "unheard").await;
    assert_eq!(stage.sender.event(&token, "direct", "").await, "ok");
    assert_eq!(subscriber.next().await.name, "direct");
}

#[tokio::test]
async fn adding_what_it_has_and_removing_what_it_has_not_changes_nothing() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a"])).await;
    let token = stage.token("/").await;
    changed(&stage, &token, json!({"add": ["a"]})).await;
    changed(&stage, &token, json!({"remove": ["unheard of"]})).await;
    assert_eq!(stage.publish(json!({"topic": "a", "event": {"data": "1"}})).await.1, 1);
    stage.event("a", "2").await;
    assert_eq!(subscriber.texts(2).await, ["1", "2"]);
}

#[tokio::test]
async fn from_is_now_or_refused() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a"])).await;
    let token = stage.token("/").await;
    let position = stage.event("b", "before").await.to_string();
    for from in ["start", "last", "undelivered", &position, "nonsense"] {
        let body = json!({"add": ["c", {"name": "b", "from": from}], "remove": ["a"]});
        assert_eq!(change(&stage, &token, body).await.code(), (400, "INVALID_FROM".into()), "{from}");
    }
    assert_eq!(stage.topic("c").await.status(), 404, "refused as a whole");
    changed(&stage, &token, json!({"add": [{"name": "b", "from": "now"}]})).await;
    stage.event("b", "1").await;
    stage.event("a", "2").await;
    assert_eq!(subscriber.texts(2).await, ["1", "2"]);
}

#[tokio::test]
async fn an_unknown_stream_is_not_found() {
    let stage = Stage::start().await;
    for token in ["5f1c3e0a-6d7c-4c1e-9a7d-0b6f5f0f6f7f", "no-token"] {
        let answer = change(&stage, token, json!({"add": ["a"]})).await;
        assert_eq!(answer.code(), (404, "TOKEN_NOT_FOUND".into()));
    }
    let subscriber = stage.listen("/", json!(["a"])).await;
    let token = stage.token("/").await;
    drop(subscriber);
    stage.callbacks.disconnect_of(&token).await;
    assert_eq!(change(&stage, &token, json!({"add": ["b"]})).await.code(), (404, "TOKEN_NOT_FOUND".into()));
    assert_eq!(stage.topic("b").await.status(), 404);
}

#[tokio::test]
async fn wrong_changes_are_refused_as_a_whole() {
    let stage = Stage::start().await;
    let _subscriber = stage.listen("/", json!(["a"])).await;
    let token = stage.token("/").await;
    let many: Vec<_> = (0..100).map(|number| format!("topic {number}")).collect();
    for body in [
        json!({"add": "b"}),
        json!({"add": [""]}),
        json!({"add": ["b", "x".repeat(257)]}),
        json!({"add": ["b", 1]}),
        json!({"add": ["b"], "remove": [""]}),
        json!({"add": ["b"], "remove": "a"}),
        json!({"add": many}),
        json!({"add": ["b", "b"]}),
        json!({"add": ["b"], "remove": ["b"]}),
    ] {
        let answer = change(&stage, &token, body.clone()).await;
        assert_eq!(answer.code(), (400, "INVALID_TOPIC".into()), "{body}");
    }
    let path = format!("/internal/streams/{token}/topics");
    let answer = stage.sender.post(&path, "application/json", "[").await;
    assert_eq!(answer.code(), (400, "INVALID_JSON".into()));
    assert_eq!(stage.topic("b").await.status(), 404);
    assert_eq!(stage.receivers("a").await, Some(1));
}

#[tokio::test]
async fn an_added_exclusive_topic_is_taken_over() {
    let stage = Stage::start().await;
    let mut holder = stage.listen("/holder", json!([{"name": "task", "exclusive": true}])).await;
    let mut subscriber = stage.listen("/", json!(["a"])).await;
    let token = stage.token("/").await;
    changed(&stage, &token, json!({"add": [{"name": "task", "exclusive": true}]})).await;
    expect_close(&mut holder, "replaced").await;
    assert_eq!(stage.publish(json!({"topic": "task", "event": {"data": "1"}})).await.1, 1);
    assert_eq!(subscriber.next().await.text(), "1");
}

#[tokio::test]
async fn an_added_topic_counts_for_the_ending() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a"])).await;
    let token = stage.token("/").await;
    changed(&stage, &token, json!({"add": ["b"]})).await;
    stage.complete("a", "over").await;
    assert_eq!(subscriber.next().await.json(), json!({"topic": "a", "reason": "over"}));
    stage.complete("b", "all over").await;
    expect_close(&mut subscriber, "all over").await;
}

#[tokio::test]
async fn a_completed_topic_cannot_be_added() {
    let stage = Stage::start().await;
    stage.complete("task", "done").await;
    let mut subscriber = stage.listen("/", json!(["a"])).await;
    let token = stage.token("/").await;
    let answer = change(&stage, &token, json!({"add": ["b", "task"], "remove": ["a"]})).await;
    assert_eq!(answer.code(), (409, "TOPIC_COMPLETED".into()));
    assert_eq!(stage.topic("b").await.status(), 404, "refused as a whole");
    stage.event("a", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
}

#[tokio::test]
async fn a_topic_that_is_missing_is_not_added() {
    let stage = Stage::start().await;
    let _subscriber = stage.listen("/", json!(["a"])).await;
    let token = stage.token("/").await;
    let missing = json!({"name": "task", "if_missing": {"reason": "gone"}});
    let answer = change(&stage, &token, json!({"add": ["b", missing]})).await;
    assert_eq!(answer.code(), (404, "TOPIC_NOT_FOUND".into()));
    assert_eq!(stage.topic("b").await.status(), 404);
    stage.publish(json!({"topic": "task"})).await;
    changed(&stage, &token, json!({"add": ["b", missing]})).await;
    assert_eq!(stage.receivers("task").await, Some(1));
}

#[tokio::test]
async fn past_topics_max_nothing_is_added() {
    let stage = Stage::start_with(&[("TOPICS_MAX", "2")]).await;
    let _subscriber = stage.listen("/", json!(["a"])).await;
    let token = stage.token("/").await;
    let answer = change(&stage, &token, json!({"add": ["b", "c"]})).await;
    assert_eq!(answer.code(), (429, "TOPICS_FULL".into()));
    assert_eq!(stage.topic("b").await.status(), 404);
    changed(&stage, &token, json!({"add": ["b"]})).await;
}
