//! `/api/testing`: what tests and the page trigger; absent when `APP_ENV=production`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use sse_gateway_backend::Backend;
use sse_gateway_backend::connections::{Delivery, PublishError};
use sse_gateway_backend::services::versions::{AnnounceError, Version};

use super::tasks;
use crate::reply::{ApiError, Body};

/// Routes `/api/testing/*`.
pub(super) fn router() -> Router<Backend> {
    Router::new()
        .route("/api/testing/tasks/start", tasks::start_route())
        .route("/api/testing/deployments/version", post(announce))
}

#[derive(Deserialize)]
struct Announcement {
    request_id: String,
    #[serde(flatten)]
    version: Version,
}

#[derive(Serialize)]
struct Announced {
    #[serde(rename = "requestId")]
    request_id: String,
    delivered: bool,
    status: &'static str,
}

async fn announce(
    State(backend): State<Backend>,
    Body(Announcement { request_id, version }): Body<Announcement>,
) -> Result<(StatusCode, Json<Announced>), ApiError> {
    if version.version.is_empty() {
        return Err(ApiError::invalid_body("version must not be empty"));
    }
    let delivered = backend.versions().announce(&request_id, &version).await? == Delivery::Delivered;
    let status = if delivered { "delivered" } else { "queued" };
    Ok((StatusCode::ACCEPTED, Json(Announced { request_id, delivered, status })))
}

impl From<AnnounceError> for ApiError {
    fn from(error: AnnounceError) -> Self {
        match error {
            AnnounceError::RequestId(_) => Self::invalid_body(error.to_string()),
            AnnounceError::Publish(PublishError::TooLarge) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "EVENT_TOO_LARGE", "The version is too large")
            }
            AnnounceError::Publish(PublishError::Full) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "VERSIONS_FULL", "Too many versions are waiting")
            }
            AnnounceError::Publish(PublishError::Ended) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "SHUTTING_DOWN", "The backend is shutting down")
            }
        }
    }
}
