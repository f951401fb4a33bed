//! How a task reports on itself.

use super::TaskError;

/// Reports a task's progress; works from async and from blocking code alike. Cheap to clone.
#[derive(Clone)]
pub struct Progress {}

impl Progress {
    /// Reports where the task is: a text for people and a value from 0.0 to 1.0 that never falls.
    ///
    /// Returns at once: the event is queued. After the task has ended, reports are ignored.
    ///
    /// # Errors
    /// A [`ProgressError`]: the caller's mistake; nothing is reported.
    pub fn report(&self, _text: impl Into<String>, _value: f64) -> Result<(), ProgressError> {
        Ok(())
    }
}

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
