//! A task as it is seen from outside.

use std::fmt;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::Identifier;

/// The first part of the identifiers of tasks.
pub(super) const NAME: &str = "task";

/// Names a task: a random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(Uuid);

impl TaskId {
    pub(super) fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Reads an id in its canonical form; anything else names no task.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        (uuid.to_string() == text).then_some(Self(uuid))
    }

    pub(super) fn identifier(self) -> Identifier {
        Identifier::parse(NAME, &self.to_string()).expect("a UUID is a valid id")
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for TaskId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
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
    /// When it began to run, RFC 3339 with `Z`; `None` if it has not.
    pub start_time: Option<String>,
    /// When it ended, RFC 3339 with `Z`; `None` if it has not.
    pub end_time: Option<String>,
    /// What it gave, when completed.
    pub result: Option<serde_json::Value>,
    /// What the client was told, when failed.
    pub error: Option<String>,
}

/// Why a task is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartTaskError {
    /// As many tasks wait as `TASKS_PENDING_MAX` allows: 429 `TASKS_FULL`.
    #[error("too many tasks are waiting")]
    Full,
    /// A shutdown has begun: 503 `SHUTTING_DOWN`.
    #[error("the backend is shutting down")]
    ShuttingDown,
}

/// Why a task is not cancelled or removed; the caller asks too late, too early, or for another's.
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
