//! What `/internal/metrics` tells, named as `docs/operations.md` names it.

use std::collections::BTreeMap;

use serde_json::json;
use sse_gateway_testkit::{
    Answer, Callbacks, Client, End, Endpoint, Gate, Gateway, Signal, When, eventually,
};

use crate::setup::{get, half_asked, open, start, start_with};

/// The samples of one scrape, each by its name with its labels as they are written.
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    async fn of(gateway: &Gateway) -> Self {
        let response = gateway.sender().get("/internal/metrics").await;
        assert_eq!(response.status(), 200);
        let mut samples = BTreeMap::new();
        for line in response.text().lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            let value = value.parse().unwrap_or_else(|_| panic!("no figure: {line}"));
            assert!(samples.insert(name.to_owned(), value).is_none(), "twice: {line}");
        }
        Self(samples)
    }

    fn sample(&self, name: &str) -> f64 {
        *self.0.get(name).unwrap_or_else(|| panic!("{name} is not among {:?}", self.0.keys()))
    }
}

async fn eventually_is(gateway: &Gateway, name: &str, value: f64) {
    eventually(&format!("{name} is {value}"), async || Scrape::of(gateway).await.sample(name) == value).await;
}

#[tokio::test]
async fn they_are_text_in_the_prometheus_format() {
    let (_callbacks, gateway) = start().await;
    let response = gateway.sender().get("/internal/metrics").await;
    let content_type = response.header("content-type").expect("a content type");
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"), "{content_type}");
    let text = response.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    for name in ["streams", "connects", "events", "bytes_written", "sends", "closes", "outbox_bytes"] {
        assert!(text.contains(&format!("# HELP sse_gateway_{name} ")), "{name}: {text}");
        assert!(text.contains(&format!("# TYPE sse_gateway_{name} ")), "{name}: {text}");
    }
}

#[tokio::test]
async fn streams_and_connects_are_counted() {
    let (callbacks, gateway) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::connect().url("/opening"), Answer::status(403).after(&gate));
    let (client, _) = open(&callbacks, &gateway, "/open").await;
    let mut opening = gateway.fetch("/opening").await;
    callbacks.connect_of("/opening").await;
    let scrape = Scrape::of(&gateway).await;
    assert_eq!(scrape.sample(r#"sse_gateway_streams{state="open"}"#), 1.0);
    assert_eq!(scrape.sample(r#"sse_gateway_streams{state="opening"}"#), 1.0);
    assert_eq!(scrape.sample(r#"sse_gateway_connects_total{outcome="accepted"}"#), 1.0);
    gate.open();
    assert_eq!(opening.response().await.status(), 403);
    drop(client);
    callbacks.next_disconnect().await;
    for state in ["open", "opening", "ending"] {
        eventually_is(&gateway, &format!("sse_gateway_streams{{state=\"{state}\"}}"), 0.0).await;
    }
    eventually_is(&gateway, r#"sse_gateway_connects_total{outcome="forbidden"}"#, 1.0).await;
    eventually_is(&gateway, r#"sse_gateway_closes_total{reason="client_closed"}"#, 1.0).await;
}

#[tokio::test]
async fn sends_events_and_bytes_are_counted() {
    let (callbacks, gateway) = start().await;
    let gate = Gate::closed();
    callbacks.answer(When::connect(), Answer::ok().after(&gate));
    let mut client = gateway.get("/").await;
    let token = callbacks.next_connect().await.token.clone();
    let sender = gateway.sender();
    sender.event(&token, "kept", "").await;
    gate.open();
    client.next_event().await;
    sender.send(json!({"token": token, "events": [{"data": "1"}, {"data": "2"}]})).await;
    sender.send(json!({"token": "unknown"})).await;
    sender.send(json!({})).await;
    sender.send(json!({"token": token, "close": true})).await;
    let (events, end) = client.remaining_events().await;
    assert_eq!((events.len(), end), (2, End::Clean));
    callbacks.next_disconnect().await;
    let scrape = Scrape::of(&gateway).await;
    for (outcome, count) in [("buffered", 1.0), ("ok", 2.0), ("not_found", 1.0), ("rejected", 1.0)] {
        assert_eq!(
            scrape.sample(&format!("sse_gateway_sends_total{{outcome=\"{outcome}\"}}")),
            count,
            "{outcome}"
        );
    }
    assert_eq!(scrape.sample(r#"sse_gateway_events_total{stage="accepted"}"#), 3.0);
    assert_eq!(scrape.sample(r#"sse_gateway_events_total{stage="written"}"#), 3.0);
    assert_eq!(scrape.sample("sse_gateway_bytes_written_total"), client.received().len() as f64);
    assert_eq!(scrape.sample(r#"sse_gateway_closes_total{reason="server_closed"}"#), 1.0);
    assert_eq!(scrape.sample("sse_gateway_outbox_bytes"), 0.0);
}

#[tokio::test]
async fn callbacks_are_timed_by_action_and_outcome() {
    let (callbacks, gateway) = start().await;
    drop(gateway.open("/").await);
    callbacks.next_disconnect().await;
    callbacks.wait_in_flight(0).await;
    for action in ["connect", "disconnect"] {
        eventually(&format!("the {action} is timed"), async || {
            let scrape = Scrape::of(&gateway).await;
            let counts = scrape.0.iter().filter(|(name, _)| {
                name.starts_with("sse_gateway_callback_duration_seconds_count")
                    && name.contains(&format!("action=\"{action}\""))
            });
            counts.map(|(_, count)| count).sum::<f64>() == 1.0
        })
        .await;
    }
}

const UNDELIVERED: &str = "sse_gateway_undelivered_events_total";

/// Keeps three events for a stream that then gets this answer.
async fn keep_three(callbacks: &Callbacks, gateway: &Gateway, answer: Answer, leave: bool) {
    let gate = Gate::closed();
    callbacks.answer(When::connect().url("/kept"), answer.after(&gate));
    let client = gateway.get("/kept").await;
    let token = callbacks.connect_of("/kept").await.token.clone();
    for _ in 0..3 {
        assert_eq!(gateway.sender().event(&token, "", "").await, "buffered");
    }
    let client = Some(client).filter(|_| !leave);
    // Another stream's whole life, so that the gateway has seen a going.
    let (other, other_token) = open(callbacks, gateway, "/other").await;
    drop(other);
    callbacks.disconnect_of(&other_token).await;
    gate.open();
    if let Some(mut client) = client {
        client.head().await;
    }
}

#[tokio::test]
async fn what_was_acknowledged_and_not_delivered_is_counted_by_cause() {
    let (callbacks, gateway) = start().await;
    keep_three(&callbacks, &gateway, Answer::status(403), false).await;
    eventually_is(&gateway, &format!("{UNDELIVERED}{{cause=\"refused\"}}"), 3.0).await;
    keep_three(&callbacks, &gateway, Answer::ok(), true).await;
    eventually_is(&gateway, &format!("{UNDELIVERED}{{cause=\"client_left\"}}"), 3.0).await;
}

#[tokio::test]
async fn what_a_slow_reader_did_not_get_is_counted() {
    let (callbacks, gateway) = start_with(&[("OUTBOX_BYTES_MAX", "65536")]).await;
    let mut stuck = Client::connect_with_receive_buffer(gateway.address(), 4_096).await;
    stuck.send(get("/", "")).await;
    stuck.head().await;
    let token = callbacks.next_connect().await.token.clone();
    let body = json!({"token": token, "event": {"data": "x".repeat(1_000)}});
    let mut acknowledged = 0.0;
    while gateway.sender().send(body.clone()).await.status() == 200 {
        acknowledged += 1.0;
    }
    callbacks.next_disconnect().await;
    let scrape = Scrape::of(&gateway).await;
    let lost = scrape.sample(&format!("{UNDELIVERED}{{cause=\"slow\"}}"));
    let written = scrape.sample(r#"sse_gateway_events_total{stage="written"}"#);
    assert_eq!(lost + written, acknowledged);
    assert!(lost >= 60.0, "an outbox full: {lost}");
    assert_eq!(scrape.sample(r#"sse_gateway_cuts_total{cause="slow"}"#), 1.0);
    assert_eq!(scrape.sample(r#"sse_gateway_closes_total{reason="error"}"#), 1.0);
    assert_eq!(scrape.sample(r#"sse_gateway_sends_total{outcome="full"}"#), 1.0);
    assert_eq!(scrape.sample("sse_gateway_outbox_bytes"), 0.0);
}

#[tokio::test]
async fn only_sends_are_counted_as_sends() {
    let (_callbacks, gateway) = start_with(&[("INTERNAL_SECRET", "open-sesame")]).await;
    let stranger = gateway.sender();
    assert_eq!(stranger.get("/internal/metrics").await.status(), 401);
    assert_eq!(stranger.send(json!({"token": "x"})).await.status(), 401);
    let metrics = stranger.with_bearer("open-sesame").get("/internal/metrics").await.text();
    assert!(metrics.contains("sse_gateway_sends_total{outcome=\"rejected\"} 1\n"), "{metrics}");
}

/// The gateway dropped it; its client had not left.
#[tokio::test]
async fn a_connect_that_a_shutdown_dropped_is_counted_as_such() {
    let (callbacks, mut gateway) = start().await;
    let (connecting, ending) = (Gate::closed(), Gate::closed());
    callbacks.answer(When::connect(), Answer::ok().after(&connecting));
    callbacks.answer(When::disconnect(), Answer::ok().after(&ending));
    let mut opening = gateway.get("/").await;
    callbacks.next_connect().await;
    let (mut operator, other_half) = half_asked(&gateway, "/internal/metrics").await;
    gateway.signal(Signal::TERM);
    assert_eq!(opening.rest().await.0, "");
    connecting.open();
    callbacks.next_disconnect().await;
    operator.send(other_half).await;
    let metrics = operator.response().await.text();
    assert!(metrics.contains("sse_gateway_connects_total{outcome=\"shutting_down\"} 1\n"), "{metrics}");
    ending.open();
    assert_eq!(gateway.wait_exit().await.code, Some(0));
}
