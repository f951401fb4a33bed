//! What the backend and the operator ask: sends, publishes, what streams listen to, metrics.
//!
//! Requests are parsed here, at the edge; what gets past is valid. Each route has a file; `body.rs`,
//! `lines.rs` and `refusal.rs` are what they share. Read `route.rs` first.

mod body;
mod lines;
mod metrics;
mod pipe;
mod publish;
mod refusal;
mod route;
mod send;
mod streams;
mod topics;

use std::rc::Rc;

use hyper::body::Incoming;
use hyper::{Request, Response};
use sse_gateway_protocol::code::Code;

use crate::internal;
use crate::reply::{self, Body};
use crate::routes::Peer;
use crate::worker::Worker;
use route::Route;

/// Answers a request below `/internal/`, if its caller may ask.
pub(crate) async fn answer(request: Request<Incoming>, peer: Peer, worker: &Rc<Worker>) -> Response<Body> {
    let access = &worker.shared.config.internal.access;
    // The request goes to whoever reads its body.
    let path = request.uri().path().to_owned();
    let route = Route::of(&path);
    if let Err((code, message)) = internal::admit(access, peer.address, request.headers()) {
        let refusal = reply::error(code, message);
        if !reads_body(&request) {
            return refusal;
        }
        count_refused(route, code, worker);
        return reply::closing(refusal);
    }
    match route {
        Some(route) if !route.allows(request.method()) => reply::method_not_allowed(route.methods()),
        Some(Route::Send) => send::send(request, worker).await,
        Some(Route::Publish) => publish::publish(request, worker).await,
        Some(Route::Close) => {
            streams::close(request, worker).await.unwrap_or_else(|refused| refused.answer())
        }
        Some(Route::StreamTopics(token)) => {
            streams::change(token, request, worker).await.unwrap_or_else(|refused| refused.answer())
        }
        Some(Route::Topic(name)) => topics::answer(name, request.method(), worker).await,
        Some(Route::Metrics) => metrics::metrics(worker).await,
        None => reply::not_found(),
    }
}

/// Tells whether the request's body is read, unless it is refused.
pub(crate) fn reads_body<B>(request: &Request<B>) -> bool {
    Route::of(request.uri().path()).is_some_and(|route| route.reads_body(request.method()))
}

fn count_refused(route: Option<Route<'_>>, code: Code, worker: &Worker) {
    match route {
        Some(Route::Send) => worker.shared.metrics.send_rejected(),
        Some(Route::Publish) => worker.shared.metrics.topics.publish_refused(code),
        _ => {}
    }
}
