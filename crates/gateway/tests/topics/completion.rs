//! 2.2: topics that are completed, as the streams see it that listen.

use serde_json::json;
use sse_gateway_testkit::{Client, End, Endpoint, Subscriber};

use crate::setup::{Stage, expect_close, expect_cursor};

#[tokio::test]
async fn the_only_topic_of_a_stream_ends_it() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["task"])).await;
    let event = json!({"name": "completed", "data": "result"});
    let body = json!({"topic": "task", "event": event, "close": {"reason": "task_completed"}});
    let (position, receivers) = stage.publish(body).await;
    assert_eq!(receivers, 1);
    let event = subscriber.next().await;
    assert_eq!((event.name.as_str(), event.text()), ("completed", "result"));
    let close = expect_close(&mut subscriber, "task_completed").await;
    assert!(close.position() > event.position(), "a sequence number of its own");
    assert_eq!(close.position(), &position);
    let disconnect = stage.callbacks.disconnect_of(&stage.token("/").await).await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", Some(true)));
}

#[tokio::test]
async fn a_topic_can_be_completed_without_events() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["task"])).await;
    let position = stage.complete("task", "done").await;
    assert_eq!(expect_close(&mut subscriber, "done").await.position(), &position);
}

#[tokio::test]
async fn a_stream_with_other_topics_goes_on() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["a", "b"])).await;
    let (position, _) = stage
        .publish(json!({"topic": "a", "events": [{"data": "1"}, {"data": "2"}], "close": {"reason": "over"}}))
        .await;
    assert_eq!(subscriber.texts(2).await, ["1", "2"]);
    let close = subscriber.next().await;
    assert_eq!(close.name, "topic_close");
    assert_eq!(close.json(), json!({"topic": "a", "reason": "over"}));
    assert_eq!(close.position(), &position);
    stage.event("b", "3").await;
    assert_eq!(subscriber.next().await.text(), "3");
    stage.complete("b", "over, too").await;
    expect_close(&mut subscriber, "over, too").await;
}

#[tokio::test]
async fn each_stream_gets_the_ending_that_fits_its_topics() {
    let stage = Stage::start().await;
    let mut one = stage.listen("/one", json!(["a"])).await;
    let mut two = stage.listen("/two", json!(["a", "b"])).await;
    let mut other = stage.listen("/other", json!(["b"])).await;
    assert_eq!(stage.publish(json!({"topic": "a", "close": {"reason": "r"}})).await.1, 2);
    expect_close(&mut one, "r").await;
    assert_eq!(two.next().await.name, "topic_close");
    stage.event("b", "goes on").await;
    assert_eq!(other.next().await.text(), "goes on");
    assert_eq!(two.next().await.text(), "goes on");
}

#[tokio::test]
async fn publishing_to_a_completed_topic_is_refused_and_appends_nothing() {
    let stage = Stage::start().await;
    stage.event("task", "1").await;
    stage.complete("task", "done").await;
    for body in [
        json!({"topic": "task", "event": {"data": "late"}}),
        json!({"topic": "task", "close": {"reason": "again"}}),
        json!({"topic": "task", "event": {"data": "late"}, "close": {"reason": "done"}}),
        json!({"topic": "task", "event": {"data": "late"}, "id": "new key"}),
    ] {
        let answer = stage.sender.publish(body.clone()).await;
        assert_eq!(answer.code(), (409, "TOPIC_COMPLETED".into()), "{body}");
    }
    let mut subscriber = stage.subscribe("/", json!([{"name": "task", "from": "start"}])).await;
    assert_eq!(subscriber.next().await.text(), "1");
    expect_close(&mut subscriber, "done").await;
}

/// Whatever the moment of the connect: the event and the ending, or (too late for a cursor) neither.
#[tokio::test]
async fn events_and_completion_are_one() {
    let stage = Stage::start_with(&[("SHARDS", "4")]).await;
    for round in 0..20 {
        let topic = format!("task {round}");
        let target = format!("/{round}");
        stage.answer(&target, json!({"topics": [{"name": topic, "from": "start"}]}));
        let mut clients = Vec::new();
        for _ in 0..4 {
            clients.push(stage.gateway.get(&target).await);
        }
        let events = json!([{"data": "1"}, {"data": "2"}]);
        stage.publish(json!({"topic": topic, "events": events, "close": {"reason": "done"}})).await;
        for client in clients {
            let (blocks, end) = Subscriber::on(client).await.rest().await;
            let names: Vec<_> = blocks.iter().map(|block| block.name.as_str()).collect();
            let live = names.first() == Some(&"cursor");
            assert_eq!(&names[usize::from(live)..], ["", "", "connection_close"]);
            assert_eq!(end, End::Clean);
        }
    }
}

#[tokio::test]
async fn a_reason_is_any_text() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["task"])).await;
    let reason = "größe \"quoted\"\r\ndata: x\n\n\u{2028}🦀";
    stage.complete("task", reason).await;
    expect_close(&mut subscriber, reason).await;
}

#[tokio::test]
async fn completing_leaves_other_topics_alone() {
    let stage = Stage::start().await;
    let mut other = stage.listen("/", json!(["tas"])).await;
    stage.complete("task", "done").await;
    stage.event("tas", "1").await;
    assert_eq!(other.next().await.text(), "1");
}

#[tokio::test]
async fn an_http_1_0_stream_ends_with_its_topic() {
    let stage = Stage::start().await;
    stage.answer("/", json!({"topics": ["task"]}));
    let mut client = Client::connect(stage.gateway.address()).await;
    client.send("GET / HTTP/1.0\r\nHost: x\r\n\r\n").await;
    let head = client.head().await;
    assert_eq!((head.status(), head.header("transfer-encoding")), (200, None));
    let mut subscriber = Subscriber::on(client).await;
    expect_cursor(&mut subscriber).await;
    stage.event("task", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
    stage.complete("task", "done").await;
    expect_close(&mut subscriber, "done").await;
}
