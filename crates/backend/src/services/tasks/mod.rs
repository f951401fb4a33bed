//! Background tasks whose progress a client can watch.

mod progress;
mod task;

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use sse_gateway_protocol::callback::StoredRequest;
use tokio::time::Instant;

use super::{Admission, Service};
use crate::Identifier;
use crate::connections::{ConnectionManager, IfMissing};

pub use progress::{Progress, ProgressError};
pub use task::{Blocking, BlockingTask, Task, TaskError};
pub use tokio_util::sync::CancellationToken;

/// Bounds of the task service.
#[derive(Clone, Debug)]
pub struct TaskSettings {
    /// How many tasks run at once, `TASKS_RUNNING_MAX`. Default 4.
    pub running_max: usize,
    /// How many wait for their turn, `TASKS_PENDING_MAX`; past it starting is refused. Default 1,000.
    pub pending_max: usize,
    /// How many finished tasks are remembered, `TASKS_FINISHED_MAX`; past it the one that finished
    /// first is forgotten early. Default 1,000.
    pub finished_max: usize,
    /// How long a task may run, `TASK_TIMEOUT_SECONDS`. Default 300 s.
    pub timeout: Duration,
    /// How long a finished task is remembered, `TASK_FORGET_SECONDS`. Default 600 s.
    pub forget_after: Duration,
    /// How long a task that is cancelled or timed out may tidy up before it is dropped. Default 5 s.
    pub cancel_grace: Duration,
    /// The largest result, in bytes as it stands in the request to the gateway; a task with a larger
    /// one fails and says so. Default 512 KiB, half of what a gateway takes by default.
    pub result_bytes_max: usize,
}

impl Default for TaskSettings {
    fn default() -> Self {
        Self {
            running_max: 4,
            pending_max: 1_000,
            finished_max: 1_000,
            timeout: Duration::from_secs(300),
            forget_after: Duration::from_secs(600),
            cancel_grace: Duration::from_secs(5),
            result_bytes_max: 512 << 10,
        }
    }
}

/// Names a task: a random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct TaskId(#[serde(serialize_with = "display")] uuid::Uuid);

fn display<S: serde::Serializer>(uuid: &uuid::Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(uuid)
}

impl TaskId {
    /// Reads an id in its canonical form; anything else names no task.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = uuid::Uuid::try_parse(text).ok()?;
        (uuid.to_string() == text).then_some(Self(uuid))
    }
}

impl std::fmt::Display for TaskId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It waits for its turn.
    Pending,
    /// It runs.
    Running,
    /// It gave a result.
    Completed,
    /// It gave an error, ran too long, or panicked.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// A task as it is reported; serialises to the body of a status answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskReport {
    /// The task.
    pub task_id: TaskId,
    /// How far it is.
    pub status: Status,
    /// When it began to run, RFC 3339 with `Z`; `None` while pending.
    pub start_time: Option<String>,
    /// When it ended, RFC 3339 with `Z`.
    pub end_time: Option<String>,
    /// What it gave, when completed.
    pub result: Option<serde_json::Value>,
    /// What the client was told, when failed.
    pub error: Option<String>,
}

/// Why a task is not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartTaskError {
    /// As many tasks wait as `TASKS_PENDING_MAX` allows: 429 `TASKS_FULL`.
    #[error("too many tasks are waiting")]
    Full,
    /// A shutdown has begun: 503 `SHUTTING_DOWN`.
    #[error("the backend is shutting down")]
    ShuttingDown,
}

/// Why a task is not cancelled or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskStateError {
    /// No such task, or it was forgotten.
    #[error("no such task")]
    Unknown,
    /// Only a task that has not ended can be cancelled.
    #[error("the task has ended")]
    Ended,
    /// Only a task that has ended can be removed.
    #[error("the task has not ended")]
    NotEnded,
}

/// Runs tasks and tells their story at `/api/sse/tasks?task_id=`. Cheap to clone.
#[derive(Clone)]
pub struct TaskService {
    connections: ConnectionManager,
}

impl TaskService {
    /// Starts the service; must be called within a tokio runtime.
    #[must_use]
    pub fn start(_settings: TaskSettings, connections: ConnectionManager) -> Self {
        Self { connections }
    }

    /// Takes a task; it runs at once when fewer than `running_max` do, else in its turn.
    ///
    /// # Errors
    /// A [`StartTaskError`]; the task was not taken.
    pub fn submit(&self, _task: Box<dyn Task>) -> Result<TaskId, StartTaskError> {
        let _ = &self.connections;
        Err(StartTaskError::ShuttingDown)
    }

    /// Reports on a task; `None` when there is no such task, or it was forgotten.
    #[must_use]
    pub fn report(&self, _task_id: TaskId) -> Option<TaskReport> {
        None
    }

    /// Cancels a task that has not ended, and reports on it: it is cancelled from here on, and its
    /// code gets `cancel_grace` to tidy up.
    ///
    /// # Errors
    /// [`TaskStateError::Unknown`] or [`TaskStateError::Ended`].
    pub fn cancel(&self, _task_id: TaskId) -> Result<TaskReport, TaskStateError> {
        Err(TaskStateError::Unknown)
    }

    /// Forgets a task that has ended.
    ///
    /// # Errors
    /// [`TaskStateError::Unknown`] or [`TaskStateError::NotEnded`].
    pub fn remove(&self, _task_id: TaskId) -> Result<(), TaskStateError> {
        Err(TaskStateError::Unknown)
    }

    /// Tells whether a shutdown has begun.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        false
    }

    /// Refuses new tasks, cancels those that wait, lets the running ones finish until the deadline,
    /// then cancels them. Gives the number of cancelled tasks.
    pub async fn shutdown(&self, _deadline: Instant) -> usize {
        0
    }
}

#[async_trait]
impl Service for TaskService {
    fn name(&self) -> &'static str {
        "task"
    }

    fn path(&self) -> &'static str {
        "/api/sse/tasks"
    }

    fn parameter(&self) -> &'static str {
        "task_id"
    }

    async fn on_connect(&self, _identifier: &Identifier, _: &StoredRequest) -> Admission {
        Admission::Accept(IfMissing::Tell(Vec::new()))
    }
}
