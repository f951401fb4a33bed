//! 1.5: tokens and query strings are secrets.

use http::Method;
use http_body_util::Full;
use serde_json::json;
use sse_gateway_testkit::{Answer, Callbacks, Client, Endpoint, Gateway, When};

use crate::setup::get;

/// Stands in everything that is secret.
const CANARY: &str = "CANARY";

async fn live_through_everything(level: &str, format: &str) -> (String, Vec<String>) {
    let callbacks = Callbacks::start().await;
    let url = format!("{}?secret={CANARY}-url", callbacks.url());
    let mut gateway = Gateway::start([
        ("CALLBACK_URL", url.as_str()),
        ("CALLBACK_SECRET", &format!("{CANARY}-callback")),
        ("INTERNAL_SECRET", &format!("{CANARY}-internal")),
        ("CALLBACK_TIMEOUT_SECONDS", "1"),
        ("OUTBOX_BYTES_MAX", "20000"),
        ("LOG_LEVEL", level),
        ("LOG_FORMAT", format),
    ])
    .await;
    let sender = gateway.sender().with_bearer(&format!("{CANARY}-internal"));
    let headers = format!("Authorization: Bearer {CANARY}-client\r\nCookie: session={CANARY}\r\n");
    let mut tokens = Vec::new();
    for answer in [
        Answer::ok(),
        Answer::ok().body(format!("no json {CANARY}")),
        Answer::status(403),
        Answer::status(500).body(CANARY),
        Answer::reset(),
        Answer::never(),
        Answer::ok().body(" ".repeat(300_000)),
    ] {
        callbacks.answer(When::any(), answer);
        let mut client = Client::connect_with_receive_buffer(gateway.address(), 4_096).await;
        client.send(get(&format!("/watched/path?ticket={CANARY}"), &headers)).await;
        client.head().await;
        let token = callbacks.next_connect().await.token.clone();
        for body in
            [json!({"token": token, "event": {"data": CANARY}}), json!({"token": token, "event": CANARY})]
        {
            sender.send(body).await;
        }
        tokens.push(token);
    }
    callbacks.answer(When::any(), Answer::ok());
    let mut slow = gateway.open(&format!("/slow?ticket={CANARY}")).await;
    slow.next_comment().await;
    let token = callbacks.connect_of(&format!("/slow?ticket={CANARY}")).await.token.clone();
    let data = CANARY.repeat(1_000);
    while sender.send(json!({"token": token, "event": {"data": data}})).await.status() == 200 {}
    tokens.push(token);
    let wrong = sender.builder(Method::POST, &format!("/internal/send?{CANARY}"));
    let wrong = wrong.header("x-secret", CANARY).body(Full::from(format!("{{{CANARY}"))).expect("valid");
    sender.request(wrong).await;
    gateway.sender().with_bearer(&format!("{CANARY}-wrong")).get("/internal/metrics").await;
    let mut malformed = Client::connect(gateway.address()).await;
    malformed.send(format!("GET /?{CANARY} HTTP/1.1\r\n{CANARY}\r\n\r\n")).await;
    malformed.response().await;
    gateway.stop().await;
    (gateway.output(), tokens)
}

fn assert_nothing_leaked(output: &str, tokens: &[String]) {
    if let Some(line) = output.lines().find(|line| line.contains(CANARY)) {
        panic!("a secret is in the log: {line}");
    }
    for token in tokens {
        if let Some(line) = output.lines().find(|line| line.contains(token.as_str())) {
            panic!("a whole token is in the log: {line}");
        }
    }
}

#[tokio::test]
async fn no_secret_is_in_the_logs() {
    let (output, tokens) = live_through_everything("info", "text").await;
    assert_nothing_leaked(&output, &tokens);
    assert!(output.contains("/watched/path"), "the path may be told, or this test sees nothing: {output}");
}

#[tokio::test]
async fn no_secret_is_in_the_logs_of_the_most_talkative_level_either() {
    let (output, tokens) = live_through_everything("trace", "json").await;
    assert_nothing_leaked(&output, &tokens);
    assert!(output.contains("/watched/path"), "the path may be told, or this test sees nothing: {output}");
    assert!(tokens.iter().any(|token| output.contains(&token[..8])), "a shortened token tells streams apart");
    for line in output.lines() {
        let parsed = serde_json::from_str::<serde_json::Value>(line);
        assert!(parsed.is_ok_and(|value| value.is_object()), "no JSON object: {line}");
    }
}
