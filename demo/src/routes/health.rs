//! Health for whoever restarts and routes, metrics for whoever watches.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use sse_gateway_backend::Backend;

/// Routes `/api/health/*` and `/metrics`.
pub(super) fn router() -> Router<Backend> {
    Router::new()
        .route("/api/health/healthz", get(healthz))
        .route("/api/health/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

/// Says that the process answers, whatever else is wrong.
async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Says whether requests should come here: not once a shutdown has begun. A gateway that is away is
/// told, but takes nothing from the readiness: tasks run, and their events wait for it.
async fn readyz(State(backend): State<Backend>) -> (StatusCode, Json<Value>) {
    let readiness = backend.readiness().await;
    let (status, word) = if readiness.is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not_ready")
    };
    (status, Json(json!({ "status": word, "gateway_reachable": readiness.gateway_reachable })))
}

async fn metrics(State(backend): State<Backend>) -> impl IntoResponse {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, OPEN_METRICS)], backend.metrics_text())
}
