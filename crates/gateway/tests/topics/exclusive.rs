//! 2.1: exclusive topics and how they are taken over.

use serde_json::{Value, json};
use sse_gateway_testkit::{Answer, Client, Endpoint, Gate, Subscriber, When};

use crate::continuous::Continuous;
use crate::setup::{Stage, expect_close, expect_cursor};

fn exclusive() -> Value {
    json!([{"name": "task", "exclusive": true}])
}

/// Asks for a stream while another holds the topic; the backend's answer waits for the gate.
async fn newcomer(stage: &Stage, answer: Answer, gate: &Gate) -> (Client, String) {
    stage.callbacks.answer(When::connect().url("/new"), answer.after(gate));
    let client = stage.gateway.get("/new").await;
    (client, stage.token("/new").await)
}

#[tokio::test]
async fn the_newer_stream_takes_over_and_the_older_is_told_to_stay_away() {
    let stage = Stage::start().await;
    let mut old = stage.listen("/old", exclusive()).await;
    let old_token = stage.token("/old").await;
    let mut new = stage.listen("/new", exclusive()).await;
    let close = expect_close(&mut old, "replaced").await;
    let retry = close.retry.expect("retry in the same block");
    assert!((15_000..=45_000).contains(&retry), "{retry}");
    let disconnect = stage.callbacks.disconnect_of(&old_token).await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("server_closed", Some(true)));
    assert_eq!(stage.publish(json!({"topic": "task", "event": {"data": "1"}})).await.1, 1);
    assert_eq!(new.next().await.text(), "1");
    let gone = stage.sender.send(json!({"token": old_token})).await;
    assert_eq!(gone.code(), (404, "TOKEN_NOT_FOUND".into()));
}

#[tokio::test]
async fn the_retry_of_the_replaced_is_spread() {
    let stage = Stage::start_with(&[("REPLACED_RETRY_MS", "1000")]).await;
    let mut retries = Vec::new();
    let mut old = stage.listen("/", exclusive()).await;
    for _ in 0..12 {
        let new = stage.listen("/", exclusive()).await;
        retries.push(expect_close(&mut old, "replaced").await.retry.expect("retry"));
        old = new;
    }
    assert!(retries.iter().all(|retry| (500..=1_500).contains(retry)), "{retries:?}");
    assert!(retries.iter().any(|retry| *retry != retries[0]), "{retries:?}");
}

#[tokio::test]
async fn a_stream_is_replaced_only_once_the_newer_opens() {
    let stage = Stage::start().await;
    let mut old = stage.listen("/old", exclusive()).await;
    let gate = Gate::closed();
    let (client, _) = newcomer(&stage, Answer::json(&json!({"topics": exclusive()})), &gate).await;
    stage.event("task", "for the old").await;
    assert_eq!(old.next().await.text(), "for the old");
    gate.open();
    let mut new = Subscriber::on(client).await;
    expect_cursor(&mut new).await;
    expect_close(&mut old, "replaced").await;
}

#[tokio::test]
async fn a_refused_newcomer_replaces_nobody() {
    let stage = Stage::start().await;
    let mut old = stage.listen("/old", exclusive()).await;
    let gate = Gate::closed();
    gate.open();
    let refusal = Answer::status(403).body(json!({"topics": exclusive()}).to_string());
    let (mut client, _) = newcomer(&stage, refusal, &gate).await;
    assert_eq!(client.response().await.status(), 403);
    assert_eq!(stage.publish(json!({"topic": "task", "event": {"data": "1"}})).await.1, 1);
    assert_eq!(old.next().await.text(), "1");
}

#[tokio::test]
async fn a_newcomer_whose_client_has_gone_replaces_nobody() {
    let stage = Stage::start().await;
    let mut old = stage.listen("/old", exclusive()).await;
    let gate = Gate::closed();
    let (client, token) = newcomer(&stage, Answer::json(&json!({"topics": exclusive()})), &gate).await;
    drop(client);
    // The gateway has seen the going once it has seen a later one to its end.
    let other = stage.listen("/other", json!(["other"])).await;
    let other_token = stage.token("/other").await;
    drop(other);
    stage.callbacks.disconnect_of(&other_token).await;
    gate.open();
    let disconnect = stage.callbacks.disconnect_of(&token).await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("client_closed", Some(false)));
    assert_eq!(stage.publish(json!({"topic": "task", "event": {"data": "1"}})).await.1, 1);
    assert_eq!(old.next().await.text(), "1");
}

#[tokio::test]
async fn an_exclusive_newcomer_replaces_all_who_shared_the_topic() {
    let stage = Stage::start().await;
    let mut sharing = Vec::new();
    for number in 0..3 {
        sharing.push(stage.listen(&format!("/{number}"), json!(["task"])).await);
    }
    assert_eq!(stage.receivers("task").await, Some(3));
    let _new = stage.listen("/new", exclusive()).await;
    for old in &mut sharing {
        expect_close(old, "replaced").await;
    }
    assert_eq!(stage.receivers("task").await, Some(1));
}

/// Else two streams would listen to a topic that one of them holds.
#[tokio::test]
async fn a_holder_is_replaced_also_by_a_newcomer_that_does_not_ask_for_the_topic_alone() {
    let stage = Stage::start().await;
    let mut old = stage.listen("/old", exclusive()).await;
    let mut new = stage.listen("/new", json!(["task"])).await;
    expect_close(&mut old, "replaced").await;
    let mut third = stage.listen("/third", json!(["task"])).await;
    assert_eq!(stage.publish(json!({"topic": "task", "event": {"data": "1"}})).await.1, 2);
    assert_eq!((new.next().await.text(), third.next().await.text()), ("1", "1"));
}

#[tokio::test]
async fn a_replaced_stream_is_ended_with_all_its_topics() {
    let stage = Stage::start().await;
    let topics = json!(["news", {"name": "task", "exclusive": true}]);
    let mut old = stage.listen("/old", topics).await;
    let mut new = stage.listen("/new", exclusive()).await;
    expect_close(&mut old, "replaced").await;
    assert_eq!(stage.publish(json!({"topic": "news", "event": {"data": "1"}})).await.1, 0);
    stage.event("task", "2").await;
    assert_eq!(new.next().await.text(), "2");
}

#[tokio::test]
async fn other_topics_are_not_touched_by_a_take_over() {
    let stage = Stage::start().await;
    let mut other = stage.listen("/other", json!([{"name": "another", "exclusive": true}])).await;
    let _old = stage.listen("/old", exclusive()).await;
    let _new = stage.listen("/new", exclusive()).await;
    stage.event("another", "1").await;
    assert_eq!(other.next().await.text(), "1");
}

/// The late disconnect of the old one is none of the new one's business.
#[tokio::test]
async fn the_going_of_a_replaced_client_does_not_touch_its_successor() {
    let stage = Stage::start().await;
    let old = stage.listen("/old", exclusive()).await;
    let old_token = stage.token("/old").await;
    let mut new = stage.listen("/new", exclusive()).await;
    drop(old);
    stage.callbacks.disconnect_of(&old_token).await;
    assert_eq!(stage.publish(json!({"topic": "task", "event": {"data": "1"}})).await.1, 1);
    assert_eq!(new.next().await.text(), "1");
}

/// One event after the other goes to whoever holds the topic at its position: to one, and to exactly one.
#[tokio::test]
async fn taking_over_loses_and_repeats_nothing() {
    const TAKE_OVERS: usize = 15;
    let stage = Stage::start_with(&[("SHARDS", "4")]).await;
    stage.answer("/", json!({"topics": exclusive()}));
    let mut holder = stage.gateway.subscribe("/").await;
    let publisher = Continuous::start(&stage, "task");
    let mut heard = Vec::new();
    for _ in 0..TAKE_OVERS {
        expect_cursor(&mut holder).await;
        heard.extend(holder.texts(20).await);
        let next = stage.gateway.subscribe("/").await;
        let (blocks, _) = holder.rest().await;
        let (close, events) = blocks.split_last().expect("at least the ending");
        assert_eq!(close.name, "connection_close");
        heard.extend(events.iter().map(|block| block.text().to_owned()));
        holder = next;
    }
    expect_cursor(&mut holder).await;
    let answers = publisher.stop().await;
    assert!(answers.iter().all(|(_, receivers)| *receivers == 1));
    heard.extend(holder.texts(answers.len() - heard.len()).await);
    let expected: Vec<_> = (0..answers.len()).map(|number| number.to_string()).collect();
    assert_eq!(heard, expected);
}

/// The browser that was replaced by its own reconnect has no hole either.
#[tokio::test]
async fn a_client_that_takes_over_from_itself_resumes_where_it_was() {
    let stage = Stage::start().await;
    let mut old = stage.listen("/", exclusive()).await;
    stage.events("task", &["1", "2", "3"]).await;
    assert_eq!(old.next().await.text(), "1");
    let mut new = stage.resume("/", exclusive(), &old.last_id()).await;
    assert_eq!(new.texts(2).await, ["2", "3"]);
    assert_eq!(old.texts(2).await, ["2", "3"], "what was accepted before the take-over");
    expect_close(&mut old, "replaced").await;
}

#[tokio::test]
async fn many_newcomers_at_once_leave_exactly_one() {
    let stage = Stage::start_with(&[("SHARDS", "4")]).await;
    stage.answer("/", json!({"topics": exclusive()}));
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(stage.gateway.get("/").await);
    }
    let mut streams = Vec::new();
    for client in clients {
        streams.push(Subscriber::on(client).await);
    }
    assert_eq!(stage.publish(json!({"topic": "task", "event": {"data": "last"}})).await.1, 1);
    let mut holders = 0;
    for mut stream in streams {
        expect_cursor(&mut stream).await;
        let block = stream.next().await;
        holders += usize::from(block.text() == "last");
        assert!(block.text() == "last" || block.json() == json!({"reason": "replaced"}), "{block:?}");
    }
    assert_eq!(holders, 1);
}
