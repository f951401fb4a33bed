//! The demo's tasks: what a backend does in the background while a page watches.
//!
//! [`make`] reads a task from a request; each task has a file of its own.

mod demo_task;
mod failing_task;
pub(crate) mod params;

use serde_json::Value;
use sse_gateway_backend::services::tasks::Task;

use crate::reply::ApiError;
use demo_task::DemoTask;
use failing_task::FailingTask;

/// Makes a task of a kind; parameters that are left out take their defaults.
///
/// # Errors
/// 400 for an unknown kind, and for parameters that the kind does not take.
pub(crate) fn make(task_type: &str, params: Option<Value>) -> Result<Box<dyn Task>, ApiError> {
    match task_type {
        "demo_task" => Ok(Box::new(DemoTask::new(params::read(params)?)?)),
        "failing_task" => Ok(Box::new(FailingTask::new(params::read(params)?)?)),
        _ => Err(ApiError::unknown_task_type(task_type)),
    }
}
