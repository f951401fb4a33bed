//! `/api/tasks`: start, look at, cancel and remove tasks.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sse_gateway_backend::Backend;
use sse_gateway_backend::services::tasks::{StartTaskError, Status, TaskId, TaskReport, TaskStateError};

use super::Route;
use crate::reply::{ApiError, Body, Id};
use crate::tasks;

/// Routes `/api/tasks*`.
pub(super) fn router() -> Router<Backend> {
    Router::new()
        .route("/api/tasks", start_route())
        .route("/api/tasks/{id}", delete(remove))
        .route("/api/tasks/{id}/status", get(status))
        .route("/api/tasks/{id}/cancel", post(cancel))
}

/// Starts a task; the testing endpoints have it too.
pub(super) fn start_route() -> Route {
    post(start)
}

#[derive(Deserialize)]
struct StartRequest {
    task_type: String,
    params: Option<Value>,
}

#[derive(Serialize)]
struct Started {
    task_id: TaskId,
    stream_url: String,
    status: Status,
}

async fn start(
    State(backend): State<Backend>,
    Body(request): Body<StartRequest>,
) -> Result<Json<Started>, ApiError> {
    let task = tasks::make(&request.task_type, request.params)?;
    let task_id = backend.tasks().submit(task).await?;
    let stream_url = format!("/api/sse/tasks?task_id={task_id}");
    Ok(Json(Started { task_id, stream_url, status: Status::Pending }))
}

async fn status(State(backend): State<Backend>, Id(id): Id) -> Result<Json<TaskReport>, ApiError> {
    let report = backend.tasks().report(task_id(&id)?).ok_or(TaskStateError::Unknown)?;
    Ok(Json(report))
}

async fn cancel(State(backend): State<Backend>, Id(id): Id) -> Result<Json<TaskReport>, ApiError> {
    Ok(Json(backend.tasks().cancel(task_id(&id)?)?))
}

/// Answers with what the task was, as it is the last time that anybody can ask.
async fn remove(State(backend): State<Backend>, Id(id): Id) -> Result<Json<TaskReport>, ApiError> {
    let id = task_id(&id)?;
    let report = backend.tasks().report(id).ok_or(TaskStateError::Unknown)?;
    backend.tasks().remove(id)?;
    Ok(Json(report))
}

fn task_id(text: &str) -> Result<TaskId, TaskStateError> {
    TaskId::parse(text).ok_or(TaskStateError::Unknown)
}

impl From<TaskStateError> for ApiError {
    fn from(error: TaskStateError) -> Self {
        let (code, message) = match error {
            TaskStateError::Unknown => ("TASK_NOT_FOUND", "Task not found"),
            TaskStateError::Ended => ("TASK_ENDED", "Task has ended"),
            TaskStateError::NotEnded => ("TASK_NOT_FINISHED", "Task is not finished"),
        };
        Self::new(StatusCode::NOT_FOUND, code, message)
    }
}

impl From<StartTaskError> for ApiError {
    fn from(error: StartTaskError) -> Self {
        match error {
            StartTaskError::Full => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "TASKS_FULL", "Too many tasks are waiting")
            }
            StartTaskError::ShuttingDown => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "SHUTTING_DOWN", "The backend is shutting down")
            }
        }
    }
}
