//! What most tests begin with.

use serde_json::{Value, json};
use sse_gateway_testkit::{
    Answer, Block, Callbacks, Endpoint, Gateway, Position, Publishing, Response, Sender, Subscriber, When,
};

pub(crate) const NDJSON: &str = "application/x-ndjson";
pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// A backend that answers as the test says, a gateway that asks it, and a client of the gateway.
pub(crate) struct Stage {
    pub(crate) callbacks: Callbacks,
    pub(crate) gateway: Gateway,
    pub(crate) sender: Sender,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let callbacks = Callbacks::start().await;
        let url = callbacks.url();
        let settings = settings.iter().copied().chain([("CALLBACK_URL", url.as_str())]);
        let gateway = Gateway::start(settings).await;
        let sender = gateway.sender();
        Self { callbacks, gateway, sender }
    }

    /// Answers the connects of this target like this from here on.
    pub(crate) fn answer(&self, target: &str, body: Value) {
        self.callbacks.answer(When::connect().url(target), Answer::json(&body));
    }

    /// Opens a stream of these topics; reads nothing of it.
    pub(crate) async fn subscribe(&self, target: &str, topics: Value) -> Subscriber {
        self.answer(target, json!({"topics": topics}));
        self.gateway.subscribe(target).await
    }

    /// Opens a stream of these topics that has nothing to replay.
    pub(crate) async fn listen(&self, target: &str, topics: Value) -> Subscriber {
        let mut subscriber = self.subscribe(target, topics).await;
        expect_cursor(&mut subscriber).await;
        subscriber
    }

    /// Comes back to topics with the last id of an earlier stream; reads nothing of it.
    pub(crate) async fn resume(&self, target: &str, topics: Value, last_id: &str) -> Subscriber {
        self.answer(target, json!({"topics": topics}));
        self.gateway.resume(target, last_id).await
    }

    /// The token of the stream that asked for this target.
    pub(crate) async fn token(&self, target: &str) -> String {
        self.callbacks.connect_of(target).await.token.clone()
    }

    /// Publishes and expects 200; gives the position and the number of receivers.
    pub(crate) async fn publish(&self, body: Value) -> (Position, u64) {
        published(&self.sender.publish(body).await)
    }

    /// Publishes one event without a name.
    pub(crate) async fn event(&self, topic: &str, data: &str) -> Position {
        self.publish(json!({"topic": topic, "event": {"data": data}})).await.0
    }

    /// Publishes events one after the other.
    pub(crate) async fn events(&self, topic: &str, data: &[&str]) -> Vec<Position> {
        let mut positions = Vec::new();
        for data in data {
            positions.push(self.event(topic, data).await);
        }
        positions
    }

    /// Completes a topic with nothing but this.
    pub(crate) async fn complete(&self, topic: &str, reason: &str) -> Position {
        self.publish(json!({"topic": topic, "close": {"reason": reason}})).await.0
    }

    /// Begins a publish whose body the test feeds.
    pub(crate) async fn begin(&self, query: &str, content_type: &str) -> Publishing {
        let target = format!("/internal/publish{query}");
        Publishing::begin(self.gateway.internal_address(), &target, content_type).await
    }

    /// Posts JSON to an internal route.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Response {
        self.sender.post(path, "application/json", body.to_string()).await
    }

    /// What the gateway tells of a topic; its name is written as it stands in a path.
    pub(crate) async fn topic(&self, name: &str) -> Response {
        self.sender.get(&format!("/internal/topics/{name}")).await
    }

    /// The streams that listen to a topic, as the gateway tells it.
    pub(crate) async fn receivers(&self, name: &str) -> Option<u64> {
        let answer = self.topic(name).await;
        (answer.status() == 200).then(|| answer.json()["receivers"].as_u64().expect("a number"))
    }

    /// One sample of `/internal/metrics`, named without its prefix.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.sender.get("/internal/metrics").await.text();
        let sample = |line: &str| {
            line.strip_prefix("sse_gateway_")?.strip_prefix(name)?.strip_prefix(' ')?.parse().ok()
        };
        text.lines().find_map(sample).unwrap_or_else(|| panic!("{name} is not in {text}"))
    }
}

/// Reads the answer of a publish that was accepted.
pub(crate) fn published(answer: &Response) -> (Position, u64) {
    assert_eq!(answer.status(), 200, "{answer:?}");
    let body = answer.json();
    let position = Position::read(body["position"].as_str().unwrap_or_else(|| panic!("no position: {body}")));
    (position, body["receivers"].as_u64().unwrap_or_else(|| panic!("no receivers: {body}")))
}

/// Reads the event that says where the stream's listening starts.
pub(crate) async fn expect_cursor(subscriber: &mut Subscriber) -> Position {
    let block = subscriber.next().await;
    assert_eq!((block.name.as_str(), block.text()), ("cursor", "{}"));
    block.position().clone()
}

/// Reads a `gap` and gives where what follows begins.
pub(crate) async fn expect_gap(subscriber: &mut Subscriber, reason: &str, topics: &[&str]) -> Position {
    let block = subscriber.next().await;
    assert_eq!(block.name, "gap", "{block:?}");
    let data = block.json();
    assert_eq!(data["reason"], reason, "{data}");
    let mut named: Vec<_> = data["topics"].as_array().expect("topics").iter().collect();
    named.sort_by_key(|name| name.to_string());
    assert_eq!(named, topics, "{data}");
    Position::read(data["to"].as_str().expect("to"))
}

/// Reads the ending that a stream gets from the gateway, and the end.
pub(crate) async fn expect_close(subscriber: &mut Subscriber, reason: &str) -> Block {
    let block = subscriber.next().await;
    assert_eq!((block.name.as_str(), block.json()), ("connection_close", json!({"reason": reason})));
    assert_eq!(subscriber.end().await, sse_gateway_testkit::End::Clean);
    block
}
