//! A client connects: the backend is asked, and its answer opens a stream or refuses it.
//!
//! The question is a task of its own, carried to its end also when the client leaves: the engine
//! takes "client left" and "backend answered" in either order. In here is no rule of a stream; the
//! engine decides what an answer means. Read `opening.rs` next.

mod admission;
mod disconnect;
mod head;
mod judgement;
mod opening;
mod refusal;
mod request;
mod trouble;

use std::rc::Rc;
use std::time::Duration;

use http::Method;
use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::cors;
use crate::listener::Handoff;
use crate::reply::{self, Body};
use crate::worker::Worker;

pub(crate) use disconnect::{Disconnects, issue_all};

/// How long a client's input is discarded after its stream's end was written.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers a request for a stream's path; a stream that opens never gets back here.
pub(crate) async fn answer(
    request: Request<Incoming>,
    handoff: Rc<Handoff>,
    worker: Rc<Worker>,
) -> Response<Body> {
    let origins = &worker.shared.config.cors;
    let cors = cors::allow(origins, request.headers());
    let mut response = match *request.method() {
        Method::GET => opening::open(request, cors.clone(), handoff, Rc::clone(&worker)).await,
        Method::HEAD => head::without_stream(),
        Method::OPTIONS if cors.is_on() => cors::preflight(),
        _ if cors.is_on() => reply::method_not_allowed("GET, HEAD, OPTIONS"),
        _ => reply::method_not_allowed("GET, HEAD"),
    };
    cors.apply(response.headers_mut());
    response
}
