//! 2.2: a publish whose body is an event stream, such as a language model's answer.

use serde_json::json;

use crate::setup::{EVENT_STREAM, Stage, expect_close, expect_cursor};

/// Publishes a whole body and gives what a subscriber gets of it, as names and data.
async fn piped(body: &str) -> Vec<(String, String)> {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    let answer =
        stage.sender.post("/internal/publish?topic=chat&close=end", EVENT_STREAM, body.to_owned()).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let (blocks, _) = subscriber.rest().await;
    let (close, events) = blocks.split_last().expect("the ending");
    assert_eq!(close.name, "connection_close");
    assert_eq!(answer.json()["count"], events.len(), "{answer:?}");
    assert!(events.iter().all(|event| event.retry.is_none()), "{events:?}");
    events.iter().map(|event| (event.name.clone(), event.text().to_owned())).collect()
}

fn named(name: &str, data: &str) -> (String, String) {
    (name.to_owned(), data.to_owned())
}

#[tokio::test]
async fn each_event_is_published_as_it_arrives() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    let mut publishing = stage.begin("?topic=chat&close=done", EVENT_STREAM).await;
    for word in ["Hel", "lo", " wor", "ld"] {
        publishing.write(format!("data: {{\"delta\":\"{word}\"}}\n\n")).await;
        assert_eq!(subscriber.next().await.json(), json!({"delta": word}));
    }
    publishing.write("data: [DONE]\n\n").await;
    assert_eq!(subscriber.next().await.text(), "[DONE]");
    let answer = publishing.finish().await;
    assert_eq!((answer.status(), &answer.json()["count"]), (200, &json!(5)));
    let close = expect_close(&mut subscriber, "done").await;
    assert_eq!(answer.json()["position"], close.position().to_string());
}

#[tokio::test]
async fn names_and_lines_of_data_are_kept() {
    let body = "event: delta\ndata: a\ndata:  b\ndata:c\ndata\n\ndata: plain\n\n";
    assert_eq!(piped(body).await, [named("delta", "a\n b\nc\n"), named("", "plain")]);
}

#[tokio::test]
async fn id_and_retry_are_ignored() {
    let body = "id: 7\nretry: 1\ndata: a\n\nid: x\n\nretry: 5\n\ndata: b\nid\nretry: 9\n\n";
    assert_eq!(piped(body).await, [named("", "a"), named("", "b")]);
}

#[tokio::test]
async fn comments_and_unknown_fields_are_ignored() {
    let body = ": ok\n\n:\n\nfoo: bar\nData: no\n data: no\ndata: yes\n: inside\n\n: end\n\n";
    assert_eq!(piped(body).await, [named("", "yes")]);
}

#[tokio::test]
async fn blocks_without_data_are_no_events_and_empty_data_is_one() {
    assert_eq!(piped("event: nothing\n\n\n\ndata:\n\n").await, [named("", "")]);
}

#[tokio::test]
async fn lines_end_with_lf_cr_or_crlf() {
    let expected = [named("n", "1\n2"), named("", "3")];
    for end in ["\n", "\r", "\r\n"] {
        let body = "event: n\ndata: 1\ndata: 2\n\ndata: 3\n\n".replace('\n', end);
        assert_eq!(piped(&body).await, expected, "{end:?}");
    }
    assert_eq!(piped("event: n\rdata: 1\r\ndata: 2\n\r\ndata: 3\n\n").await, expected);
}

#[tokio::test]
async fn a_leading_byte_order_mark_is_no_part_of_it() {
    assert_eq!(
        piped("\u{feff}data: a\n\ndata: \u{feff}b\n\n").await,
        [named("", "a"), named("", "\u{feff}b")]
    );
}

#[tokio::test]
async fn an_event_that_is_not_finished_is_none() {
    assert_eq!(piped("data: whole\n\ndata: half\n").await, [named("", "whole")]);
}

#[tokio::test]
async fn events_are_cut_anywhere() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    let mut publishing = stage.begin("?topic=chat", EVENT_STREAM).await;
    for byte in "event: é\r\ndata: 🦀\r\n\r\ndata: 2\n\n".as_bytes() {
        publishing.write([*byte]).await;
    }
    let first = subscriber.next().await;
    assert_eq!((first.name.as_str(), first.text()), ("é", "🦀"));
    assert_eq!(subscriber.next().await.text(), "2");
    assert_eq!(publishing.finish().await.status(), 200);
}

#[tokio::test]
async fn what_arrived_before_a_break_stays_and_nothing_is_completed() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["chat"])).await;
    for hard in [false, true] {
        let mut publishing = stage.begin("?topic=chat&close=done", EVENT_STREAM).await;
        publishing.write("data: whole\n\ndata: cut off").await;
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
async fn it_needs_a_topic() {
    let stage = Stage::start().await;
    let answer = stage.sender.post("/internal/publish", EVENT_STREAM, "data: a\n\n").await;
    assert_eq!(answer.code(), (400, "INVALID_TOPIC".into()));
}

#[tokio::test]
async fn an_event_over_the_bound_is_too_large() {
    let stage = Stage::start_with(&[("SEND_BODY_BYTES_MAX", "10000")]).await;
    let mut publishing = stage.begin("?topic=chat", EVENT_STREAM).await;
    for _ in 0..10 {
        publishing.write(format!("data: {}\n\n", "x".repeat(9_000))).await;
    }
    // The gateway may have had enough before it has all.
    let _ = publishing.try_write(format!("data: {}\n\n", "x".repeat(20_000))).await;
    assert_eq!(publishing.response().await.code(), (413, "BODY_TOO_LARGE".into()));
}

/// The reader that leaves in the middle of a sentence and the one who comes late read the same.
#[tokio::test]
async fn a_stream_is_watched_by_many_left_and_resumed() {
    let stage = Stage::start().await;
    let topics = json!([{"name": "chat", "from": "start"}]);
    let mut first = stage.subscribe("/first", topics.clone()).await;
    expect_cursor(&mut first).await;
    let mut publishing = stage.begin("?topic=chat&close=done", EVENT_STREAM).await;
    for word in ["one", "two", "three"] {
        publishing.write(format!("data: {word}\n\n")).await;
    }
    assert_eq!(first.texts(2).await, ["one", "two"]);
    let last_id = first.last_id();
    drop(first);
    let mut second = stage.subscribe("/second", topics.clone()).await;
    publishing.write("data: four\n\n").await;
    assert_eq!(publishing.finish().await.status(), 200);
    let mut again = stage.resume("/first", topics, &last_id).await;
    assert_eq!(again.texts(2).await, ["three", "four"]);
    expect_close(&mut again, "done").await;
    assert_eq!(second.texts(4).await, ["one", "two", "three", "four"]);
    expect_close(&mut second, "done").await;
}
