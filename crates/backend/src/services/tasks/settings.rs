//! Bounds of the task service.

use std::time::Duration;

/// Bounds of the task service.
#[derive(Clone, Debug)]
pub struct TaskSettings {
    /// How many tasks run at once, `TASKS_RUNNING_MAX`. Default 4.
    pub running_max: usize,
    /// How many wait for their turn, `TASKS_PENDING_MAX`; past it a task is refused. Default 1,000.
    pub pending_max: usize,
    /// How many finished tasks are remembered, `TASKS_FINISHED_MAX`; past it the one that finished
    /// first is forgotten early. Default 1,000.
    pub finished_max: usize,
    /// How long a task may run, `TASK_TIMEOUT_SECONDS`. Default 300 s.
    pub timeout: Duration,
    /// How long a finished task is remembered, `TASK_FORGET_SECONDS`. Default 600 s.
    pub forget_after: Duration,
    /// How long a start waits for a gateway that does not answer. Default 2 s.
    pub open_wait: Duration,
    /// How long the code of a task that was cancelled or timed out may tidy up before it is dropped;
    /// it keeps its place meanwhile. Default 5 s.
    pub cancel_grace: Duration,
    /// The largest terminal event, in bytes of JSON; a task with a larger result fails and says so.
    /// Default 512 KiB, half of what our gateway takes. The original takes 100 kB a request: past
    /// that the client is told to ask for the status.
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
            open_wait: Duration::from_secs(2),
            cancel_grace: Duration::from_secs(5),
            result_bytes_max: 512 << 10,
        }
    }
}
