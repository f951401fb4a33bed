//! The axum adapter.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use sse_gateway_protocol::features;

use super::{CallbackAnswer, CallbackRequest, Callbacks, PATH};

/// The largest callback body, in bytes; the gateway's heads are far smaller. Larger is 413.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Makes the router of `POST /api/sse/callback`.
pub fn router(callbacks: Arc<Callbacks>) -> Router {
    Router::new().route(PATH, post(handle)).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(callbacks)
}

async fn handle(
    State(callbacks): State<Arc<Callbacks>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> CallbackAnswer {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let request = CallbackRequest {
        authorization: text(AUTHORIZATION.as_str()),
        query: query.as_deref(),
        features: text(features::HEADER),
        body: &body,
    };
    callbacks.handle(request).await
}

impl IntoResponse for CallbackAnswer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(CONTENT_TYPE, "application/json")], self.body).into_response()
    }
}
