//! 2.1 and 2.2: how a client that comes back says where it was.

use serde_json::json;
use sse_gateway_testkit::{Client, Endpoint, Subscriber};

use crate::setup::{Stage, expect_cursor, expect_gap};

#[tokio::test]
async fn a_client_that_comes_back_gets_just_what_it_missed_then_live() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    stage.events("news", &["1", "2"]).await;
    assert_eq!(subscriber.texts(2).await, ["1", "2"]);
    let last_id = subscriber.last_id();
    drop(subscriber);
    stage.events("news", &["3", "4"]).await;
    let mut again = stage.resume("/", json!(["news"]), &last_id).await;
    stage.event("news", "5").await;
    assert_eq!(again.texts(3).await, ["3", "4", "5"]);
}

#[tokio::test]
async fn a_position_between_the_events_of_one_publish_gives_the_rest_of_it() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    stage.publish(json!({"topic": "news", "events": [{"data": "1"}, {"data": "2"}, {"data": "3"}]})).await;
    assert_eq!(subscriber.next().await.text(), "1");
    let mut again = stage.resume("/", json!(["news"]), &subscriber.last_id()).await;
    assert_eq!(again.texts(2).await, ["2", "3"]);
}

#[tokio::test]
async fn a_position_of_no_event_of_the_topic_gives_what_follows_it() {
    let stage = Stage::start().await;
    stage.event("news", "1").await;
    let elsewhere = stage.event("elsewhere", "").await;
    stage.event("news", "2").await;
    let mut subscriber = stage.resume("/", json!(["news"]), &elsewhere.to_string()).await;
    assert_eq!(subscriber.next().await.text(), "2");
}

#[tokio::test]
async fn the_query_says_it_where_a_client_cannot_set_headers() {
    let stage = Stage::start().await;
    let position = stage.events("news", &["1", "2", "3"]).await[0].to_string();
    for query in [
        format!("?last_event_id={position}"),
        format!("?a=b&last_event_id={position}&c"),
        format!("?last_event_id={}", position.replace('-', "%2D")),
    ] {
        let target = format!("/{query}");
        let mut subscriber = stage.subscribe(&target, json!(["news"])).await;
        assert_eq!(subscriber.texts(2).await, ["2", "3"], "{query}");
    }
}

#[tokio::test]
async fn the_header_wins_over_the_query() {
    let stage = Stage::start().await;
    let positions = stage.events("news", &["1", "2", "3"]).await;
    let target = format!("/?last_event_id={}", positions[0]);
    let mut subscriber = stage.resume(&target, json!(["news"]), &positions[1].to_string()).await;
    assert_eq!(subscriber.next().await.text(), "3");
    let mut unknown = stage.resume(&target, json!(["news"]), "malformed").await;
    expect_gap(&mut unknown, "unknown", &["news"]).await;
}

#[tokio::test]
async fn an_empty_header_leaves_it_to_the_query() {
    let stage = Stage::start().await;
    let positions = stage.events("news", &["1", "2"]).await;
    let target = format!("/?last_event_id={}", positions[0]);
    let mut subscriber = stage.resume(&target, json!(["news"]), "").await;
    assert_eq!(subscriber.next().await.text(), "2");
}

#[tokio::test]
async fn a_header_is_read_whatever_the_case_of_its_name() {
    let stage = Stage::start().await;
    let positions = stage.events("news", &["1", "2"]).await;
    stage.answer("/", json!({"topics": ["news"]}));
    let mut client = Client::connect(stage.gateway.address()).await;
    let request =
        format!("GET / HTTP/1.1\r\nhost: x\r\nLAST-EVENT-ID:{}\r\nConnection: close\r\n\r\n", positions[0]);
    client.send(request).await;
    assert_eq!(Subscriber::on(client).await.next().await.text(), "2");
}

#[tokio::test]
async fn only_topics_that_the_backend_names_are_replayed() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["mine", "revoked"])).await;
    stage.event("mine", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
    stage.event("revoked", "secret").await;
    stage.event("mine", "2").await;
    let mut again = stage.resume("/", json!(["mine"]), &subscriber.last_id()).await;
    assert_eq!(again.next().await.text(), "2");
}

#[tokio::test]
async fn what_a_replay_and_what_a_live_stream_gives_is_the_same_to_the_byte() {
    let stage = Stage::start().await;
    let mut live = stage.listen("/live", json!(["news"])).await;
    let events = json!([
        {"name": "named", "data": "one\r\ntwo\rthree\n"},
        {"data": ""},
        {"name": "", "data": "  \u{2028}\u{0}\u{feff}data: x\nid: 7\n\n"},
    ]);
    stage.publish(json!({"topic": "news", "events": events})).await;
    let mut replayed = stage.subscribe("/replay", json!([{"name": "news", "from": "start"}])).await;
    for _ in 0..3 {
        assert_eq!(live.next().await, replayed.next().await);
    }
    let bytes = |subscriber: &mut Subscriber| {
        let text = String::from_utf8(subscriber.client().chunks().concat()).expect("UTF-8");
        text[text.find("event: named").expect("the first event")..].to_owned()
    };
    assert_eq!(bytes(&mut live), bytes(&mut replayed));
    assert!(bytes(&mut live).starts_with("event: named\ndata: one\ndata: two\ndata: three\ndata: \nid: "));
}

#[tokio::test]
async fn a_cursor_of_a_position_that_never_was_an_event_is_as_good_as_any() {
    let stage = Stage::start().await;
    let subscriber = stage.listen("/", json!(["news"])).await;
    let cursor = subscriber.last_id();
    let mut again = stage.resume("/", json!(["news"]), &cursor).await;
    expect_cursor(&mut again).await;
    stage.event("news", "1").await;
    assert_eq!(again.next().await.text(), "1");
}
