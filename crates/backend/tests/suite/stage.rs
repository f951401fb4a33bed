//! One backend behind axum, one gateway, and the wire between them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sse_gateway_backend::connections::{Delivery, IfMissing};
use sse_gateway_backend::services::tasks::{Progress, Task, TaskError, TaskId, TaskSettings};
use sse_gateway_backend::services::versions::Version;
use sse_gateway_backend::services::{Admission, Service};
use sse_gateway_backend::{Backend, Identifier, Secret, Settings, StoredRequest};
use sse_gateway_testkit::original::Original;
use sse_gateway_testkit::{Client, Delivered, End, Endpoint, Gateway, Relay, eventually};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) struct Stage {
    pub(crate) backend: Backend,
    pub(crate) gateway: AnyGateway,
    /// Between the backend and the gateway's internal routes.
    pub(crate) relay: Relay,
    pub(crate) callback_url: String,
    settings: Settings,
    server: JoinHandle<()>,
}

pub(crate) enum AnyGateway {
    Original(Original),
    Ours(Box<Gateway>),
}

impl AnyGateway {
    pub(crate) fn is_original(&self) -> bool {
        matches!(self, AnyGateway::Original(_))
    }

    pub(crate) async fn start_like(&self, callback_url: &str) -> Self {
        match self {
            AnyGateway::Original(_) => Self::original(callback_url).await,
            AnyGateway::Ours(_) => Self::ours(callback_url).await,
        }
    }

    async fn original(callback_url: &str) -> Self {
        Self::Original(Original::start([("CALLBACK_URL", callback_url)]).await)
    }

    async fn ours(callback_url: &str) -> Self {
        Self::Ours(Box::new(Gateway::start([("CALLBACK_URL", callback_url)]).await))
    }
}

impl Endpoint for AnyGateway {
    fn address(&self) -> SocketAddr {
        match self {
            AnyGateway::Original(gateway) => gateway.address(),
            AnyGateway::Ours(gateway) => gateway.address(),
        }
    }
}

impl Stage {
    pub(crate) async fn with_the_original(adjust: fn(&mut Settings)) -> Self {
        let (listener, callback_url) = listen().await;
        let gateway = AnyGateway::original(&callback_url).await;
        Self::build(listener, callback_url, gateway, adjust).await
    }

    /// Our gateway has topics, and the backend uses them.
    pub(crate) async fn with_ours(adjust: fn(&mut Settings)) -> Self {
        let (listener, callback_url) = listen().await;
        let gateway = AnyGateway::ours(&callback_url).await;
        Self::build(listener, callback_url, gateway, adjust).await
    }

    /// Our gateway, which forgets topics that are not used for a second.
    pub(crate) async fn with_ours_that_forgets_after_a_second() -> Self {
        let (listener, callback_url) = listen().await;
        let settings = [("CALLBACK_URL", callback_url.as_str()), ("TOPIC_AGE_MAX_SECONDS", "1")];
        let gateway = AnyGateway::Ours(Box::new(Gateway::start(settings).await));
        let as_long = |settings: &mut Settings| settings.connections.topic_age_max = seconds(1);
        Self::build(listener, callback_url, gateway, as_long).await
    }

    pub(crate) async fn with_ours_by_token(adjust: fn(&mut Settings)) -> Self {
        let (listener, callback_url) = listen().await;
        let gateway = AnyGateway::ours(&callback_url).await;
        let by_token = |settings: &mut Settings| {
            settings.gateway.topics = false;
            adjust(settings);
        };
        Self::build(listener, callback_url, gateway, by_token).await
    }

    async fn build(
        listener: TcpListener,
        callback_url: String,
        gateway: AnyGateway,
        adjust: impl FnOnce(&mut Settings),
    ) -> Self {
        let relay = Relay::start(gateway.address());
        let mut settings = Settings::from_variables(|_| None).expect("defaults");
        settings.gateway.url = format!("http://{}", relay.address()).parse().expect("a URL");
        settings.callback.secret = Secret::parse(SECRET);
        settings.callback.production = true;
        settings.tasks = TaskSettings { running_max: 200, ..settings.tasks };
        adjust(&mut settings);
        let backend = Backend::start_with(settings.clone(), |_| vec![Arc::new(Talks)]).expect("starts");
        let app = backend.callback_router();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        Self { backend, gateway, relay, callback_url, settings, server }
    }

    /// Tells whether events go to topics.
    pub(crate) fn has_topics(&self) -> bool {
        self.settings.gateway.topics && !self.gateway.is_original()
    }

    /// Starts what another process of the backend would: it shares the gateway, and no callback
    /// reaches it.
    pub(crate) fn another_process(&self) -> Backend {
        Backend::start(self.settings.clone()).expect("starts")
    }

    /// Opens a stream and takes its `connection_open`.
    pub(crate) async fn open(&self, target: &str) -> Client {
        let mut client = self.gateway.open(target).await.without_cursors();
        let first = client.next_event().await;
        assert_eq!(
            (first.name.as_str(), first.data.as_str()),
            ("connection_open", r#"{"status":"connected"}"#)
        );
        client
    }

    pub(crate) async fn watch(&self, task_id: TaskId) -> Client {
        self.open(&format!("/api/sse/tasks?task_id={task_id}")).await
    }

    pub(crate) async fn listen_for_versions(&self, request_id: &str) -> Client {
        self.open(&format!("/api/sse/utils/version?request_id={request_id}")).await
    }

    pub(crate) async fn announce(&self, request_id: &str, version: &str) -> Delivery {
        let version = Version { version: version.into(), changelog: None };
        self.backend.versions().announce(request_id, &version).await.expect("takes it")
    }

    pub(crate) async fn submit<F, O>(&self, work: F) -> TaskId
    where
        F: Fn(Progress, CancellationToken) -> O + Send + Sync + 'static,
        O: Future<Output = Result<Value, TaskError>> + Send + 'static,
    {
        submit_to(&self.backend, work).await
    }

    /// Counts the connects so far, replacing ones included.
    pub(crate) fn connects(&self, service: &str) -> u32 {
        ["connect", "replace"].map(|action| self.count("connections", service, "action", action)).iter().sum()
    }

    /// Waits until the gateway's answers to this many events of a service have arrived.
    pub(crate) async fn wait_answered(&self, service: &str, events: u32) {
        let answered =
            || ["ok", "buffered"].map(|status| self.count("events_sent", service, "status", status));
        eventually("answers to all events", async || answered().iter().sum::<u32>() == events).await;
    }

    /// Waits until an event of a service was not taken.
    pub(crate) async fn wait_not_taken(&self, service: &str) {
        let refused = || self.count("events_sent", service, "status", "not_taken");
        eventually("a refused send", async || refused() > 0).await;
    }

    fn count(&self, name: &str, service: &str, label: &str, value: &str) -> u32 {
        let labels = format!("sse_gateway_{name}_total{{service=\"{service}\",{label}=\"{value}\"}} ");
        let metrics = self.backend.metrics_text();
        let figure = metrics.lines().find_map(|line| line.strip_prefix(&labels));
        figure.map_or(0, |figure| figure.parse().expect("a number"))
    }

    /// Waits until this many identifiers of a service have a live stream.
    pub(crate) async fn wait_connected(&self, service: &str, count: usize) {
        let line = format!("sse_gateway_active_connections{{service=\"{service}\"}} {count}\n");
        eventually(&line, async || self.backend.metrics_text().contains(&line)).await;
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    (listener, format!("http://{address}/api/sse/callback?secret={SECRET}"))
}

const SECRET: &str = "s3cret";

pub(crate) async fn submit_to<F, O>(backend: &Backend, work: F) -> TaskId
where
    F: Fn(Progress, CancellationToken) -> O + Send + Sync + 'static,
    O: Future<Output = Result<Value, TaskError>> + Send + 'static,
{
    backend.tasks().submit(Box::new(Work(work))).await.expect("taken")
}

struct Work<F>(F);

#[async_trait::async_trait]
impl<F, O> Task for Work<F>
where
    F: Fn(Progress, CancellationToken) -> O + Send + Sync + 'static,
    O: Future<Output = Result<Value, TaskError>> + Send + 'static,
{
    async fn run(&self, progress: &Progress, cancel: &CancellationToken) -> Result<Value, TaskError> {
        (self.0)(progress.clone(), cancel.clone()).await
    }
}

/// Opens a stream as a page that comes back with the id of the last event that it got.
pub(crate) async fn open_again(stage: &Stage, target: &str, last_id: &str) -> Client {
    let mut client = Client::connect(stage.gateway.address()).await.without_cursors();
    client.ask_again(target, last_id).await;
    assert_eq!(client.head().await.status(), 200);
    client
}

/// What is piped in, for everybody who listens, at `/api/talks?talk_id=`.
struct Talks;

#[async_trait::async_trait]
impl Service for Talks {
    fn name(&self) -> &'static str {
        "talk"
    }

    fn path(&self) -> &'static str {
        "/api/talks"
    }

    fn parameter(&self) -> &'static str {
        "talk_id"
    }

    async fn on_connect(&self, _: &Identifier, _: &StoredRequest) -> Admission {
        Admission::Share(IfMissing::Tell { events: Vec::new(), reason: "talk_not_found" })
    }
}

/// Lets a task go on step by step: `wait(n)` returns once `advance(n)` or more was called.
#[derive(Clone)]
pub(crate) struct Steps(watch::Sender<u32>);

impl Steps {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    pub(crate) fn advance(&self, to: u32) {
        self.0.send_replace(to);
    }

    pub(crate) async fn wait(&self, for_step: u32) {
        self.0.subscribe().wait_for(|step| *step >= for_step).await.expect("the sender is held");
    }
}

/// The type of a `task_event` and its data, or another event's name and data.
pub(crate) fn told(event: &Delivered) -> (String, Value) {
    let data: Value = serde_json::from_str(&event.data).expect("JSON");
    match event.name.as_str() {
        "task_event" => (data["event_type"].as_str().expect("a type").into(), data["data"].clone()),
        name => (name.into(), data),
    }
}

/// Takes the whole story up to the end, and checks that the end is clean.
pub(crate) async fn story(client: &mut Client) -> Vec<(String, Value)> {
    let mut story = Vec::new();
    loop {
        let event = told(&client.next_event().await);
        let closes = event.0 == "connection_close";
        story.push(event);
        if closes {
            assert_eq!(client.end().await, End::Clean);
            return story;
        }
    }
}

pub(crate) fn types(story: &[(String, Value)]) -> Vec<&str> {
    story.iter().map(|(event_type, _)| event_type.as_str()).collect()
}

pub(crate) async fn next_version(client: &mut Client) -> String {
    let event = client.next_event().await;
    assert_eq!(event.name, "version");
    let version: Version = serde_json::from_str(&event.data).expect("a version");
    version.version
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
