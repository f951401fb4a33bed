//! A model's answer, piped through the gateway.

use serde_json::{Value, json};
use sse_gateway_testkit::{Client, Delivered, End, Endpoint, Signal};

use crate::story::{expect_connection_open, expect_ending};
use crate::system::System;

async fn ask(system: &System, token_delay: f64) -> String {
    let answer = system.post("/api/chats", json!({ "prompt": "Why?", "token_delay": token_delay })).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    answer.json()["stream_url"].as_str().expect("a URL").to_owned()
}

fn content(event: &Delivered) -> Option<String> {
    assert_eq!(event.name, "", "{event:?}");
    let data: Value = serde_json::from_str(&event.data).ok()?;
    Some(data["choices"][0]["delta"]["content"].as_str().expect("a word").to_owned())
}

/// Reads the words to the end of the answer.
async fn rest(client: &mut Client) -> Vec<String> {
    let mut words = Vec::new();
    while let Some(word) = content(&client.next_event().await) {
        words.push(word);
    }
    expect_ending(client, "chat_completed").await;
    words
}

#[tokio::test]
async fn an_answer_is_heard_by_whoever_listens_whenever_they_come() {
    let system = System::start().await;
    let target = ask(&system, 0.01).await;
    let (mut first, mut second) = (system.open(&target).await, system.open(&target).await);
    for client in [&mut first, &mut second] {
        expect_connection_open(client).await;
    }
    let words = rest(&mut first).await;
    assert!(words.len() > 100 && words.concat().starts_with("You asked: \u{201c}Why?\u{201d}."));
    assert_eq!(rest(&mut second).await, words);
    let mut late = system.open(&target).await;
    expect_connection_open(&mut late).await;
    assert_eq!(rest(&mut late).await, words);
}

#[tokio::test]
async fn who_comes_back_in_mid_sentence_hears_the_rest() {
    let system = System::start().await;
    let target = ask(&system, 0.01).await;
    let mut client = system.open(&target).await;
    expect_connection_open(&mut client).await;
    let mut words = Vec::new();
    let mut last_id = String::new();
    for _ in 0..20 {
        let event = client.next_event().await;
        words.extend(content(&event));
        last_id = event.id;
    }
    drop(client);
    let mut client = Client::connect(system.address()).await.without_cursors();
    client.ask_again(&target, &last_id).await;
    expect_connection_open(&mut client).await;
    words.extend(rest(&mut client).await);
    let mut whole = system.open(&target).await;
    expect_connection_open(&mut whole).await;
    assert_eq!(words, rest(&mut whole).await);
}

#[tokio::test]
async fn an_answer_that_breaks_off_says_so() {
    let system = System::start().await;
    let target = ask(&system, 0.05).await;
    let mut client = system.open(&target).await;
    expect_connection_open(&mut client).await;
    content(&client.next_event().await).expect("a word");
    system.backend.signal(Signal::TERM);
    let (events, end) = client.remaining_events().await;
    let [.., error, close] = &events[..] else { panic!("{events:?}") };
    assert_eq!((error.name.as_str(), close.name.as_str()), ("error", "connection_close"));
    assert_eq!(close.data, r#"{"reason":"chat_failed"}"#);
    assert_eq!(end, End::Clean);
}

#[tokio::test]
async fn a_chat_that_does_not_exist_and_a_wrong_question_are_told() {
    let system = System::start().await;
    let mut client = system.open("/api/sse/chats?chat_id=none").await;
    expect_connection_open(&mut client).await;
    assert_eq!(client.next_event().await.name, "error");
    expect_ending(&mut client, "chat_not_found").await;
    for body in
        [json!({}), json!({ "prompt": "" }), json!({ "prompt": 1 }), json!({ "prompt": "x".repeat(4097) })]
    {
        let answer = system.post("/api/chats", body.clone()).await;
        assert_eq!(answer.code(), (400, "INVALID_BODY".to_owned()), "{body}");
    }
    let answer = system.post("/api/chats", json!({ "prompt": "Why?", "token_delay": -1 })).await;
    assert_eq!(answer.code(), (400, "INVALID_PARAMS".to_owned()));
}

#[tokio::test]
async fn without_topics_there_are_no_chats() {
    let system = System::start_with(&[("SSE_GATEWAY_TOPICS", "never")]).await;
    let answer = system.post("/api/chats", json!({ "prompt": "Why?" })).await;
    assert_eq!(answer.code(), (501, "TOPICS_NEEDED".to_owned()));
    let task_id = system.start_task("demo_task", json!({ "delay": 0 })).await;
    let mut client = system.watch(&task_id).await;
    crate::story::expect_demo_task(&mut client, &task_id, 3, "Test task completed").await;
}
