//! A stand-in of the original gateway, the Node sidecar that ours replaces.
//!
//! Backends must work with both, so their suite runs against both. It keeps the original's ways
//! where ours differ (the rows marked **ours** in the protocol):
//! - no `SSE-Gateway-Features`; `events`, `retry_ms` are unknown members and ignored; no `opened`;
//! - a close is answered, and its stream ended, only after its disconnect callback was answered; until
//!   then the token is known, and what is sent to it is acknowledged and lost;
//! - a client that leaves while its connect is under way is forgotten without a disconnect;
//! - a client that leaves during a close causes a second disconnect;
//! - data is split on LF only; no first comment; the body limit is 100 kB; `*` for every origin.
//!
//! `streams` holds the open responses, `connect` asks the backend, `send` takes its events.

mod callback;
mod connect;
mod send;
mod streams;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use http_body_util::Full;
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::Endpoint;
use callback::Backend;
use streams::Streams;

type Response = hyper::Response<BoxBody<Bytes, Infallible>>;

const HEARTBEAT_INTERVAL_DEFAULT: Duration = Duration::from_secs(15);

/// A running stand-in, inside the test's own process; dropping it cuts every connection.
pub struct Original {
    address: SocketAddr,
    acceptor: JoinHandle<()>,
}

/// What the requests share.
struct Shared {
    backend: Option<Backend>,
    streams: Streams,
    heartbeat_interval: Duration,
}

impl Original {
    /// Starts on a free loopback port; takes the settings `CALLBACK_URL` and `HEARTBEAT_INTERVAL_SECONDS`.
    ///
    /// # Panics
    /// When another setting is given, or a value is none.
    pub async fn start<N: AsRef<str>, V: AsRef<str>>(settings: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut backend = None;
        let mut heartbeat_interval = HEARTBEAT_INTERVAL_DEFAULT;
        for (name, value) in settings {
            match (name.as_ref(), value.as_ref()) {
                ("CALLBACK_URL", url) => backend = Some(Backend::at(url)),
                ("HEARTBEAT_INTERVAL_SECONDS", seconds) => {
                    heartbeat_interval = Duration::from_secs(seconds.parse().expect("seconds"));
                }
                (name, _) => panic!("the original has no setting {name}"),
            }
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared { backend, streams: Streams::default(), heartbeat_interval });
        Self { address, acceptor: tokio::spawn(accept(listener, shared)) }
    }
}

impl Endpoint for Original {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(route(request, shared).await) }
    });
    // Its failure is the client's going.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn route(request: Request<Incoming>, shared: Arc<Shared>) -> Response {
    let mut response = match (request.method(), request.uri().path()) {
        (&Method::GET, "/healthz") => json_answer(StatusCode::OK, &json!({"status": "ok"})),
        (&Method::GET, "/readyz") => match shared.backend {
            Some(_) => json_answer(StatusCode::OK, &json!({"status": "ready", "configured": true})),
            None => json_answer(
                StatusCode::SERVICE_UNAVAILABLE,
                &json!({"status": "not_ready", "configured": false}),
            ),
        },
        (&Method::POST, "/internal/send") => send::send(request.into_body(), &shared).await,
        (&Method::GET, _) => connect::connect(&request, shared).await,
        (method, path) => {
            let page = format!("<!DOCTYPE html>\n<pre>Cannot {method} {path}</pre>\n");
            answer(StatusCode::NOT_FOUND, "text/html; charset=utf-8", page)
        }
    };
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    json_answer(status, &json!({"error": {"message": message, "code": code}}))
}

fn json_answer(status: StatusCode, body: &serde_json::Value) -> Response {
    answer(status, "application/json; charset=utf-8", body.to_string())
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Full::new(Bytes::from(body)).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
