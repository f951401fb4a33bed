//! Everything the backend's port answers: the page, the API, health, and the gateway's callbacks.

mod chats;
mod health;
mod tasks;
mod testing;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::MethodRouter;
use sse_gateway_backend::Backend;

use crate::chats::Chats;
use crate::page::{self, Page};
use crate::reply::ApiError;

/// How large a request to the API may be, in bytes; a larger one is 413 `BODY_TOO_LARGE`.
const BODY_BYTES_MAX: usize = 2 << 20;

/// Routes the whole port. The testing endpoints are there when the page says so.
pub(crate) fn router(backend: &Backend, chats: &Chats, page: Page) -> Router {
    let mut api = Router::new().merge(tasks::router()).merge(health::router());
    if page.testing {
        api = api.merge(testing::router());
    }
    api.with_state(backend.clone())
        .merge(chats::router().with_state(chats.clone()))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .merge(page::router(page))
        .merge(backend.callback_router())
        .fallback(async || ApiError::not_found())
        .method_not_allowed_fallback(async || ApiError::method_not_allowed())
        .layer(map_response(name_the_process))
}

/// Says which of several processes answered.
async fn name_the_process(mut response: Response) -> Response {
    response.headers_mut().insert(PROCESS, HeaderValue::from(std::process::id()));
    response
}

const PROCESS: HeaderName = HeaderName::from_static("backend-process");

/// A route of the API.
type Route = MethodRouter<Backend>;
