//! A task that takes its time and succeeds.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use sse_gateway_backend::services::tasks::{CancellationToken, Progress, Task, TaskError};
use tokio::time::sleep;

use super::params;
use crate::reply::ApiError;

/// Bounds how many events a task can be asked for.
const STEPS_MAX: u32 = 100_000;

/// How it is asked for.
#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Params {
    steps: u32,
    delay: f64,
    message: String,
}

impl Default for Params {
    fn default() -> Self {
        Self { steps: 3, delay: 0.1, message: "Test task completed".into() }
    }
}

/// Sleeps a while for each step, reports it, and gives its message back.
pub(super) struct DemoTask {
    steps: u32,
    delay: Duration,
    message: String,
}

impl DemoTask {
    /// Checks the parameters.
    pub(super) fn new(Params { steps, delay, message }: Params) -> Result<Self, ApiError> {
        if steps > STEPS_MAX {
            return Err(params::invalid(format!("params: steps must be at most {STEPS_MAX}")));
        }
        Ok(Self { steps, delay: params::delay(delay)?, message })
    }
}

#[async_trait]
impl Task for DemoTask {
    async fn run(&self, progress: &Progress, cancel: &CancellationToken) -> Result<Value, TaskError> {
        progress.report("Starting test task", 0.0)?;
        for step in 1..=self.steps {
            if cancel.run_until_cancelled(sleep(self.delay)).await.is_none() {
                return Err(TaskError::new("Cancelled"));
            }
            progress
                .report(format!("Step {step}/{}", self.steps), f64::from(step) / f64::from(self.steps))?;
        }
        Ok(json!({ "message": self.message, "steps_completed": self.steps, "status": "success" }))
    }
}
