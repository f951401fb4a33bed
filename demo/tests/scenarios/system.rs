//! The demo's backend and the gateway, each a process of its own.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use sse_gateway_testkit::{Client, Delivered, Endpoint, Process, Response, Sender, Signal};
use sse_gateway_testkit::{binary, eventually, free_port};

const CALLBACK_SECRET: &str = "the-gateway-proves-itself";
const INTERNAL_SECRET: &str = "the-backend-proves-itself";

/// A running system; killed when dropped.
pub(crate) struct System {
    pub(crate) gateway: Process,
    pub(crate) backend: Process,
    gateway_address: SocketAddr,
    backend_address: SocketAddr,
    api: Sender,
}

impl Endpoint for System {
    fn address(&self) -> SocketAddr {
        self.gateway_address
    }
}

impl System {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts both, the backend with further settings.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_processes("1", settings).await
    }

    /// Starts both, so many processes of the backend on one port.
    pub(crate) async fn start_processes(count: &str, settings: &[(&str, &str)]) -> Self {
        let gateway_address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let backend_address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let gateway = start_gateway(gateway_address, backend_address).await;
        let (port, gateway_url) = (backend_address.port().to_string(), format!("http://{gateway_address}"));
        let wiring = [
            ("PORT", port.as_str()),
            ("SSE_GATEWAY_URL", &gateway_url),
            ("SSE_GATEWAY_SECRET", INTERNAL_SECRET),
            ("SSE_CALLBACK_SECRET", CALLBACK_SECRET),
        ];
        let backend = start_backend(count, wiring.into_iter().chain(settings.iter().copied())).await;
        let api = Sender::new(backend_address);
        Self { gateway, backend, gateway_address, backend_address, api }
    }

    /// Starts another backend on a port of its own, which no callback reaches; gives its address.
    pub(crate) async fn start_another_backend(&self) -> (Process, SocketAddr) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (port, gateway_url) = (address.port().to_string(), format!("http://{}", self.gateway_address));
        let environment = [
            ("PORT", port.as_str()),
            ("SSE_GATEWAY_URL", &gateway_url),
            ("SSE_GATEWAY_SECRET", INTERNAL_SECRET),
            ("SSE_CALLBACK_SECRET", CALLBACK_SECRET),
        ];
        (start_backend("1", environment.into_iter()).await, address)
    }

    /// Kills the gateway as a crash would: nobody is told.
    pub(crate) async fn kill_gateway(&mut self) {
        self.gateway.signal(Signal::KILL);
        self.gateway.wait_exit().await;
    }

    /// Starts the gateway again where it was.
    pub(crate) async fn restart_gateway(&mut self) {
        self.gateway = start_gateway(self.gateway_address, self.backend_address).await;
    }

    /// Starts a task and gives its id.
    pub(crate) async fn start_task(&self, task_type: &str, params: Value) -> String {
        let answer = self.post("/api/tasks", json!({ "task_type": task_type, "params": params })).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        answer.json()["task_id"].as_str().expect("an id").to_owned()
    }

    /// Starts a task that runs until it is cancelled.
    pub(crate) async fn start_endless_task(&self) -> String {
        self.start_task("demo_task", json!({ "steps": 1, "delay": 3600 })).await
    }

    /// Opens a stream as a page does.
    pub(crate) async fn open(&self, target: &str) -> Client {
        Client::open(self.gateway_address, target).await.without_cursors()
    }

    /// Opens a task's stream.
    pub(crate) async fn watch(&self, task_id: &str) -> Client {
        self.open(&format!("/api/sse/tasks?task_id={task_id}")).await
    }

    /// Opens a client's version stream and reads its first event.
    pub(crate) async fn listen_for_versions(&self, request_id: &str) -> Client {
        let mut client = self.open(&format!("/api/sse/utils/version?request_id={request_id}")).await;
        assert_eq!(client.next_event().await.name, "connection_open");
        client
    }

    /// Announces a version and gives the answer.
    pub(crate) async fn announce(&self, request_id: &str, version: &str) -> Value {
        let body = json!({ "request_id": request_id, "version": version });
        let answer = self.post("/api/testing/deployments/version", body).await;
        assert_eq!(answer.status(), 202, "{answer:?}");
        answer.json()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Response {
        self.api.post(path, "application/json", body.to_string()).await
    }

    pub(crate) fn api(&self) -> &Sender {
        &self.api
    }

    /// A client on a connection of its own, which any of several processes may take.
    pub(crate) fn new_api(&self) -> Sender {
        Sender::new(self.backend_address)
    }

    pub(crate) async fn get_from_backend(&self, path: &str) -> Response {
        self.api.get(path).await
    }

    /// Makes a request to the backend with neither body nor content type.
    pub(crate) async fn request(&self, method: &str, path: &str) -> Response {
        let mut client = Client::connect(self.backend_address).await;
        client
            .send(format!("{method} {path} HTTP/1.1\r\nHost: demo.test\r\nContent-Length: 0\r\n\r\n"))
            .await;
        client.response().await
    }

    pub(crate) async fn task_status(&self, task_id: &str) -> Value {
        self.get_from_backend(&format!("/api/tasks/{task_id}/status")).await.json()
    }

    /// Waits until the backend counts this many connections of a service.
    pub(crate) async fn wait_active_connections(&self, service: &str, count: u64) {
        let line = format!("sse_gateway_active_connections{{service=\"{service}\"}} {count}");
        eventually(&line, async || {
            self.get_from_backend("/metrics").await.text().lines().any(|other| other == line)
        })
        .await;
    }
}

/// The demo's binary.
pub(crate) fn demo() -> std::path::PathBuf {
    binary("sse-gateway-demo", "sse-gateway-demo")
}

async fn start_backend<'a>(
    processes: &str,
    environment: impl Iterator<Item = (&'a str, &'a str)>,
) -> Process {
    let backend = Process::start(&demo(), ["backend", "--processes", processes], environment);
    backend.wait_output("SSE Gateway demo: open").await;
    backend
}

/// The data of an event, as JSON.
pub(crate) fn data(event: &Delivered) -> Value {
    serde_json::from_str(&event.data).unwrap_or_else(|error| panic!("{error}: {event:?}"))
}

async fn start_gateway(address: SocketAddr, backend: SocketAddr) -> Process {
    let arguments: [&str; 0] = [];
    let environment = [
        ("PORT", address.port().to_string()),
        ("CALLBACK_URL", format!("http://{backend}/api/sse/callback")),
        ("CALLBACK_SECRET", CALLBACK_SECRET.to_owned()),
        ("INTERNAL_SECRET", INTERNAL_SECRET.to_owned()),
    ];
    let mut process = Process::start(&binary("sse-gateway", "sse-gateway"), arguments, environment);
    let sender = Sender::new(address);
    eventually("the gateway answers /healthz", async || {
        assert!(!process.has_ended(), "the gateway ended: {}", process.output());
        sender.try_get("/healthz").await.is_some_and(|answer| answer.status() == 200)
    })
    .await;
    process
}
