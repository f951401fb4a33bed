//! A task that fails, so that one can see how that arrives.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use sse_gateway_backend::services::tasks::{CancellationToken, Progress, Task, TaskError};
use tokio::time::sleep;

use super::params;
use crate::reply::ApiError;

/// How it is asked for.
#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Params {
    error_message: String,
    delay: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { error_message: "Test error".into(), delay: 0.1 }
    }
}

/// Sleeps a while, then fails with its message.
pub(super) struct FailingTask {
    error_message: String,
    delay: Duration,
}

impl FailingTask {
    /// Checks the parameters.
    pub(super) fn new(Params { error_message, delay }: Params) -> Result<Self, ApiError> {
        Ok(Self { error_message, delay: params::delay(delay)? })
    }
}

#[async_trait]
impl Task for FailingTask {
    async fn run(&self, progress: &Progress, cancel: &CancellationToken) -> Result<Value, TaskError> {
        progress.report("Starting failing task", 0.0)?;
        cancel.run_until_cancelled(sleep(self.delay)).await;
        Err(TaskError::new(&self.error_message))
    }
}
