//! The axum adapter.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use sse_gateway_protocol::features;

use super::{CallbackAnswer, CallbackRequest, Callbacks, PATH};

/// The largest callback body, in bytes; the gateway's heads are far smaller. A larger one is 413.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Makes the router of `POST /api/sse/callback`.
pub fn router(callbacks: Arc<Callbacks>) -> Router {
    let route = post(handle).fallback(wrong_method).layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
    Router::new().route(PATH, route).with_state(callbacks)
}

async fn handle(
    State(callbacks): State<Arc<Callbacks>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> CallbackAnswer {
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return CallbackAnswer::error(413, "BODY_TOO_LARGE", "The body is too large");
        }
        Err(rejection) => return CallbackAnswer::error(400, "BAD_REQUEST", &rejection.body_text()),
    };
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let request = CallbackRequest {
        authorization: text(AUTHORIZATION.as_str()),
        query: query.as_deref(),
        features: text(features::HEADER),
        body: &body,
    };
    callbacks.handle(request).await
}

async fn wrong_method() -> CallbackAnswer {
    CallbackAnswer::error(405, "METHOD_NOT_ALLOWED", "Callbacks are posted")
}

impl IntoResponse for CallbackAnswer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(CONTENT_TYPE, "application/json")], self.body).into_response()
    }
}
