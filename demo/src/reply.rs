//! Errors as every route answers them, and bodies as every route reads them.

use std::borrow::Cow;
use std::error::Error;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::json;

/// How much of what was sent is shown in an error.
const SHOWN_CHARS_MAX: usize = 100;

/// An error answer: `{"error":{"message":"..","code":".."}}`.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
}

impl ApiError {
    /// Says what is wrong; the code is for programs, the message for people.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// 404 for a route that does not exist.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "No such route")
    }

    /// 405 for a route that exists, with another method.
    pub(crate) fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "Method not allowed")
    }

    /// 400 for a kind of task that the demo does not have.
    pub(crate) fn unknown_task_type(task_type: &str) -> Self {
        let shown: String = task_type.chars().take(SHOWN_CHARS_MAX).collect();
        let message = format!("Unknown task type: {shown:?}; there are demo_task and failing_task");
        Self::new(StatusCode::BAD_REQUEST, "UNKNOWN_TASK_TYPE", message)
    }

    /// 400 for a body that is JSON of the wrong shape.
    pub(crate) fn invalid_body(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_BODY", message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "message": self.message, "code": self.code } });
        (self.status, Json(body)).into_response()
    }
}

/// A JSON body; what is none is refused as an [`ApiError`].
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Json(body) = Json::from_request(request, state).await?;
        Ok(Self(body))
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        match rejection {
            // Its source is what serde says, without what axum says around it.
            JsonRejection::JsonDataError(error) => {
                Self::invalid_body(error.source().map_or_else(|| error.body_text(), ToString::to_string))
            }
            _ if status == StatusCode::PAYLOAD_TOO_LARGE => {
                Self::new(status, "BODY_TOO_LARGE", "The body is too large")
            }
            other => Self::new(StatusCode::BAD_REQUEST, "INVALID_JSON", other.body_text()),
        }
    }
}

/// The id in the path.
pub(crate) struct Id(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(id) = Path::from_request_parts(parts, state).await?;
        Ok(Self(id))
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", rejection.body_text())
    }
}
