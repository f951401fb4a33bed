//! `sse-gateway-demo` alone: the gateway and the backend in one process.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;
use sse_gateway_testkit::{Client, End, Process, Sender, Signal, free_port};

use crate::story::{
    demo_task_events, expect_connection_open, expect_demo_task, expect_ending, next_task_event,
};
use crate::system::demo;

struct Demo {
    process: Process,
    gateway: SocketAddr,
    backend: SocketAddr,
}

impl Demo {
    async fn start() -> Self {
        let address = || SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (gateway, backend) = (address(), address());
        let environment = [
            ("PORT", gateway.port().to_string()),
            ("BACKEND_PORT", backend.port().to_string()),
            ("SHUTDOWN_SECONDS", "1".to_owned()),
        ];
        let arguments: [&str; 0] = [];
        let process = Process::start(&demo(), arguments, environment);
        process.wait_output(&format!("SSE Gateway demo: open http://localhost:{}", backend.port())).await;
        Self { process, gateway, backend }
    }

    async fn start_task(&self, params: serde_json::Value) -> String {
        let body = json!({ "task_type": "demo_task", "params": params }).to_string();
        let answer = Sender::new(self.backend).post("/api/tasks", "application/json", body).await;
        answer.json()["task_id"].as_str().expect("an id").to_owned()
    }

    async fn watch(&self, task_id: &str) -> Client {
        self.open(&format!("/api/sse/tasks?task_id={task_id}")).await
    }

    /// Opens a stream as a page does.
    async fn open(&self, target: &str) -> Client {
        Client::open(self.gateway, target).await.without_cursors()
    }
}

#[tokio::test]
async fn a_task_is_started_and_watched_without_any_setting() {
    let demo = Demo::start().await;
    let task_id = demo.start_task(json!({})).await;
    let mut client = demo.watch(&task_id).await;
    expect_demo_task(&mut client, &task_id, 3, "Test task completed").await;
}

#[tokio::test]
async fn the_page_may_read_streams_of_this_gateway_and_of_no_other() {
    let demo = Demo::start().await;
    let gateway_url = format!("http://127.0.0.1:{}", demo.gateway.port());
    let api = Sender::new(demo.backend);

    let page = api.get("/").await;
    assert_eq!((page.status(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains(&format!("connect-src 'self' {gateway_url};")), "{policy}");
    let settings = api.get("/page/settings.json").await.json();
    assert_eq!(settings, json!({ "gateway_url": gateway_url, "testing": true }));

    let allowed = async |origin: &str| {
        let mut client = Client::connect(demo.gateway).await;
        let target = "/api/sse/utils/version?request_id=page";
        client.send(format!("GET {target} HTTP/1.1\r\nHost: demo.test\r\nOrigin: {origin}\r\n\r\n")).await;
        client.head().await.header("access-control-allow-origin").map(str::to_owned)
    };
    for host in ["localhost", "127.0.0.1"] {
        let origin = format!("http://{host}:{}", demo.backend.port());
        assert_eq!(allowed(&origin).await, Some(origin));
    }
    assert_eq!(allowed("http://elsewhere.example").await, None);
}

#[tokio::test]
async fn nobody_from_outside_can_send_to_its_streams() {
    let demo = Demo::start().await;
    let answer = Sender::new(demo.gateway).send(json!({ "token": "x" })).await;
    assert_eq!(answer.code(), (401, "UNAUTHORIZED".to_owned()));
}

#[tokio::test]
async fn a_signal_ends_tasks_then_streams_then_the_process() {
    let mut demo = Demo::start().await;
    let task_id = demo.start_task(json!({ "steps": 1, "delay": 3600 })).await;
    let mut task = demo.watch(&task_id).await;
    expect_connection_open(&mut task).await;
    for expected in &demo_task_events(1, "")[..2] {
        assert_eq!(&next_task_event(&mut task, &task_id).await, expected);
    }
    let mut version = demo.open("/api/sse/utils/version?request_id=page").await;
    expect_connection_open(&mut version).await;

    demo.process.signal(Signal::TERM);

    assert_eq!(next_task_event(&mut task, &task_id).await.kind, "task_cancelled");
    expect_ending(&mut task, "task_cancelled").await;
    assert_eq!(version.end().await, End::Clean);
    let exit = demo.process.wait_exit().await;
    assert_eq!(exit.code, Some(0), "{}", exit.output);
}
