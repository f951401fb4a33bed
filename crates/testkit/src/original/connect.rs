//! A client asks for a stream.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval_at};

use super::callback::NoAnswer;
use super::send::end;
use super::streams::{Opened, ResponseBody, encode};
use super::{Response, Shared, error};

pub(super) async fn connect(request: &Request<Incoming>, shared: Arc<Shared>) -> Response {
    if shared.backend.is_none() {
        return error(StatusCode::SERVICE_UNAVAILABLE, "SERVICE_NOT_CONFIGURED", "Service not configured");
    }
    let token = uuid::Uuid::new_v4().to_string();
    let request = describe(request);
    shared.streams.add(&token, request.clone());
    let leaving = Leaving { token: token.clone(), shared: Arc::clone(&shared) };
    // The callback goes on when the client leaves, which drops this future.
    let task = tokio::spawn(ask(token, request, shared));
    let response = task.await.expect("asking does not panic");
    drop(leaving);
    response
}

async fn ask(token: String, request: Value, shared: Arc<Shared>) -> Response {
    let backend = shared.backend.as_ref().expect("checked before");
    let outcome = backend.connect(&token, &request).await;
    let refusal = match outcome {
        Ok((status, body)) if status.is_success() => return open(&token, &body, shared),
        Ok((StatusCode::UNAUTHORIZED, _)) => {
            error(StatusCode::UNAUTHORIZED, "BACKEND_AUTH_FAILED", "Backend returned 401")
        }
        Ok((StatusCode::FORBIDDEN, _)) => {
            error(StatusCode::FORBIDDEN, "BACKEND_FORBIDDEN", "Backend returned 403")
        }
        Ok((status, _)) => error(status, "BACKEND_ERROR", &format!("Backend returned {}", status.as_u16())),
        Err(NoAnswer::Timeout) => error(StatusCode::GATEWAY_TIMEOUT, "GATEWAY_TIMEOUT", "Gateway timeout"),
        Err(NoAnswer::Unavailable) => {
            error(StatusCode::SERVICE_UNAVAILABLE, "BACKEND_UNAVAILABLE", "Backend unavailable")
        }
    };
    shared.streams.forget_opening(&token);
    refusal
}

fn open(token: &str, answer: &[u8], shared: Arc<Shared>) -> Response {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let first = answer["event"]["data"].is_string().then(|| encode(&answer["event"]));
    let Some(Opened { frames, body, over, close }) = shared.streams.open(token, first) else {
        // The client has left; nobody sees this.
        return Response::default();
    };
    let token = token.to_owned();
    let close = close || answer["close"] == true;
    tokio::spawn(async move {
        if close {
            end(&token, &shared).await;
        } else {
            live(&token, frames, over, &shared).await;
        }
    });
    stream_head(body)
}

/// Heartbeats until the stream is over.
async fn live(
    token: &str,
    frames: mpsc::WeakSender<Bytes>,
    mut over: oneshot::Receiver<()>,
    shared: &Shared,
) {
    let interval = shared.heartbeat_interval;
    let mut heartbeats = interval_at(Instant::now() + interval, interval);
    loop {
        tokio::select! {
            _ = heartbeats.tick() => {
                let Some(frames) = frames.upgrade() else { return };
                let _ = frames.send(Bytes::from_static(b": heartbeat\n\n")).await;
            }
            _ = &mut over => return client_left(token, shared).await,
        }
    }
}

/// During a close the stream is still there: the second disconnect of the original.
async fn client_left(token: &str, shared: &Shared) {
    let request = shared.streams.lock().get(token).map(|stream| stream.request.clone());
    if let (Some(request), Some(backend)) = (request, &shared.backend) {
        shared.streams.lock().remove(token);
        backend.disconnect(token, &request, "client_closed").await;
    }
}

fn stream_head(body: ResponseBody) -> Response {
    let mut response = Response::new(body.boxed());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn describe(request: &Request<Incoming>) -> Value {
    let mut headers = Map::new();
    for name in request.headers().keys() {
        let separator = if name == header::COOKIE { "; " } else { ", " };
        let values = request.headers().get_all(name).iter();
        let texts = values.map(|value| value.as_bytes().iter().map(|&byte| char::from(byte)).collect());
        headers.insert(name.to_string(), Value::String(texts.collect::<Vec<String>>().join(separator)));
    }
    json!({"url": request.uri().to_string(), "headers": headers})
}

/// Dropped with the request when its client leaves.
struct Leaving {
    token: String,
    shared: Arc<Shared>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.shared.streams.forget_opening(&self.token);
    }
}
