//! `/api/chats`: ask the model.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use sse_gateway_backend::connections::PipeError;

use crate::chats::{AskError, Chats};
use crate::reply::{ApiError, Body};
use crate::tasks::params;

/// How long a question may be, in bytes.
const PROMPT_BYTES_MAX: usize = 4096;

/// Routes `/api/chats`.
pub(super) fn router() -> Router<Chats> {
    Router::new().route("/api/chats", post(ask))
}

#[derive(Deserialize)]
struct Question {
    prompt: String,
    /// Seconds.
    #[serde(default = "Question::token_delay")]
    token_delay: f64,
}

impl Question {
    fn token_delay() -> f64 {
        0.08
    }
}

#[derive(Serialize)]
struct Asked {
    chat_id: String,
    stream_url: String,
}

async fn ask(State(chats): State<Chats>, Body(question): Body<Question>) -> Result<Json<Asked>, ApiError> {
    if question.prompt.trim().is_empty() || question.prompt.len() > PROMPT_BYTES_MAX {
        return Err(ApiError::invalid_body(format!("prompt must have 1 to {PROMPT_BYTES_MAX} bytes")));
    }
    let chat_id = chats.ask(&question.prompt, params::delay(question.token_delay)?).await?;
    let stream_url = format!("/api/sse/chats?chat_id={chat_id}");
    Ok(Json(Asked { chat_id: chat_id.to_string(), stream_url }))
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        let (status, code, message) = match error {
            AskError::Full => (StatusCode::TOO_MANY_REQUESTS, "CHATS_FULL", "Too many answers are under way"),
            AskError::Pipe(PipeError::NoTopics) => {
                (StatusCode::NOT_IMPLEMENTED, "TOPICS_NEEDED", "Chats need a gateway with topics")
            }
            AskError::Pipe(PipeError::NotConnected | PipeError::Broken | PipeError::Refused { .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "GATEWAY_UNAVAILABLE", "The gateway does not take it now")
            }
        };
        Self::new(status, code, message)
    }
}
