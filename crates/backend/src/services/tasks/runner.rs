//! Runs one task to its end, whatever its code does.

use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::{sleep, timeout};
use tracing::Instrument;

use super::events::{self, Ending};
use super::table::Launch;
use super::{Progress, TaskError, TaskId, TaskService, TaskSettings};

/// Runs the task in its place; the task ends by its outcome, its timeout or a cancellation, whichever
/// comes first. The place is free when its code is gone.
pub(super) async fn run(service: TaskService, launch: Launch, progress: Progress) {
    let Launch { task_id, task, cancel } = launch;
    let settings = service.settings();
    // A child: what the task does to its token is its own business.
    let for_task = cancel.child_token();
    let code = async move { task.run(&progress, &for_task).await };
    // A task of its own, so that a panic is an outcome.
    let mut code = tokio::spawn(code.instrument(tracing::info_span!("task", %task_id)));
    let (ending, code_is_gone) = tokio::select! {
        biased;
        outcome = &mut code => (ending_of(task_id, outcome, settings), true),
        () = cancel.cancelled() => (Ending::Cancelled, false),
        () = sleep(settings.timeout) => (timed_out(task_id, settings.timeout), false),
    };
    service.end(task_id, ending);
    if !code_is_gone {
        cancel.cancel();
        if timeout(settings.cancel_grace, &mut code).await.is_err() {
            tracing::warn!(%task_id, "task did not stop when it was told to; it is dropped");
            code.abort();
            // The outcome no longer counts, only that the code is gone.
            let _ = code.await;
        }
    }
    service.vacate();
}

fn ending_of(
    task_id: TaskId,
    outcome: Result<Result<serde_json::Value, TaskError>, JoinError>,
    settings: &TaskSettings,
) -> Ending {
    let result = match outcome {
        Ok(Ok(result)) => result,
        Ok(Err(error)) => return failed(task_id, error),
        Err(panic) => return failed(task_id, TaskError::caused_by("Task failed unexpectedly", panic)),
    };
    let ending = Ending::Completed(result);
    let bytes = serde_json::to_vec(&ending.event(task_id)).map_or(usize::MAX, |text| text.len());
    if bytes > settings.result_bytes_max {
        let max = settings.result_bytes_max;
        return failed(task_id, TaskError::new(format!("Result too large: {bytes} bytes, at most {max}")));
    }
    ending
}

fn timed_out(task_id: TaskId, limit: Duration) -> Ending {
    failed(task_id, TaskError::new(format!("Task timed out after {} s", limit.as_secs_f64())))
}

/// The client gets the message, the log gets the cause, and both get the number that links them.
fn failed(task_id: TaskId, error: TaskError) -> Ending {
    let (mut message, cause) = error.into_parts();
    let error_id = events::error_id();
    tracing::error!(%task_id, error_id, error = message, cause = ?cause, "task failed");
    message.truncate(message.floor_char_boundary(ERROR_BYTES_MAX));
    Ending::Failed { error: message, error_id }
}

/// The longest error message that a client gets; a longer one is cut.
const ERROR_BYTES_MAX: usize = 16 << 10;
