//! What most people write: axum's SSE response, a channel a stream, a broadcast for a topic.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{BroadcastStream, ReceiverStream};

use crate::Outcome;

/// What a stream may have waiting; past it a send is refused.
const STREAM_EVENTS_MAX: usize = 64;
/// What the slowest listener of the topic may be behind; past it, it loses events.
const TOPIC_EVENTS_MAX: usize = 1024;

struct Hub {
    streams: Mutex<HashMap<String, mpsc::Sender<String>>>,
    topic: broadcast::Sender<String>,
    heartbeat: Duration,
}

/// Serves until the process ends.
pub(crate) fn serve(port: u16, heartbeat: Duration) -> Outcome<()> {
    // As many threads as the process may use cores.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let topic = broadcast::Sender::new(TOPIC_EVENTS_MAX);
    let hub = Arc::new(Hub { streams: Mutex::default(), topic, heartbeat });
    let routes = Router::new()
        .route("/s/{name}", get(stream))
        .route("/internal/send", post(send))
        .route("/publish", post(publish))
        .with_state(hub);
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let listener = listener.tap_io(|socket| {
            // It fails only for a connection that has ended.
            let _ = socket.set_nodelay(true);
        });
        Ok(axum::serve(listener, routes).await?)
    })
}

async fn stream(Path(name): Path<String>, State(hub): State<Arc<Hub>>) -> Response {
    let keep_alive = KeepAlive::new().interval(hub.heartbeat).text("heartbeat");
    if name == "all" {
        let events = BroadcastStream::new(hub.topic.subscribe());
        // A listener that is too far behind is told so, and goes on with what is left.
        let events = events.filter_map(Result::ok).map(event);
        return Sse::new(events).keep_alive(keep_alive).into_response();
    }
    let (sender, receiver) = mpsc::channel(STREAM_EVENTS_MAX);
    hub.streams.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), sender);
    let registered = Registered { hub, name };
    let events = ReceiverStream::new(receiver).map(move |data| {
        let _held_as_long_as_the_stream = &registered;
        event(data)
    });
    Sse::new(events).keep_alive(keep_alive).into_response()
}

fn event(data: String) -> Result<Event, Infallible> {
    Ok(Event::default().data(data))
}

/// A stream's entry in the table; dropped, it goes.
struct Registered {
    hub: Arc<Hub>,
    name: String,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.hub.streams.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

#[derive(Deserialize)]
struct Send {
    token: String,
    event: Data,
}

#[derive(Deserialize)]
struct Data {
    data: String,
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

const OK: Json<Status> = Json(Status { status: "ok" });

async fn send(State(hub): State<Arc<Hub>>, Json(send): Json<Send>) -> Response {
    let sender = hub.streams.lock().unwrap_or_else(PoisonError::into_inner).get(&send.token).cloned();
    match sender.map(|sender| sender.try_send(send.event.data)) {
        Some(Ok(())) => OK.into_response(),
        Some(Err(mpsc::error::TrySendError::Full(_))) => StatusCode::TOO_MANY_REQUESTS.into_response(),
        Some(Err(mpsc::error::TrySendError::Closed(_))) | None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn publish(State(hub): State<Arc<Hub>>, Json(publish): Json<Data>) -> Json<Status> {
    // It fails only when nobody listens.
    let _ = hub.topic.send(publish.data);
    OK
}
