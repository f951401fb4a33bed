//! `GET /internal/metrics`, in the OpenMetrics text format.

use http::{HeaderValue, header};
use hyper::Response;
use sse_gateway_protocol::code::Code;

use crate::reply::{self, Body};
use crate::worker::Worker;

const CONTENT_TYPE: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

pub(super) async fn metrics(worker: &Worker) -> Response<Body> {
    let reports = worker.shared.reports().await;
    match worker.shared.metrics.encode(&reports, worker.shared.log.census()) {
        Ok(text) => {
            let mut response = Response::new(Body::whole(text));
            response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
            response
        }
        Err(error) => {
            tracing::error!(%error, "cannot encode metrics");
            reply::error(Code::InternalError, "Internal error")
        }
    }
}
