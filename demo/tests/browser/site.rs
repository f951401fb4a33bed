//! The demo as the browser sees it: a page, and a gateway behind a wire that the test can cut.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;
use sse_gateway_testkit::{Client, End, Gateway, Process, Relay, Signal, binary, free_port};

const SECRET: &str = "both-halves-know-it";

type Start = (&'static [&'static str], Vec<(&'static str, String)>);

/// A running demo; ended when dropped.
pub(crate) struct Site {
    /// Where the page is.
    pub(crate) url: String,
    /// Between the browser and the gateway.
    pub(crate) wire: Relay,
    gateway: SocketAddr,
    demo: Process,
    /// How the demo was started.
    start: Start,
    _gateway: Option<Gateway>,
}

impl Site {
    /// The gateway and the backend in one process.
    pub(crate) async fn of_one_process() -> Self {
        let gateway = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (wire, port) = (Relay::start(gateway), free_port());
        let environment = vec![
            ("PORT", gateway.port().to_string()),
            ("BACKEND_PORT", port.to_string()),
            ("PUBLIC_GATEWAY_URL", format!("http://{}", wire.address())),
        ];
        let start: Start = (&[], environment);
        let demo = start_demo(&start).await;
        Self { url: format!("http://localhost:{port}/"), wire, gateway, demo, start, _gateway: None }
    }

    /// A gateway, and a backend of two processes on one port.
    pub(crate) async fn of_two_processes() -> Self {
        let port = free_port();
        let running = Gateway::start([
            ("CALLBACK_URL", format!("http://127.0.0.1:{port}/api/sse/callback").as_str()),
            ("CALLBACK_SECRET", SECRET),
            ("INTERNAL_SECRET", SECRET),
            ("CORS_ALLOW_ORIGIN", &format!("http://localhost:{port}")),
        ])
        .await;
        let gateway = sse_gateway_testkit::Endpoint::address(&running);
        let wire = Relay::start(gateway);
        let environment = vec![
            ("PORT", port.to_string()),
            ("SSE_GATEWAY_URL", format!("http://{gateway}")),
            ("PUBLIC_GATEWAY_URL", format!("http://{}", wire.address())),
            ("SSE_GATEWAY_SECRET", SECRET.to_owned()),
            ("SSE_CALLBACK_SECRET", SECRET.to_owned()),
        ];
        let start: Start = (&["backend", "--processes", "2"], environment);
        let demo = start_demo(&start).await;
        let url = format!("http://localhost:{port}/");
        Self { url, wire, gateway, demo, start, _gateway: Some(running) }
    }

    /// Ends the backend's processes; the gateway and its streams stay.
    pub(crate) async fn stop_backend(&mut self) {
        self.demo.signal(Signal::TERM);
        self.demo.wait_exit().await;
    }

    /// Starts them again, at the same place.
    pub(crate) async fn start_backend(&mut self) {
        self.demo = start_demo(&self.start).await;
    }

    /// Gives what the model said in a chat, to its end, as the gateway tells it to somebody new.
    pub(crate) async fn answer(&self, chat_id: &str) -> String {
        let target = format!("/api/sse/chats?chat_id={chat_id}");
        let mut client = Client::open(self.gateway, &target).await.without_cursors();
        let (events, end) = client.remaining_events().await;
        assert_eq!(end, End::Clean);
        let read = |data: &str| serde_json::from_str::<Value>(data).ok();
        let contents = events.iter().filter(|event| event.name.is_empty());
        contents
            .filter_map(|event| {
                Some(read(&event.data)?["choices"][0]["delta"]["content"].as_str()?.to_owned())
            })
            .collect()
    }
}

async fn start_demo((arguments, environment): &Start) -> Process {
    let path = binary("sse-gateway-demo", "sse-gateway-demo");
    let demo = Process::start(&path, *arguments, environment.iter().map(|(name, value)| (name, value)));
    demo.wait_output("SSE Gateway demo: open").await;
    demo
}
