//! Which part answers a request.

use std::net::IpAddr;
use std::rc::Rc;

use http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Response};
use sse_gateway_protocol::code::Code;
use sse_gateway_protocol::features;

use crate::listener::Handoff;
use crate::reply::Body;
use crate::worker::Worker;
use crate::{api, connect, reply};

/// Which listener a connection came in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// The only one: it serves everything.
    Shared,
    /// The public one beside an internal one: it knows nothing of `/internal/*`.
    Public,
    /// The internal one: it serves no streams.
    Internal,
}

/// Who is asking.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) port: Port,
}

const FEATURES: HeaderName = HeaderName::from_static(features::HEADER);

/// Answers a request; one that becomes a stream is never answered here.
pub(crate) async fn answer(
    request: Request<Incoming>,
    peer: Peer,
    handoff: Rc<Handoff>,
    worker: Rc<Worker>,
) -> Response<Body> {
    if is_ambiguous(&request) {
        return reply::closing(reply::error(Code::BadRequest, "Ambiguous Host or Transfer-Encoding"));
    }
    // No other body is read, and hyper may close instead of reading past it.
    let leaves_body = !api::reads_body(&request) && !request.body().is_end_stream();
    let response = route(request, peer, handoff, Rc::clone(&worker)).await;
    let is_last = leaves_body || worker.shared.draining.is_cancelled();
    if is_last { reply::closing(response) } else { response }
}

/// Tells whether a proxy in front could take the request for another one: hyper lets a missing and a
/// second `Host` pass, and codings before or beside `chunked`.
fn is_ambiguous(request: &Request<Incoming>) -> bool {
    let headers = request.headers();
    let hosts = headers.get_all(header::HOST).iter().count();
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let chunked_alone =
        codings.next().is_none_or(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
            && codings.next().is_none();
    hosts > 1 || hosts == 0 && request.version() == Version::HTTP_11 || !chunked_alone
}

async fn route(
    request: Request<Incoming>,
    peer: Peer,
    handoff: Rc<Handoff>,
    worker: Rc<Worker>,
) -> Response<Body> {
    let path = request.uri().path();
    let mut response = match (path, peer.port) {
        ("/healthz", _) => healthz(request.method()),
        ("/readyz", _) => readyz(request.method(), &worker),
        (path, Port::Shared | Port::Internal) if path.starts_with("/internal/") => {
            api::answer(request, peer, &worker).await
        }
        (path, _) if path.starts_with("/internal/") => return reply::not_found(),
        (_, Port::Internal) => return reply::not_found(),
        (_, Port::Shared | Port::Public) => return connect::answer(request, handoff, worker).await,
    };
    response.headers_mut().insert(FEATURES, HeaderValue::from_static(features::OFFERED));
    response
}

fn healthz(method: &Method) -> Response<Body> {
    match *method {
        Method::GET | Method::HEAD => reply::json(StatusCode::OK, r#"{"status":"ok"}"#),
        _ => reply::method_not_allowed("GET, HEAD"),
    }
}

fn readyz(method: &Method, worker: &Worker) -> Response<Body> {
    let configured = worker.callbacks.is_some();
    let ready = configured && !worker.shared.draining.is_cancelled();
    match *method {
        Method::GET | Method::HEAD if ready => {
            reply::json(StatusCode::OK, r#"{"status":"ready","configured":true}"#)
        }
        Method::GET | Method::HEAD => reply::json(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(r#"{{"status":"not_ready","configured":{configured}}}"#),
        ),
        _ => reply::method_not_allowed("GET, HEAD"),
    }
}
