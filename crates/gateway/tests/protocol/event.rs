//! 1.2: an event on the wire, to the byte.

use serde_json::json;
use sse_gateway_testkit::Endpoint;

use crate::setup::{open, start};

/// The chunk that one event made.
async fn on_wire(events: &[serde_json::Value]) -> Vec<String> {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let mut blocks = Vec::new();
    for event in events {
        let before = client.chunks().len();
        let answer = gateway.sender().send(json!({"token": token, "event": event})).await;
        assert_eq!(answer.status(), 200, "{event}: {answer:?}");
        client.next_event().await;
        let chunks = &client.chunks()[before..];
        assert_eq!(chunks.len(), 1, "one write for {event}");
        blocks.push(String::from_utf8(chunks[0].to_vec()).expect("UTF-8"));
    }
    blocks
}

#[tokio::test]
async fn a_name_stands_before_the_data_and_only_when_there_is_one() {
    let events = [
        json!({"name": "news", "data": "x"}),
        json!({"data": "x"}),
        json!({"name": "", "data": "x"}),
        json!({"name": " a:b ", "data": " : x"}),
        json!({"name": "größe €", "data": ""}),
    ];
    assert_eq!(
        on_wire(&events).await,
        [
            "event: news\ndata: x\n\n",
            "data: x\n\n",
            "data: x\n\n",
            "event:  a:b \ndata:  : x\n\n",
            "event: größe €\ndata: \n\n",
        ]
    );
}

#[tokio::test]
async fn lf_cr_and_crlf_each_end_a_line_of_data() {
    let events =
        ["", "\n", "a\nb", "a\rb", "a\r\nb", "a\n\rb", "a\r\r\nb", "a\n", "\r\n", "a\rid: 1\revent: x"];
    let expected = [
        "data: \n\n",
        "data: \ndata: \n\n",
        "data: a\ndata: b\n\n",
        "data: a\ndata: b\n\n",
        "data: a\ndata: b\n\n",
        "data: a\ndata: \ndata: b\n\n",
        "data: a\ndata: \ndata: b\n\n",
        "data: a\ndata: \n\n",
        "data: \ndata: \n\n",
        "data: a\ndata: id: 1\ndata: event: x\n\n",
    ];
    let events: Vec<_> = events.iter().map(|data| json!({"data": data})).collect();
    assert_eq!(on_wire(&events).await, expected);
}

#[tokio::test]
async fn other_characters_pass_as_they_are() {
    let texts = [
        "\u{2028}\u{2029}\u{85}\u{b}\u{c}",
        "\0\u{1}\t\u{7f}",
        "\u{feff}bom",
        "日本語 🦀 é e\u{301}",
        "  spaces  ",
        ":colon",
    ];
    let events: Vec<_> = texts.iter().map(|data| json!({"data": data})).collect();
    let expected: Vec<_> = texts.iter().map(|data| format!("data: {data}\n\n")).collect();
    assert_eq!(on_wire(&events).await, expected);
}

#[tokio::test]
async fn id_and_other_members_of_an_event_are_ignored() {
    let events = [json!({"name": "x", "data": "1", "id": "7", "retry": 5, "comment": "c"})];
    assert_eq!(on_wire(&events).await, ["event: x\ndata: 1\n\n"]);
}

#[tokio::test]
async fn a_name_with_cr_lf_or_nul_is_refused() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let sender = gateway.sender();
    for name in ["a\nb", "a\rb", "a\0b", "\n", "\r\n", "\0"] {
        let refusal = sender.send(json!({"token": token, "event": {"name": name, "data": "x"}})).await;
        assert_eq!(refusal.code(), (400, "INVALID_EVENT_NAME".into()), "{name:?}");
    }
    sender.event(&token, "clean", "").await;
    assert_eq!(client.next_event().await.name, "clean");
}

#[tokio::test]
async fn a_large_event_arrives_whole() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let data = "0123456789".repeat(90_000);
    assert_eq!(gateway.sender().event(&token, "large", &data).await, "ok");
    assert_eq!(client.next_event().await.data, data);
}

#[tokio::test]
async fn events_of_one_sender_arrive_in_the_order_of_their_answers() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let sender = gateway.sender();
    let sending = tokio::spawn(async move {
        for number in 0..500 {
            sender.event(&token, "", &number.to_string()).await;
        }
    });
    for number in 0..500 {
        assert_eq!(client.next_event().await.data, number.to_string());
    }
    sending.await.expect("sends");
}
