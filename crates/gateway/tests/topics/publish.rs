//! 2.2: what a publish does and answers.

use serde_json::{Value, json};
use sse_gateway_testkit::{Answer, Endpoint, Gate, Position, Sender, Subscriber, When, eventually};

use crate::setup::{Stage, published};

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or("ok")
}

#[tokio::test]
async fn it_is_answered_with_a_position_and_the_number_of_receivers() {
    let stage = Stage::start().await;
    let body = json!({"topic": "news", "event": {"data": "1"}});
    let answer = stage.sender.publish(body.clone()).await;
    let members: Vec<_> = answer.json().as_object().expect("an object").keys().cloned().collect();
    assert_eq!(members, ["position", "receivers"]);
    let (first, receivers) = published(&answer);
    assert_eq!(receivers, 0);
    let (second, _) = stage.publish(body).await;
    assert!(first < second);
}

#[tokio::test]
async fn receivers_are_the_streams_subscribed_at_the_position() {
    let stage = Stage::start().await;
    let count = async || stage.publish(json!({"topic": "news", "event": {"data": ""}})).await.1;
    let mut streams = Vec::new();
    for number in 0..4 {
        assert_eq!(count().await, number);
        streams.push(stage.listen(&format!("/{number}"), json!(["other", "news"])).await);
    }
    assert_eq!(count().await, 4);
    streams.truncate(1);
    eventually("three have left", async || stage.receivers("news").await == Some(1)).await;
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn one_without_events_creates_the_topic_and_gives_no_event() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["created", "other"])).await;
    assert_eq!(stage.publish(json!({"topic": "created"})).await.1, 1);
    stage.event("other", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
    assert_eq!(stage.topic("alone").await.status(), 404);
    let (position, receivers) = stage.publish(json!({"topic": "alone"})).await;
    assert_eq!(receivers, 0);
    assert_eq!(stage.topic("alone").await.status(), 200);
    assert!(position < stage.event("alone", "").await);
}

#[tokio::test]
async fn events_of_one_publish_stand_together() {
    let stage = Stage::start_with(&[("SHARDS", "2")]).await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    let (sender, other) = (stage.sender.clone(), stage.sender.clone());
    let publisher = |sender: Sender, name: &'static str| async move {
        for number in 0..50 {
            let events: Vec<_> =
                (0..5).map(|part| json!({"name": name, "data": (5 * number + part).to_string()})).collect();
            published(&sender.publish(json!({"topic": "news", "events": events})).await);
        }
    };
    let publishers = [tokio::spawn(publisher(sender, "a")), tokio::spawn(publisher(other, "b"))];
    let mut counts = [0, 0];
    for _ in 0..100 {
        let first = subscriber.next().await;
        let count = &mut counts[usize::from(first.name == "b")];
        assert_eq!(first.text(), count.to_string());
        for part in 1..5 {
            let next = subscriber.next().await;
            assert_eq!((next.name, next.data), (first.name.clone(), Some((*count + part).to_string())));
        }
        *count += 5;
    }
    for publisher in publishers {
        publisher.await.expect("every publish was accepted");
    }
}

#[tokio::test]
async fn data_of_any_kind_arrives_as_it_was() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    let long = "x".repeat(300_000);
    for data in [
        "",
        " ",
        "\u{0}\u{b}\u{c}\u{1c}\u{85}\u{2028}\u{2029}\u{feff}",
        "🦀",
        "id: 1",
        ": c",
        "a\n\nb\n",
        &long,
    ] {
        stage.event("news", data).await;
        assert_eq!(subscriber.next().await.text(), data);
    }
}

/// What one request was answered for stands in the inboxes before the next request begins.
#[tokio::test]
async fn a_publish_that_was_answered_comes_before_one_that_begins_then() {
    let stage = Stage::start_with(&[("SHARDS", "4")]).await;
    let mut streams = Vec::new();
    for number in 0..8 {
        streams.push(stage.listen(&format!("/{number}"), json!(["a", "b"])).await);
    }
    for number in 0..100 {
        stage.event(["a", "b"][number % 2], &number.to_string()).await;
    }
    for stream in &mut streams {
        for number in 0..100 {
            assert_eq!(stream.next().await.text(), number.to_string());
        }
    }
}

#[tokio::test]
async fn an_array_is_applied_in_order_and_answered_element_by_element() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a", "b"])).await;
    let body = json!([
        {"topic": "a", "event": {"data": "1"}},
        {"topic": "b", "events": [{"data": "2"}, {"data": "3"}]},
        {"topic": ""},
        3,
        {"topic": "a", "event": {"name": "cursor", "data": ""}},
        {"topic": "a", "event": {"data": "4"}, "close": {"reason": "done"}},
        {"topic": "a", "event": {"data": "late"}},
        {"topic": "b", "event": {"data": "5"}},
    ]);
    let answer = stage.sender.publish(body).await;
    assert_eq!(answer.status(), 200);
    let answers = answer.json();
    let answers = answers.as_array().expect("an array");
    let codes: Vec<_> = answers.iter().map(code).collect();
    let expected =
        ["ok", "ok", "INVALID_TOPIC", "INVALID_JSON", "RESERVED_EVENT_NAME", "ok", "TOPIC_COMPLETED", "ok"];
    assert_eq!(codes, expected);
    let position = |index: usize| Position::read(answers[index]["position"].as_str().expect("a position"));
    assert!(position(0) < position(1) && position(1) < position(5) && position(5) < position(7));
    assert!([0, 1, 5, 7].iter().all(|index| answers[*index]["receivers"] == 1), "{answers:?}");
    assert_eq!(subscriber.texts(4).await, ["1", "2", "3", "4"]);
    assert_eq!(subscriber.next().await.json(), json!({"topic": "a", "reason": "done"}));
    assert_eq!(subscriber.next().await.position(), &position(7));
}

#[tokio::test]
async fn an_empty_array_is_answered_with_an_empty_array() {
    let stage = Stage::start().await;
    let answer = stage.sender.publish(json!([])).await;
    assert_eq!((answer.status(), answer.json()), (200, json!([])));
}

#[tokio::test]
async fn a_backend_publishes_from_inside_its_connect_callback() {
    let stage = Stage::start().await;
    let gate = Gate::closed();
    let topics = json!({"topics": [{"name": "news", "from": "start"}]});
    let answer = Answer::json(&topics).after(&gate);
    stage.callbacks.answer(When::connect(), answer);
    let client = stage.gateway.get("/").await;
    stage.callbacks.next_connect().await;
    stage.event("news", "while the client waits").await;
    gate.open();
    let mut subscriber = Subscriber::on(client).await;
    assert_eq!(subscriber.next().await.text(), "while the client waits");
}
