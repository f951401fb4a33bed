//! 2.1: the members of the connect answer.

use serde_json::{Value, json};
use sse_gateway_testkit::{Answer, Endpoint, When, eventually};

use crate::setup::{Stage, expect_cursor};

#[tokio::test]
async fn a_topic_is_a_string_or_an_object() {
    let stage = Stage::start().await;
    let topics = json!(["plain", {"name": "full"}, {"name": "more", "unknown": 1}]);
    let mut subscriber = stage.listen("/", topics).await;
    for topic in ["plain", "full", "more"] {
        assert_eq!(stage.publish(json!({"topic": topic, "event": {"data": topic}})).await.1, 1);
        assert_eq!(subscriber.next().await.text(), topic);
    }
}

#[tokio::test]
async fn a_stream_hears_of_no_topic_that_its_answer_does_not_name() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["ours"])).await;
    let (_, receivers) = stage.publish(json!({"topic": "theirs", "event": {"data": "secret"}})).await;
    assert_eq!(receivers, 0);
    stage.event("ours", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
}

#[tokio::test]
async fn a_stream_listens_from_before_its_head_on() {
    let stage = Stage::start().await;
    stage.answer("/", json!({"topics": ["news"]}));
    for _ in 0..20 {
        let mut client = stage.gateway.get("/").await;
        client.head().await;
        let (_, receivers) = stage.publish(json!({"topic": "news", "event": {"data": ""}})).await;
        assert!(receivers > 0, "the subscription stands before the head is written");
        drop(client);
        eventually("it has left", async || stage.receivers("news").await == Some(0)).await;
    }
}

#[tokio::test]
async fn the_answers_event_goes_out_before_anything_of_a_topic() {
    let stage = Stage::start().await;
    stage.event("news", "1").await;
    let topics = json!([{"name": "news", "from": "start"}]);
    stage.answer("/", json!({"event": {"name": "hello", "data": "you"}, "topics": topics}));
    let mut subscriber = stage.gateway.subscribe("/").await;
    let first = subscriber.next().await;
    assert_eq!((first.name.as_str(), first.id), ("hello", None));
    assert_eq!(subscriber.next().await.text(), "1");
}

#[tokio::test]
async fn an_answer_without_topics_opens_an_ordinary_stream() {
    let stage = Stage::start().await;
    for (target, body) in [("/none", json!({})), ("/empty", json!({"topics": []}))] {
        stage.answer(target, body);
        let mut subscriber = stage.gateway.subscribe(target).await;
        stage.sender.event(&stage.token(target).await, "first", "").await;
        assert_eq!(subscriber.next().await.name, "first", "no cursor without a topic");
    }
}

#[tokio::test]
async fn a_last_event_id_means_nothing_to_a_stream_without_topics() {
    let stage = Stage::start().await;
    for (number, id) in ["7", "nobody-1", "\u{fc}"].iter().enumerate() {
        let target = format!("/{number}");
        let mut subscriber = stage.gateway.resume(&target, id).await;
        stage.sender.event(&stage.token(&target).await, "first", "").await;
        assert_eq!(subscriber.next().await.name, "first");
    }
}

#[tokio::test]
async fn an_answer_may_name_100_topics() {
    let stage = Stage::start().await;
    let names: Vec<_> = (0..100).map(|number| format!("topic {number}")).collect();
    let mut subscriber = stage.listen("/", json!(names)).await;
    for name in &names {
        stage.event(name, name).await;
        assert_eq!(subscriber.next().await.text(), name);
    }
}

#[tokio::test]
async fn topic_names_are_bounded_as_in_a_publish() {
    let stage = Stage::start().await;
    for (number, name) in ["x".repeat(256), "é".repeat(128), "größe/日本 🦀?%".into()].iter().enumerate()
    {
        let mut subscriber = stage.listen(&format!("/{number}"), json!([name])).await;
        stage.event(name, "heard").await;
        assert_eq!(subscriber.next().await.text(), "heard");
    }
}

/// Everything that is wrong by itself, each in an answer that is right otherwise.
fn wrong_answers() -> Vec<Value> {
    let in_topic = |member: &str, value: Value| {
        let mut topic = json!({"name": "news"});
        topic[member] = value;
        json!({"topics": [topic]})
    };
    let topics: Vec<_> = (0..101).map(|number| number.to_string()).collect();
    vec![
        json!({"topics": "news"}),
        json!({"topics": {"name": "news"}}),
        json!({"topics": 1}),
        json!({"topics": [1]}),
        json!({"topics": [null]}),
        json!({"topics": [["news"]]}),
        json!({"topics": [{}]}),
        json!({"topics": [{"name": 1}]}),
        json!({"topics": [""]}),
        json!({"topics": [{"name": ""}]}),
        json!({"topics": ["x".repeat(257)]}),
        json!({"topics": ["é".repeat(129)]}),
        json!({"topics": ["a\nb"]}),
        json!({"topics": ["a\u{0}"]}),
        json!({"topics": ["\u{7f}"]}),
        json!({"topics": ["news", ""]}),
        json!({"topics": ["news", {"name": "news"}]}),
        json!({"topics": topics}),
        in_topic("from", json!(1)),
        in_topic("from", json!("beginning")),
        in_topic("from", json!("")),
        in_topic("from", json!({"seq": 1})),
        in_topic("exclusive", json!("yes")),
        in_topic("exclusive", json!(1)),
        in_topic("if_missing", json!("gone")),
        in_topic("if_missing", json!([])),
        in_topic("if_missing", json!({"events": {}, "reason": "gone"})),
        in_topic("if_missing", json!({"events": [{"data": 1}], "reason": "gone"})),
        in_topic("if_missing", json!({"events": [{"data": ""}], "reason": 1})),
        json!({"topics": ["news"], "retry_ms": "soon"}),
        json!({"topics": ["news"], "retry_ms": -1}),
        json!({"topics": ["news"], "retry_ms": 1.5}),
        json!({"topics": ["news"], "subject": 7}),
        json!({"topics": ["news"], "subject": {}}),
    ]
}

#[tokio::test]
async fn a_wrong_member_is_an_invalid_answer_and_the_backend_hears_of_the_end() {
    let stage = Stage::start().await;
    for (number, body) in wrong_answers().into_iter().enumerate() {
        let target = format!("/{number}");
        stage.answer(&target, body.clone());
        let mut client = stage.gateway.fetch(&target).await;
        let head = client.head().await;
        assert_eq!(head.status(), 502, "{body}");
        assert_eq!(client.response().await.code(), (502, "INVALID_CALLBACK_ANSWER".into()), "{body}");
        let token = stage.token(&target).await;
        let disconnect = stage.callbacks.disconnect_of(&token).await;
        assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(false)), "{body}");
        let unknown = stage.sender.send(json!({"token": token})).await;
        assert_eq!(unknown.code(), (404, "TOKEN_NOT_FOUND".into()), "{body}");
    }
}

#[tokio::test]
async fn a_wrong_topic_spoils_the_answer_as_a_whole() {
    let stage = Stage::start().await;
    let mut holder = stage.listen("/holder", json!([{"name": "held", "exclusive": true}])).await;
    stage.answer("/", json!({"topics": [{"name": "held", "exclusive": true}, "new", ""]}));
    assert_eq!(stage.gateway.fetch("/").await.response().await.status(), 502);
    assert_eq!(stage.topic("new").await.code(), (404, "TOPIC_NOT_FOUND".into()));
    assert_eq!(stage.publish(json!({"topic": "held", "event": {"data": "1"}})).await.1, 1);
    assert_eq!(holder.next().await.text(), "1", "nobody took it over");
}

#[tokio::test]
async fn a_topic_that_an_answer_names_exists() {
    let stage = Stage::start().await;
    assert_eq!(stage.topic("news").await.status(), 404);
    let _subscriber = stage.listen("/", json!(["news"])).await;
    assert_eq!(stage.receivers("news").await, Some(1));
}

#[tokio::test]
async fn a_refused_connect_listens_to_nothing() {
    let stage = Stage::start().await;
    let body = json!({"topics": ["news"]}).to_string();
    stage.callbacks.answer(When::connect(), Answer::status(403).body(body));
    assert_eq!(stage.gateway.fetch("/").await.response().await.status(), 403);
    assert_eq!(stage.topic("news").await.status(), 404);
}

#[tokio::test]
async fn a_stream_that_is_closed_at_once_gets_what_was_published_before() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    stage.event("news", "1").await;
    let token = stage.token("/").await;
    assert_eq!(stage.sender.send(json!({"token": token, "close": true})).await.status(), 200);
    assert_eq!(subscriber.next().await.text(), "1");
    subscriber.end().await;
    let mut again = stage.subscribe("/", json!(["news"])).await;
    expect_cursor(&mut again).await;
}
