//! What a task is to its author.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Progress;

/// Work that runs in the background and reports on itself.
///
/// ```
/// use sse_gateway_backend::services::tasks::{CancellationToken, Progress, Task, TaskError};
///
/// struct Count(u32);
///
/// #[async_trait::async_trait]
/// impl Task for Count {
///     async fn run(
///         &self,
///         progress: &Progress,
///         _cancel: &CancellationToken,
///     ) -> Result<serde_json::Value, TaskError> {
///         for n in 1..=self.0 {
///             progress.report(format!("{n} of {}", self.0), f64::from(n) / f64::from(self.0))?;
///         }
///         Ok(serde_json::json!({ "counted": self.0 }))
///     }
/// }
/// ```
///
/// `run` is polled on the async runtime, so it must not block; work that does goes through
/// [`Blocking`].
#[async_trait]
pub trait Task: Send + Sync + 'static {
    /// Does the work. When `cancel` fires (cancelled, timed out, shutting down) the outcome no longer
    /// counts: tidy up and return; after `cancel_grace` the future is dropped.
    ///
    /// # Errors
    /// A [`TaskError`], whose message the client gets.
    async fn run(&self, progress: &Progress, cancel: &CancellationToken) -> Result<Value, TaskError>;
}

/// Work that blocks: computation, synchronous files or drivers.
pub trait BlockingTask: Send + Sync + 'static {
    /// Does the work on a thread of its own. Nothing can drop a thread: look at
    /// [`cancel.is_cancelled()`](CancellationToken::is_cancelled) between steps.
    ///
    /// # Errors
    /// A [`TaskError`], whose message the client gets.
    fn run(&self, progress: &Progress, cancel: &CancellationToken) -> Result<Value, TaskError>;
}

/// Makes a [`Task`] of a [`BlockingTask`] by running it on the runtime's pool for blocking work.
pub struct Blocking<T>(std::sync::Arc<T>);

impl<T: BlockingTask> Blocking<T> {
    /// Wraps blocking work.
    pub fn new(work: T) -> Self {
        Self(std::sync::Arc::new(work))
    }
}

#[async_trait]
impl<T: BlockingTask> Task for Blocking<T> {
    async fn run(&self, progress: &Progress, cancel: &CancellationToken) -> Result<Value, TaskError> {
        let (work, progress, cancel) = (self.0.clone(), progress.clone(), cancel.clone());
        match tokio::task::spawn_blocking(move || work.run(&progress, &cancel)).await {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(TaskError::caused_by("Task was stopped", error)),
            },
        }
    }
}

/// Why a task failed: a message for the client, and a cause for the log.
pub struct TaskError {
    message: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl TaskError {
    /// Makes an error whose message the client gets, as it is.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: None }
    }

    /// Makes an error with a cause that only the log gets, beside the `error_id` that both get.
    pub fn caused_by(message: impl Into<String>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { message: message.into(), cause: Some(cause.into()) }
    }

    pub(crate) fn into_parts(self) -> (String, Option<Box<dyn Error + Send + Sync>>) {
        (self.message, self.cause)
    }
}

impl fmt::Debug for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskError").field("message", &self.message).field("cause", &self.cause).finish()
    }
}
