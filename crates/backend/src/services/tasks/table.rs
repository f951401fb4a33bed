//! Which tasks there are and how far each is, decided without I/O.
//!
//! ```text
//!   Pending --launch--> Running --end--> Ended --forget--> gone
//!      |                                   ^
//!      +-------------- cancel -------------+
//! ```
//!
//! A task ends once; whoever is second finds it ended. A place among the running ones is taken from
//! the launch until the task's code is gone, which may be after the task has ended: a cancelled task
//! tidies up in its place.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use tokio_util::sync::CancellationToken;

use super::events::Ending;
use super::{StartTaskError, Status, Task, TaskId, TaskReport, TaskSettings, TaskStateError};
use crate::connections::Time;

#[derive(Debug)]
pub(super) struct Table {
    settings: TaskSettings,
    tasks: HashMap<TaskId, State>,
    /// Bounded by `pending_max`; the longest waiting first.
    pending: VecDeque<TaskId>,
    /// Bounded by `finished_max`; the first to be forgotten first. Removed tasks may still stand here.
    finished: VecDeque<(Time, TaskId)>,
    places_taken: usize,
    shutting_down: bool,
}

enum State {
    Pending { task: Box<dyn Task> },
    Running { start_time: String, cancel: CancellationToken },
    Ended { start_time: Option<String>, end_time: String, ending: Ending },
}

/// A task that is to be run in the place it has been given.
pub(super) struct Launch {
    pub(super) task_id: TaskId,
    pub(super) task: Box<dyn Task>,
    pub(super) cancel: CancellationToken,
}

impl Table {
    pub(super) fn new(settings: TaskSettings) -> Self {
        Self {
            settings,
            tasks: HashMap::new(),
            pending: VecDeque::new(),
            finished: VecDeque::new(),
            places_taken: 0,
            shutting_down: false,
        }
    }

    /// Tells whether a further task may be added.
    pub(super) fn check_room(&self) -> Result<(), StartTaskError> {
        if self.shutting_down {
            return Err(StartTaskError::ShuttingDown);
        }
        let has_place = self.places_taken < self.settings.running_max;
        let may_wait = self.pending.len() < self.settings.pending_max;
        if has_place || may_wait { Ok(()) } else { Err(StartTaskError::Full) }
    }

    pub(super) fn add(&mut self, task_id: TaskId, task: Box<dyn Task>) {
        self.tasks.insert(task_id, State::Pending { task });
        self.pending.push_back(task_id);
    }

    /// Gives the next task that has a place, in the order in which they came.
    pub(super) fn launch(&mut self, start_time: impl FnOnce() -> String) -> Option<Launch> {
        if self.places_taken >= self.settings.running_max {
            return None;
        }
        let task_id = self.pending.pop_front()?;
        let cancel = CancellationToken::new();
        let running = State::Running { start_time: start_time(), cancel: cancel.clone() };
        match self.tasks.insert(task_id, running) {
            Some(State::Pending { task }) => {
                self.places_taken += 1;
                Some(Launch { task_id, task, cancel })
            }
            other => unreachable!("what waits is pending, not {other:?}"),
        }
    }

    /// Ends a task that has not ended; gives whether it did so.
    pub(super) fn end(&mut self, task_id: TaskId, ending: Ending, end_time: String, now: Time) -> bool {
        let start_time = match self.tasks.get_mut(&task_id) {
            Some(State::Pending { .. }) => None,
            Some(State::Running { start_time, .. }) => Some(std::mem::take(start_time)),
            Some(State::Ended { .. }) | None => return false,
        };
        self.pending.retain(|pending| *pending != task_id);
        self.tasks.insert(task_id, State::Ended { start_time, end_time, ending });
        self.finished.push_back((now + self.settings.forget_after, task_id));
        true
    }

    /// Gives what stops a task's code; `None` for one that waits.
    pub(super) fn cancellation(&self, task_id: TaskId) -> Result<Option<CancellationToken>, TaskStateError> {
        match self.tasks.get(&task_id) {
            Some(State::Pending { .. }) => Ok(None),
            Some(State::Running { cancel, .. }) => Ok(Some(cancel.clone())),
            Some(State::Ended { .. }) => Err(TaskStateError::Ended),
            None => Err(TaskStateError::Unknown),
        }
    }

    /// A task's code is gone, and its place free.
    pub(super) fn vacate(&mut self) {
        self.places_taken -= 1;
    }

    pub(super) fn remove(&mut self, task_id: TaskId) -> Result<(), TaskStateError> {
        match self.tasks.get(&task_id) {
            Some(State::Ended { .. }) => {
                self.tasks.remove(&task_id);
                Ok(())
            }
            Some(State::Pending { .. } | State::Running { .. }) => Err(TaskStateError::NotEnded),
            None => Err(TaskStateError::Unknown),
        }
    }

    /// Takes out one task whose time has come, or that is one too many.
    pub(super) fn forget(&mut self, now: Time) -> Option<TaskId> {
        while let Some((at, task_id)) = self.finished.front().copied() {
            if at > now && self.finished.len() <= self.settings.finished_max {
                return None;
            }
            self.finished.pop_front();
            if self.tasks.remove(&task_id).is_some() {
                return Some(task_id);
            }
        }
        None
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.finished.front().map(|(at, _)| *at)
    }

    /// Refuses tasks from here on; gives those that wait.
    pub(super) fn shut_down(&mut self) -> Vec<TaskId> {
        self.shutting_down = true;
        self.pending.iter().copied().collect()
    }

    pub(super) fn is_shutting_down(&self) -> bool {
        self.shutting_down
    }

    pub(super) fn running(&self) -> Vec<TaskId> {
        let running = self.tasks.iter().filter(|(_, state)| matches!(state, State::Running { .. }));
        running.map(|(task_id, _)| *task_id).collect()
    }

    pub(super) fn report(&self, task_id: TaskId) -> Option<TaskReport> {
        let report = |status, start_time: Option<&String>| TaskReport {
            task_id,
            status,
            start_time: start_time.cloned(),
            end_time: None,
            result: None,
            error: None,
        };
        Some(match self.tasks.get(&task_id)? {
            State::Pending { .. } => report(Status::Pending, None),
            State::Running { start_time, .. } => report(Status::Running, Some(start_time)),
            State::Ended { start_time, end_time, ending } => {
                let (result, error) = match ending {
                    Ending::Completed(result) => (Some(result.clone()), None),
                    Ending::Failed { error, .. } => (None, Some(error.clone())),
                    Ending::Cancelled => (None, None),
                };
                let end_time = Some(end_time.clone());
                TaskReport { end_time, result, error, ..report(ending.status(), start_time.as_ref()) }
            }
        })
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Pending { .. } => "Pending",
            State::Running { .. } => "Running",
            State::Ended { .. } => "Ended",
        })
    }
}
