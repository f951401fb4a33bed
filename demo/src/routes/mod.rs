//! Everything the backend's port answers: the page, the API, health, and the gateway's callbacks.

mod health;
mod tasks;
mod testing;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::MethodRouter;
use sse_gateway_backend::Backend;

use crate::page::{self, Page};
use crate::reply::ApiError;

/// How large a request to the API may be, in bytes; a larger one is 413 `BODY_TOO_LARGE`.
const BODY_BYTES_MAX: usize = 2 << 20;

/// Routes the whole port. The testing endpoints are there when the page says so.
pub(crate) fn router(backend: &Backend, page: Page) -> Router {
    let mut api = Router::new().merge(tasks::router()).merge(health::router());
    if page.testing {
        api = api.merge(testing::router());
    }
    api.layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(backend.clone())
        .merge(page::router(page))
        .merge(backend.callback_router())
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
}

/// A route of the API.
type Route = MethodRouter<Backend>;
