//! How a task reports on itself.

use std::sync::{Arc, Mutex, PoisonError};

use super::{TaskError, TaskId, events};
use crate::Identifier;
use crate::connections::ConnectionManager;

/// Reports a task's progress; works from async and from blocking code alike. Cheap to clone.
#[derive(Clone)]
pub struct Progress(Arc<Reporter>);

struct Reporter {
    task_id: TaskId,
    identifier: Identifier,
    connections: ConnectionManager,
    /// The highest value so far; held while its event is queued, so that values stay in order.
    value: Mutex<f64>,
}

impl Progress {
    pub(super) fn new(task_id: TaskId, connections: ConnectionManager) -> Self {
        let identifier = task_id.identifier();
        Self(Arc::new(Reporter { task_id, identifier, connections, value: Mutex::new(0.0) }))
    }

    /// Reports where the task is: a text for people, at most 16 KiB, and a value from 0.0 to 1.0 that
    /// never falls.
    ///
    /// Returns at once: the event is queued. Of very many events the oldest progress goes. After the
    /// task has ended, reports are ignored.
    ///
    /// # Errors
    /// A [`ProgressError`]: the caller's mistake; nothing is reported.
    pub fn report(&self, text: impl AsRef<str>, value: f64) -> Result<(), ProgressError> {
        let text = text.as_ref();
        if !(0.0..=1.0).contains(&value) {
            return Err(ProgressError::OutOfRange(value));
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(ProgressError::TextTooLong);
        }
        let Reporter { task_id, identifier, connections, value: highest } = &*self.0;
        let mut highest = highest.lock().unwrap_or_else(PoisonError::into_inner);
        if value < *highest {
            return Err(ProgressError::Falls { from: *highest, to: value });
        }
        *highest = value;
        if let Err(error) = connections.append(identifier, events::progress(*task_id, text, value)) {
            tracing::debug!(%identifier, %error, "progress is not reported");
        }
        Ok(())
    }
}

/// The longest progress text.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// How a task reports wrongly; the task's author is at fault.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ProgressError {
    /// The value is not from 0.0 to 1.0.
    #[error("progress must be from 0.0 to 1.0, not {0}")]
    OutOfRange(f64),
    /// The value is lower than one reported before.
    #[error("progress must not fall, from {from} to {to}")]
    Falls {
        /// The value reported before.
        from: f64,
        /// The lower one.
        to: f64,
    },
    /// The text has more than 16 KiB.
    #[error("a progress text has at most 16384 bytes")]
    TextTooLong,
}

impl From<ProgressError> for TaskError {
    fn from(error: ProgressError) -> Self {
        TaskError::new(error.to_string())
    }
}
