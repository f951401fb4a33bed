//! 2.2: publishes that are refused, each as a whole.

use serde_json::{Value, json};

use crate::setup::{EVENT_STREAM, NDJSON, Stage};

async fn assert_refused(stage: &Stage, body: Value, status: u16, code: &str) {
    let answer = stage.sender.publish(body.clone()).await;
    let text: String = body.to_string().chars().take(200).collect();
    assert_eq!(answer.code(), (status, code.to_owned()), "{text}");
}

#[tokio::test]
async fn a_body_that_is_no_object_is_no_publish() {
    let stage = Stage::start().await;
    for body in ["", "{", "null", "1", "\"topic\"", "{\"topic\":\"a\"} x", "{\"topic\":\"\\ud800\"", "\u{1}"]
    {
        let answer = stage.sender.post("/internal/publish", "application/json", body).await;
        assert_eq!(answer.code(), (400, "INVALID_JSON".into()), "{body:?}");
    }
    let no_utf8 = &b"{\"topic\":\"\xff\"}"[..];
    let answer = stage.sender.post("/internal/publish", "application/json", no_utf8).await;
    assert_eq!(answer.code(), (400, "INVALID_JSON".into()));
}

#[tokio::test]
async fn another_content_type_is_no_publish() {
    let stage = Stage::start().await;
    let body = json!({"topic": "a", "event": {"data": ""}}).to_string();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        let answer = stage.sender.post("/internal/publish", content_type, body.clone()).await;
        assert_eq!(answer.code(), (400, "INVALID_JSON".into()), "{content_type}");
    }
    let answer = stage.sender.post("/internal/publish", "application/json; charset=utf-8", body).await;
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_topic_is_a_name_within_its_bounds() {
    let stage = Stage::start().await;
    let mut wrong = vec![json!(null), json!(1), json!(["a"]), json!({}), json!("")];
    wrong.extend(["\n", "a\tb", "\u{0}", "\u{1f}", "\u{7f}", "\u{85}", "\u{9f}"].map(Value::from));
    wrong.extend(["x".repeat(257), "é".repeat(129), "🦀".repeat(65)].map(Value::from));
    for topic in wrong {
        assert_refused(&stage, json!({"topic": topic, "event": {"data": ""}}), 400, "INVALID_TOPIC").await;
    }
    assert_refused(&stage, json!({"event": {"data": ""}}), 400, "INVALID_TOPIC").await;
    for topic in ["x".repeat(256), "é".repeat(128), "🦀".repeat(64), " ".into(), "a/../b?c#d%2f".into()] {
        stage.event(&topic, "").await;
    }
}

#[tokio::test]
async fn events_are_checked_as_those_of_a_send() {
    let stage = Stage::start().await;
    for (event, code) in [
        (json!(null), "INVALID_EVENT_TYPE"),
        (json!("text"), "INVALID_EVENT_TYPE"),
        (json!([]), "INVALID_EVENT_TYPE"),
        (json!({}), "INVALID_EVENT_DATA_MISSING"),
        (json!({"data": null}), "INVALID_EVENT_DATA_MISSING"),
        (json!({"data": {"a": 1}}), "INVALID_EVENT_DATA_MISSING"),
        (json!({"data": "", "name": 1}), "INVALID_EVENT_NAME_TYPE"),
        (json!({"data": "", "name": "a\nb"}), "INVALID_EVENT_NAME"),
        (json!({"data": "", "name": "a\rb"}), "INVALID_EVENT_NAME"),
        (json!({"data": "", "name": "a\u{0}b"}), "INVALID_EVENT_NAME"),
    ] {
        assert_refused(&stage, json!({"topic": "a", "event": event}), 400, code).await;
        let events = json!([{"data": "right"}, event]);
        assert_refused(&stage, json!({"topic": "a", "events": events}), 400, code).await;
    }
    for events in [json!(null), json!({}), json!("x")] {
        assert_refused(&stage, json!({"topic": "a", "events": events}), 400, "INVALID_EVENT_TYPE").await;
    }
    let both = json!({"topic": "a", "event": {"data": ""}, "events": [{"data": ""}]});
    assert_refused(&stage, both, 400, "INVALID_EVENT_TYPE").await;
}

const RESERVED: [&str; 5] = ["connection_close", "topic_close", "gap", "cursor", "unavailable"];

#[tokio::test]
async fn the_gateways_own_names_are_refused() {
    let stage = Stage::start().await;
    for name in RESERVED {
        let event = json!({"name": name, "data": ""});
        assert_refused(&stage, json!({"topic": "a", "event": event}), 400, "RESERVED_EVENT_NAME").await;
        let events = json!([{"data": "right"}, event]);
        assert_refused(&stage, json!({"topic": "a", "events": events}), 400, "RESERVED_EVENT_NAME").await;
        let line = format!("{event}\n");
        let answer = stage.sender.post("/internal/publish?topic=a", NDJSON, line).await;
        assert_eq!(answer.code(), (400, "RESERVED_EVENT_NAME".into()), "{name}");
        let block = format!("event: {name}\ndata: \n\n");
        let answer = stage.sender.post("/internal/publish?topic=a", EVENT_STREAM, block).await;
        assert_eq!(answer.code(), (400, "RESERVED_EVENT_NAME".into()), "{name}");
    }
    for name in ["Cursor", " gap", "gaps", "error", "message"] {
        stage.publish(json!({"topic": "a", "event": {"name": name, "data": ""}})).await;
    }
}

#[tokio::test]
async fn a_send_may_use_any_name() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    let token = stage.token("/").await;
    for name in RESERVED.iter().rev() {
        assert_eq!(stage.sender.event(&token, name, "direct").await, "ok");
        let block = subscriber.next().await;
        assert_eq!((block.name.as_str(), block.text(), &block.id), (*name, "direct", &None));
    }
}

#[tokio::test]
async fn a_key_is_a_string_of_1_to_256_bytes() {
    let stage = Stage::start().await;
    let body = |id: Value| json!({"topic": "a", "event": {"data": ""}, "id": id});
    for id in [json!(1), json!(null), json!({}), json!(""), json!("x".repeat(257)), json!("é".repeat(129))] {
        assert_refused(&stage, body(id), 400, "INVALID_ID").await;
    }
    for id in ["x".repeat(256), "é".repeat(128), " ".into()] {
        stage.publish(body(json!(id))).await;
    }
}

#[tokio::test]
async fn close_is_an_object_with_a_reason() {
    let stage = Stage::start().await;
    for close in [json!(true), json!(null), json!("done"), json!([]), json!({}), json!({"reason": 1})] {
        let body = json!({"topic": "a", "event": {"data": ""}, "close": close});
        assert_refused(&stage, body, 400, "INVALID_CLOSE_TYPE").await;
    }
}

#[tokio::test]
async fn a_refused_publish_creates_and_appends_nothing() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    for topic in ["news", "new"] {
        for body in [
            json!({"topic": topic, "events": [{"data": "1"}, {"data": 2}]}),
            json!({"topic": topic, "event": {"data": "1"}, "id": 1}),
            json!({"topic": topic, "event": {"data": "1"}, "close": true}),
            json!({"topic": topic, "events": [{"data": "1"}, {"name": "gap", "data": ""}]}),
        ] {
            assert_eq!(stage.sender.publish(body).await.status(), 400);
        }
    }
    assert_eq!(stage.topic("new").await.status(), 404);
    stage.event("news", "the first").await;
    assert_eq!(subscriber.next().await.text(), "the first");
}

#[tokio::test]
async fn a_body_over_its_bound_is_too_large() {
    let stage = Stage::start_with(&[("SEND_BODY_BYTES_MAX", "10000")]).await;
    let body = |length: usize| json!({"topic": "a", "event": {"data": "x".repeat(length)}});
    assert_refused(&stage, body(10_001), 413, "BODY_TOO_LARGE").await;
    stage.publish(body(9_000)).await;
}

#[tokio::test]
async fn unknown_members_are_ignored() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    stage
        .publish(
            json!({"topic": "news", "token": 7, "event": {"data": "1", "id": "x", "retry": 1}, "more": []}),
        )
        .await;
    let block = subscriber.next().await;
    assert_eq!((block.text(), block.retry), ("1", None));
}

#[tokio::test]
async fn events_that_no_topic_or_no_stream_can_hold_are_too_large() {
    let settings = [("TOPIC_BYTES_MAX", "10000"), ("OUTBOX_BYTES_MAX", "20000")];
    let stage = Stage::start_with(&settings).await;
    let mut subscriber = stage.listen("/", json!(["a"])).await;
    let event = |length: usize| json!({"data": "x".repeat(length)});
    assert_refused(&stage, json!({"topic": "a", "event": event(10_001)}), 413, "EVENT_TOO_LARGE").await;
    let many = json!([event(8_000), event(8_000), event(8_000)]);
    assert_refused(&stage, json!({"topic": "a", "events": many}), 413, "EVENT_TOO_LARGE").await;
    stage.publish(json!({"topic": "a", "event": event(9_000)})).await;
    assert_eq!(subscriber.next().await.text().len(), 9_000);
}
