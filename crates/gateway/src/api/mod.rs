//! What the backend and the operator ask: sends, publishes, what streams listen to, metrics.
//!
//! Requests are parsed here, at the edge; what gets past is valid. Each route is a file; `body.rs` and
//! `lines.rs` are what they share.

mod body;
mod lines;
mod metrics;
mod route;
mod send;

use std::rc::Rc;

use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::internal;
use crate::reply::{self, Body};
use crate::routes::Peer;
use crate::worker::Worker;
use route::Route;

/// Answers a request below `/internal/`, if its caller may ask.
pub(crate) async fn answer(request: Request<Incoming>, peer: Peer, worker: &Rc<Worker>) -> Response<Body> {
    let access = &worker.shared.config.internal.access;
    let path = request.uri().path().to_owned();
    let route = Route::of(&path);
    if let Err((code, message)) = internal::admit(access, peer.address, request.headers()) {
        if let Some(Route::Send) = route
            && reads_body(&request)
        {
            worker.shared.metrics.send_rejected();
        }
        let refusal = reply::error(code, message);
        return if reads_body(&request) { reply::closing(refusal) } else { refusal };
    }
    match route {
        Some(route) if !route.allows(request.method()) => reply::method_not_allowed(route.methods()),
        Some(Route::Send) => send::send(request, worker).await,
        Some(Route::Metrics) => metrics::metrics(worker).await,
        None => reply::not_found(),
    }
}

/// Tells whether the request's body is read, unless it is refused.
pub(crate) fn reads_body<B>(request: &Request<B>) -> bool {
    Route::of(request.uri().path()).is_some_and(|route| route.reads_body(request.method()))
}
