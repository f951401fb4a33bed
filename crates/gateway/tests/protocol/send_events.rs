//! 1.3: several events in one send, and `retry_ms`.

use serde_json::json;
use sse_gateway_protocol::sse::Item;
use sse_gateway_testkit::{Answer, End, Endpoint, Gate, When};

use crate::setup::{open, start};

#[tokio::test]
async fn events_arrive_back_to_back_and_then_the_end() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let events = json!([{"name": "a", "data": "1"}, {"data": "2"}, {"name": "c", "data": "3\n4"}]);
    let answer = gateway.sender().send(json!({"token": token, "events": events, "close": true})).await;
    assert_eq!((answer.status(), answer.json()), (200, json!({"status": "ok"})));
    for (name, data) in [("a", "1"), ("", "2"), ("c", "3\n4")] {
        let event = client.next_event().await;
        assert_eq!((event.name.as_str(), event.data.as_str()), (name, data));
    }
    assert_eq!(client.end().await, End::Clean);
    let payload = client.chunks().concat();
    assert!(payload.ends_with(b"event: a\ndata: 1\n\ndata: 2\n\nevent: c\ndata: 3\ndata: 4\n\n"));
}

#[tokio::test]
async fn nothing_comes_between_the_events_of_one_send() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let mut sending = tokio::task::JoinSet::new();
    for batch in 0..40 {
        let (sender, token) = (gateway.sender(), token.clone());
        sending.spawn(async move {
            let events: Vec<_> = (0..5).map(|number| json!({"data": format!("{batch}.{number}")})).collect();
            assert_eq!(sender.send(json!({"token": token, "events": events})).await.status(), 200);
        });
    }
    for _ in 0..40 {
        let first = client.next_event().await.data;
        let (batch, number) = first.split_once('.').expect("batch.number");
        assert_eq!(number, "0");
        for number in 1..5 {
            assert_eq!(client.next_event().await.data, format!("{batch}.{number}"));
        }
    }
    sending.join_all().await;
}

#[tokio::test]
async fn a_wrong_element_refuses_them_all() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let sender = gateway.sender();
    for (wrong, code) in [
        (json!(null), "INVALID_EVENT_TYPE"),
        (json!([]), "INVALID_EVENT_TYPE"),
        (json!("x"), "INVALID_EVENT_TYPE"),
        (json!({}), "INVALID_EVENT_DATA_MISSING"),
        (json!({"data": 1}), "INVALID_EVENT_DATA_MISSING"),
        (json!({"name": 1, "data": ""}), "INVALID_EVENT_NAME_TYPE"),
        (json!({"name": "a\nb", "data": ""}), "INVALID_EVENT_NAME"),
    ] {
        let body =
            json!({"token": token, "events": [{"data": "good"}, wrong, {"data": "good"}], "close": true});
        assert_eq!(sender.send(body.clone()).await.code(), (400, code.to_owned()), "{body}");
    }
    sender.event(&token, "next", "").await;
    assert_eq!(client.next_event().await.name, "next");
}

#[tokio::test]
async fn events_is_a_list_that_is_not_empty_and_stands_alone() {
    let (callbacks, gateway) = start().await;
    let (_client, token) = open(&callbacks, &gateway, "/").await;
    for body in [
        json!({"token": token, "events": []}),
        json!({"token": token, "events": null}),
        json!({"token": token, "events": {"data": "x"}}),
        json!({"token": token, "events": "x"}),
        json!({"token": token, "events": 1}),
        json!({"token": token, "event": {"data": "x"}, "events": [{"data": "x"}]}),
    ] {
        let refusal = gateway.sender().send(body.clone()).await;
        assert_eq!(refusal.code(), (400, "INVALID_EVENT_TYPE".into()), "{body}");
    }
}

#[tokio::test]
async fn events_are_kept_together_while_the_stream_opens() {
    let (callbacks, gateway) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::connect(), Answer::ok().after(&gate));
    let mut client = gateway.get("/").await;
    let token = callbacks.next_connect().await.token.clone();
    let sender = gateway.sender();
    let body = json!({"token": token, "events": [{"data": "1"}, {"data": "2"}]});
    assert_eq!(sender.send(body).await.json(), json!({"status": "buffered"}));
    sender.event(&token, "", "3").await;
    gate.open();
    for data in ["1", "2", "3"] {
        assert_eq!(client.next_event().await.data, data);
    }
}

#[tokio::test]
async fn retry_ms_stands_inside_the_last_events_block() {
    let (callbacks, gateway) = start().await;
    for events in [json!([{"data": "first"}, {"name": "bye", "data": "last"}]), json!([{"data": "last"}])] {
        let (mut client, token) = open(&callbacks, &gateway, "/").await;
        let body = json!({"token": token, "events": events, "close": true, "retry_ms": 5000});
        assert_eq!(gateway.sender().send(body).await.status(), 200);
        let mut items = Vec::new();
        while !matches!(items.last(), Some(Item::Event { data, .. }) if data == "last") {
            items.push(client.next_item().await);
        }
        assert_eq!(client.end().await, End::Clean);
        assert_eq!(items[items.len() - 2], Item::Retry(5000));
        let payload = String::from_utf8(client.chunks().concat()).expect("UTF-8");
        let last = payload.trim_end_matches('\n').rsplit("\n\n").next().expect("a block");
        assert!(last.lines().any(|line| line == "retry: 5000"), "{payload:?}");
        assert!(last.lines().any(|line| line == "data: last"), "{payload:?}");
    }
}

#[tokio::test]
async fn retry_ms_goes_with_a_single_event_too() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let body = json!({"token": token, "event": {"name": "bye", "data": "x"}, "close": true, "retry_ms": 1});
    gateway.sender().send(body).await;
    assert_eq!(client.next_item().await, Item::Retry(1));
    assert_eq!(client.next_event().await.name, "bye");
    assert_eq!(client.end().await, End::Clean);
}
