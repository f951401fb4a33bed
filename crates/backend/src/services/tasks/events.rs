//! The events of a task's story.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Status, TaskId};
use crate::Event;
use crate::connections::{IfMissing, Message};

/// The data of every `task_event`.
#[derive(Serialize)]
struct TaskEvent<'a> {
    event_type: &'static str,
    task_id: TaskId,
    timestamp: String,
    data: &'a Value,
}

fn task_event(event_type: &'static str, task_id: TaskId, data: &Value) -> Event {
    let event = TaskEvent { event_type, task_id, timestamp: timestamp(), data };
    Event::named("task_event", serde_json::to_string(&event).expect("maps with string keys serialise"))
}

/// The present time, RFC 3339 in UTC with `Z`, to the millisecond.
pub(super) fn timestamp() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

pub(super) fn started(task_id: TaskId) -> Message {
    Message::kept(task_event("task_started", task_id, &Value::Null))
}

pub(super) fn progress(task_id: TaskId, text: &str, value: f64) -> Message {
    Message::passing(task_event("progress_update", task_id, &json!({ "text": text, "value": value })))
}

/// How a task ended, as its client is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ending {
    Completed(Value),
    Failed { error: String, error_id: String },
    Cancelled,
}

impl Ending {
    pub(super) fn status(&self) -> Status {
        match self {
            Ending::Completed(_) => Status::Completed,
            Ending::Failed { .. } => Status::Failed,
            Ending::Cancelled => Status::Cancelled,
        }
    }

    /// The name of the terminal event, and the reason in the `connection_close` after it.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Ending::Completed(_) => "task_completed",
            Ending::Failed { .. } => "task_failed",
            Ending::Cancelled => "task_cancelled",
        }
    }

    pub(super) fn event(&self, task_id: TaskId) -> Event {
        let data = match self {
            Ending::Completed(result) => result,
            Ending::Failed { error, error_id } => &json!({ "error": error, "error_id": error_id }),
            Ending::Cancelled => &Value::Null,
        };
        task_event(self.reason(), task_id, data)
    }

    pub(super) fn message(&self, task_id: TaskId) -> Message {
        let message = Message::kept(self.event(task_id));
        match self {
            // A gateway with a lower limit than ours refuses it: the client must learn that there
            // was a result, and that the task's status has it.
            Ending::Completed(_) => message.or_if_too_large(too_large(task_id), "task_failed"),
            Ending::Failed { .. } | Ending::Cancelled => message,
        }
    }
}

/// The end of a story that has no room for its own.
pub(super) fn undeliverable(task_id: TaskId) -> Message {
    Message::kept(too_large(task_id))
}

fn too_large(task_id: TaskId) -> Event {
    let error = "The result is too large to be sent; ask for the task's status";
    task_event("task_failed", task_id, &json!({ "error": error, "error_id": error_id() }))
}

/// A number by which a client's error is found in the log.
pub(super) fn error_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// What is said to a client who asks for a task that is not, or no longer, known.
pub(super) fn not_found(task_id: &str) -> IfMissing {
    let data = json!({ "error": "Task not found", "task_id": task_id }).to_string();
    IfMissing::Tell { events: vec![Event::named("error", data)], reason: "task_not_found" }
}
