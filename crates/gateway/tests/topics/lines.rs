//! 2.2: publishes as lines of JSON, applied as they arrive.

use serde_json::{Value, json};
use sse_gateway_testkit::{Position, eventually};

use crate::setup::{NDJSON, Stage, expect_close};

fn line(data: &str) -> String {
    json!({"data": data}).to_string() + "\n"
}

#[tokio::test]
async fn each_line_is_published_as_it_arrives() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    let mut publishing = stage.begin("?topic=chat", NDJSON).await;
    for number in 0..5 {
        publishing.write(line(&number.to_string())).await;
        assert_eq!(subscriber.next().await.text(), number.to_string());
    }
    let answer = publishing.finish().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json()["count"], 5);
    let position = Position::read(answer.json()["position"].as_str().expect("a position"));
    assert_eq!(subscriber.last_id(), position.to_string());
}

#[tokio::test]
async fn lines_are_cut_anywhere() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    let mut publishing = stage.begin("?topic=chat", NDJSON).await;
    for byte in "{\"name\":\"n\",\"data\":\"é🦀\"}\r\n\n{\"data\":\"2\"}".as_bytes() {
        publishing.write([*byte]).await;
    }
    let first = subscriber.next().await;
    assert_eq!((first.name.as_str(), first.text()), ("n", "é🦀"));
    let answer = publishing.finish().await;
    assert_eq!((answer.status(), &answer.json()["count"]), (200, &json!(2)));
    assert_eq!(subscriber.next().await.text(), "2", "the last line needs no end");
}

#[tokio::test]
async fn a_whole_body_at_once_is_as_good() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    let body: String = (0..500).map(|number| line(&number.to_string())).collect();
    let answer = stage.sender.post("/internal/publish?topic=chat", NDJSON, body).await;
    assert_eq!((answer.status(), &answer.json()["count"]), (200, &json!(500)));
    for number in 0..500 {
        assert_eq!(subscriber.next().await.text(), number.to_string());
    }
}

#[tokio::test]
async fn topic_and_close_are_decoded_from_the_query() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["größe/a b&c"])).await;
    let query = "?topic=gr%C3%B6%C3%9Fe%2Fa%20b%26c&close=it%20is%20%C3%BCber";
    let answer = stage.sender.post(&format!("/internal/publish{query}"), NDJSON, line("1")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(subscriber.next().await.text(), "1");
    expect_close(&mut subscriber, "it is über").await;
}

#[tokio::test]
async fn close_completes_the_topic_at_the_end_of_the_body_and_not_before() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    let mut publishing = stage.begin("?topic=chat&close=done", NDJSON).await;
    publishing.write(line("1")).await;
    assert_eq!(subscriber.next().await.text(), "1");
    stage.event("chat", "from another publisher").await;
    assert_eq!(subscriber.next().await.text(), "from another publisher");
    let answer = publishing.finish().await;
    let close = expect_close(&mut subscriber, "done").await;
    assert_eq!(answer.json()["position"], close.position().to_string());
    let late = stage.sender.publish(json!({"topic": "chat", "event": {"data": ""}})).await;
    assert_eq!(late.code(), (409, "TOPIC_COMPLETED".into()));
}

#[tokio::test]
async fn an_empty_body_with_close_completes_the_topic() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    let answer = stage.sender.post("/internal/publish?topic=chat&close=done", NDJSON, "").await;
    assert_eq!((answer.status(), &answer.json()["count"]), (200, &json!(0)));
    expect_close(&mut subscriber, "done").await;
}

#[tokio::test]
async fn what_arrived_before_a_break_stays_and_nothing_is_completed() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    for hard in [false, true] {
        let mut publishing = stage.begin("?topic=chat&close=done", NDJSON).await;
        publishing.write(line("whole") + line("cut off").trim_end()).await;
        assert_eq!(subscriber.next().await.text(), "whole");
        if hard {
            publishing.reset()
        } else {
            drop(publishing)
        }
        stage.event("chat", "goes on").await;
        assert_eq!(subscriber.next().await.text(), "goes on");
    }
}

#[tokio::test]
async fn a_wrong_line_ends_the_publish_with_its_code_and_what_came_before_stays() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    for (wrong, code) in [
        ("not json\n", "INVALID_JSON"),
        ("3\n", "INVALID_JSON"),
        ("{}\n", "INVALID_EVENT_DATA_MISSING"),
        ("{\"data\":\"\",\"name\":1}\n", "INVALID_EVENT_NAME_TYPE"),
        ("{\"data\":\"\",\"name\":\"a\\nb\"}\n", "INVALID_EVENT_NAME"),
    ] {
        let body = line("before") + wrong + &line("after");
        let answer = stage.sender.post("/internal/publish?topic=chat&close=done", NDJSON, body).await;
        assert_eq!(answer.code(), (400, code.into()), "{wrong}");
        stage.event("chat", "goes on").await;
        assert_eq!(subscriber.texts(2).await, ["before", "goes on"], "{wrong}");
    }
}

#[tokio::test]
async fn a_line_over_the_bound_is_too_large() {
    let stage = Stage::start_with(&[("SEND_BODY_BYTES_MAX", "10000")]).await;
    let mut publishing = stage.begin("?topic=chat", NDJSON).await;
    // All of them together may be larger than one.
    for _ in 0..10 {
        publishing.write(line(&"x".repeat(9_000))).await;
    }
    // The gateway may have had enough before it has all.
    let _ = publishing.try_write(line(&"x".repeat(10_001))).await;
    assert_eq!(publishing.response().await.code(), (413, "BODY_TOO_LARGE".into()));
}

#[tokio::test]
async fn publishing_lines_to_a_completed_topic_is_refused() {
    let stage = Stage::start().await;
    stage.complete("chat", "done").await;
    let answer = stage.sender.post("/internal/publish?topic=chat", NDJSON, line("late")).await;
    assert_eq!(answer.code(), (409, "TOPIC_COMPLETED".into()));
}

#[tokio::test]
async fn a_wrong_topic_in_the_query_is_refused() {
    let stage = Stage::start().await;
    for query in ["?topic=", "?topic=a%0Ab", "?topic=%FF", &format!("?topic={}", "x".repeat(257))] {
        let answer = stage.sender.post(&format!("/internal/publish{query}"), NDJSON, line("1")).await;
        assert_eq!(answer.code(), (400, "INVALID_TOPIC".into()), "{query}");
    }
}

#[tokio::test]
async fn without_a_topic_each_line_is_a_publish_with_an_answer_of_its_own() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a", "b"])).await;
    let lines = [
        json!({"topic": "a", "event": {"data": "1"}, "id": "k"}).to_string(),
        "not json".into(),
        json!({"topic": "", "event": {"data": ""}}).to_string(),
        json!({"topic": "b", "events": [{"data": "2"}, {"data": "3"}]}).to_string(),
        json!({"topic": "a", "event": {"data": "1"}, "id": "k"}).to_string(),
        json!({"topic": "b", "close": {"reason": "over"}}).to_string(),
    ];
    let answer = stage.sender.post("/internal/publish", NDJSON, lines.join("\n")).await;
    assert_eq!(answer.status(), 200);
    let answers: Vec<Value> =
        answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let codes: Vec<_> = answers.iter().map(|line| line["error"]["code"].as_str().unwrap_or("ok")).collect();
    assert_eq!(codes, ["ok", "INVALID_JSON", "INVALID_TOPIC", "ok", "ok", "ok"]);
    assert_eq!(answers[4], answers[0]);
    assert_eq!(subscriber.texts(3).await, ["1", "2", "3"]);
    assert_eq!(subscriber.next().await.name, "topic_close");
}

#[tokio::test]
async fn publishes_as_lines_are_applied_as_they_arrive() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a"])).await;
    let mut publishing = stage.begin("", NDJSON).await;
    for number in 0..3 {
        let publish = json!({"topic": "a", "event": {"data": number.to_string()}});
        publishing.write(format!("{publish}\n")).await;
        assert_eq!(subscriber.next().await.text(), number.to_string());
    }
    drop(publishing);
    stage.event("a", "goes on").await;
    assert_eq!(subscriber.next().await.text(), "goes on");
}

/// A megabyte a second for a while, with nobody who could keep all of it.
#[tokio::test]
async fn a_long_publish_costs_the_gateway_no_more_memory_than_the_topic_keeps() {
    const BYTES: usize = 48 << 20;
    let stage = Stage::start().await;
    stage.event("chat", &"x".repeat(100_000)).await;
    let before = stage.gateway.memory_bytes();
    let mut publishing = stage.begin("?topic=chat", NDJSON).await;
    let part = line(&"x".repeat(8_000)).repeat(8);
    for _ in 0..BYTES / part.len() {
        publishing.write(&part).await;
    }
    let answer = publishing.finish().await;
    assert_eq!(answer.json()["count"], 8 * (BYTES / part.len()));
    let grown = stage.gateway.memory_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes for a topic that keeps one mebibyte");
}

#[tokio::test]
async fn a_publish_that_is_silent_for_too_long_is_given_up_and_what_arrived_stays() {
    let stage = Stage::start_with(&[("PUBLISH_IDLE_SECONDS", "1")]).await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    let mut publishing = stage.begin("?topic=chat&close=done", NDJSON).await;
    publishing.write(line("1")).await;
    assert_eq!(subscriber.next().await.text(), "1");
    assert_eq!(publishing.response().await.code(), (408, "REQUEST_TIMEOUT".into()));
    stage.event("chat", "not completed").await;
    assert_eq!(subscriber.next().await.text(), "not completed");
    eventually("the connection is given up", async || publishing.try_write(line("2")).await.is_err()).await;
}
