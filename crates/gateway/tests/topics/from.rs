//! 2.1: where the listening of a stream without a cursor begins.

use serde_json::json;
use sse_gateway_testkit::{Endpoint, eventually};

use crate::setup::{Stage, expect_cursor, expect_gap};

#[tokio::test]
async fn now_is_the_default_and_gives_nothing_of_before() {
    let stage = Stage::start().await;
    stage.event("news", "before").await;
    for (target, topics) in
        [("/default", json!(["news"])), ("/now", json!([{"name": "news", "from": "now"}]))]
    {
        let mut subscriber = stage.listen(target, topics).await;
        stage.event("news", target).await;
        assert_eq!(subscriber.next().await.text(), target);
    }
}

#[tokio::test]
async fn start_gives_all_that_is_retained_then_live() {
    let stage = Stage::start().await;
    stage.events("news", &["1", "2", "3"]).await;
    let mut subscriber = stage.subscribe("/", json!([{"name": "news", "from": "start"}])).await;
    assert_eq!(subscriber.texts(3).await, ["1", "2", "3"]);
    stage.event("news", "4").await;
    assert_eq!(subscriber.next().await.text(), "4");
}

#[tokio::test]
async fn start_of_a_topic_without_events_is_now() {
    let stage = Stage::start().await;
    stage.publish(json!({"topic": "created"})).await;
    let topics = json!([{"name": "created", "from": "start"}, {"name": "unheard of", "from": "start"}]);
    let mut subscriber = stage.listen("/", topics).await;
    stage.event("unheard of", "1").await;
    stage.event("created", "2").await;
    assert_eq!(subscriber.texts(2).await, ["1", "2"]);
}

#[tokio::test]
async fn last_gives_the_newest_event_then_live() {
    let stage = Stage::start().await;
    stage.publish(json!({"topic": "news", "events": [{"data": "1"}, {"data": "2"}]})).await;
    let mut subscriber = stage.subscribe("/", json!([{"name": "news", "from": "last"}])).await;
    assert_eq!(subscriber.next().await.text(), "2");
    stage.event("news", "3").await;
    assert_eq!(subscriber.next().await.text(), "3");
}

#[tokio::test]
async fn last_of_a_topic_without_events_is_now() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!([{"name": "news", "from": "last"}])).await;
    stage.event("news", "1").await;
    assert_eq!(subscriber.next().await.text(), "1");
}

#[tokio::test]
async fn undelivered_gives_what_was_handed_to_no_stream() {
    let stage = Stage::start().await;
    let topics = json!([{"name": "news", "from": "undelivered"}]);
    stage.events("news", &["1", "2"]).await;
    let mut first = stage.subscribe("/", topics.clone()).await;
    assert_eq!(first.texts(2).await, ["1", "2"]);
    stage.event("news", "3").await;
    assert_eq!(first.next().await.text(), "3");
    drop(first);
    eventually("the first has left", async || stage.receivers("news").await == Some(0)).await;

    stage.events("news", &["4", "5"]).await;
    let mut second = stage.subscribe("/", topics.clone()).await;
    assert_eq!(second.texts(2).await, ["4", "5"]);

    let mut third = stage.listen("/", topics).await;
    stage.event("news", "6").await;
    assert_eq!(third.next().await.text(), "6");
    assert_eq!(second.next().await.text(), "6");
}

#[tokio::test]
async fn undelivered_is_told_for_each_topic_by_itself() {
    let stage = Stage::start().await;
    let mut listener = stage.listen("/a", json!(["a"])).await;
    stage.events("a", &["a1", "a2"]).await;
    stage.events("b", &["b1", "b2"]).await;
    assert_eq!(listener.texts(2).await, ["a1", "a2"]);
    let undelivered = |name: &str| json!({"name": name, "from": "undelivered"});
    let mut both = stage.subscribe("/both", json!([undelivered("a"), undelivered("b")])).await;
    assert_eq!(both.texts(2).await, ["b1", "b2"]);
}

#[tokio::test]
async fn a_position_gives_what_follows_it() {
    let stage = Stage::start().await;
    let positions = stage.events("news", &["1", "2", "3"]).await;
    let topics = json!([{"name": "news", "from": positions[0].to_string()}]);
    let mut subscriber = stage.subscribe("/", topics).await;
    assert_eq!(subscriber.texts(2).await, ["2", "3"]);
    let topics = json!([{"name": "news", "from": positions[2].to_string()}]);
    let mut subscriber = stage.listen("/", topics).await;
    stage.event("news", "4").await;
    assert_eq!(subscriber.next().await.text(), "4");
}

#[tokio::test]
async fn a_position_that_has_expired_is_a_gap() {
    let stage = Stage::start_with(&[("TOPIC_EVENTS_MAX", "2")]).await;
    let positions = stage.events("news", &["1", "2", "3", "4"]).await;
    let topics = json!([{"name": "news", "from": positions[0].to_string()}]);
    let mut subscriber = stage.subscribe("/", topics).await;
    expect_gap(&mut subscriber, "expired", &["news"]).await;
    assert_eq!(subscriber.texts(2).await, ["3", "4"]);
}

/// The backend may have kept it over a restart of the gateway.
#[tokio::test]
async fn a_position_of_another_epoch_is_a_gap() {
    let stage = Stage::start().await;
    stage.events("news", &["1", "2"]).await;
    let mut subscriber = stage.subscribe("/", json!([{"name": "news", "from": "another-1"}])).await;
    expect_gap(&mut subscriber, "epoch", &["news"]).await;
    assert_eq!(subscriber.texts(2).await, ["1", "2"]);
}

#[tokio::test]
async fn each_topic_has_its_own_from_and_the_replay_is_in_sequence() {
    let stage = Stage::start().await;
    for round in ["1", "2", "3"] {
        for topic in ["start", "last", "now"] {
            stage.event(topic, &format!("{topic} {round}")).await;
        }
    }
    let topics = ["now", "last", "start"].map(|name| json!({"name": name, "from": name}));
    let mut subscriber = stage.subscribe("/", json!(topics)).await;
    assert_eq!(subscriber.texts(4).await, ["start 1", "start 2", "start 3", "last 3"]);
    stage.event("now", "live").await;
    assert_eq!(subscriber.next().await.text(), "live");
}

#[tokio::test]
async fn a_cursor_wins_over_every_from() {
    let stage = Stage::start().await;
    let positions = stage.events("news", &["1", "2", "3"]).await;
    let froms = ["now", "start", "last", "undelivered", &positions[2].to_string()].map(str::to_owned);
    for from in froms {
        let topics = json!([{"name": "news", "from": from}]);
        let mut subscriber = stage.resume("/", topics, &positions[0].to_string()).await;
        assert_eq!(subscriber.texts(2).await, ["2", "3"], "{from}");
    }
}

#[tokio::test]
async fn an_empty_last_event_id_is_no_cursor() {
    let stage = Stage::start().await;
    stage.events("news", &["1", "2"]).await;
    let topics = json!([{"name": "news", "from": "last"}]);
    let mut header = stage.resume("/", topics.clone(), "").await;
    assert_eq!(header.next().await.text(), "2");
    stage.answer("/?last_event_id=", json!({"topics": topics}));
    let mut query = stage.gateway.subscribe("/?last_event_id=").await;
    assert_eq!(query.next().await.text(), "2");
    let mut now = stage.resume("/", json!(["news"]), "").await;
    expect_cursor(&mut now).await;
}
