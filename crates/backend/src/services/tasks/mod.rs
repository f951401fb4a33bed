//! Background tasks whose progress a client can watch.
//!
//! [`Task`] is what their author writes; [`table`] decides which run; [`runner`] runs one;
//! [`events`] is the story that clients get. The story itself is retained by the connections.

mod events;
mod progress;
mod report;
mod runner;
mod settings;
mod table;
mod task;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;
use sse_gateway_protocol::callback::StoredRequest;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use self::events::Ending;
use self::table::Table;
use super::{Admission, Service};
use crate::Identifier;
use crate::connections::{ConnectionManager, Time};

pub use progress::{Progress, ProgressError};
pub use report::{StartTaskError, Status, TaskId, TaskReport, TaskStateError};
pub use settings::TaskSettings;
pub use task::{Blocking, BlockingTask, Task, TaskError};
pub use tokio_util::sync::CancellationToken;

/// Runs tasks and tells their story at `/api/sse/tasks?task_id=`. Cheap to clone.
#[derive(Clone)]
pub struct TaskService(Arc<Shared>);

struct Shared {
    // A std mutex: short steps without I/O. The connections are told within, so that a task's state
    // and its story change together; they never call back.
    table: Mutex<Table>,
    settings: TaskSettings,
    connections: ConnectionManager,
    origin: Instant,
    /// Wakes what forgets finished tasks: one more has finished, or the last service was dropped.
    finished: Arc<Notify>,
    /// Tells those who wait for running tasks that one has ended.
    ended: Notify,
}

impl TaskService {
    /// Starts the service; must be called within a tokio runtime.
    #[must_use]
    pub fn start(settings: TaskSettings, connections: ConnectionManager) -> Self {
        let finished = Arc::new(Notify::new());
        let shared = Arc::new(Shared {
            table: Mutex::new(Table::new(settings.clone())),
            settings,
            connections,
            origin: Instant::now(),
            finished: Arc::clone(&finished),
            ended: Notify::new(),
        });
        tokio::spawn(forget_finished(Arc::downgrade(&shared), finished));
        Self(shared)
    }

    /// Takes a task; it runs at once when fewer than `running_max` do, else in its turn. Must be called
    /// within a tokio runtime.
    ///
    /// Returns when every process of the backend may let clients watch it: with topics, when the
    /// gateway has made the task's. A gateway that is away is waited for `open_wait`, no longer; the
    /// task runs all the same, and so it does when this future is dropped.
    ///
    /// # Errors
    /// A [`StartTaskError`]; the task was not taken.
    pub async fn submit(&self, task: Box<dyn Task>) -> Result<TaskId, StartTaskError> {
        let task_id = self.take(task)?;
        let Shared { connections, settings, .. } = &*self.0;
        if !connections.opened(&task_id.identifier(), settings.open_wait).await {
            tracing::warn!(%task_id, "the gateway has not made the task's topic yet");
        }
        Ok(task_id)
    }

    fn take(&self, task: Box<dyn Task>) -> Result<TaskId, StartTaskError> {
        let task_id = TaskId::random();
        let mut table = self.0.table();
        table.check_room()?;
        self.0.connections.open_log(&task_id.identifier()).map_err(|_| StartTaskError::Full)?;
        table.add(task_id, task);
        self.launch(&mut table);
        Ok(task_id)
    }

    /// Reports on a task; `None` when this process has no such task, or has forgotten it.
    #[must_use]
    pub fn report(&self, task_id: TaskId) -> Option<TaskReport> {
        self.0.table().report(task_id)
    }

    /// Cancels a task that has not ended, and reports on it: it is cancelled from here on, and its
    /// code gets `cancel_grace` to tidy up.
    ///
    /// # Errors
    /// [`TaskStateError::Unknown`] or [`TaskStateError::Ended`].
    pub fn cancel(&self, task_id: TaskId) -> Result<TaskReport, TaskStateError> {
        let cancel = self.0.table().cancellation(task_id)?;
        if !self.end(task_id, Ending::Cancelled) {
            return Err(TaskStateError::Ended);
        }
        if let Some(cancel) = cancel {
            cancel.cancel();
        }
        self.report(task_id).ok_or(TaskStateError::Unknown)
    }

    /// Forgets a task that has ended.
    ///
    /// # Errors
    /// [`TaskStateError::Unknown`] or [`TaskStateError::NotEnded`].
    pub fn remove(&self, task_id: TaskId) -> Result<(), TaskStateError> {
        let mut table = self.0.table();
        table.remove(task_id)?;
        self.0.connections.forget(&task_id.identifier());
        Ok(())
    }

    /// Tells whether a shutdown has begun.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.0.table().is_shutting_down()
    }

    /// Refuses new tasks, cancels those that wait, lets the running ones finish until the deadline,
    /// then cancels them. Gives the number of cancelled tasks.
    pub async fn shutdown(&self, deadline: Instant) -> usize {
        let waiting = self.0.table().shut_down();
        let mut cancelled = waiting.into_iter().filter(|task_id| self.cancel(*task_id).is_ok()).count();
        let all_ended = async {
            loop {
                let ended = self.0.ended.notified();
                if self.0.table().running().is_empty() {
                    return;
                }
                ended.await;
            }
        };
        if timeout_at(deadline, all_ended).await.is_err() {
            let running = self.0.table().running();
            cancelled += running.into_iter().filter(|task_id| self.cancel(*task_id).is_ok()).count();
        }
        cancelled
    }

    /// Runs what has a place.
    fn launch(&self, table: &mut Table) {
        while let Some(launch) = table.launch(events::timestamp) {
            let task_id = launch.task_id;
            let connections = self.0.connections.clone();
            if let Err(error) = connections.append(&task_id.identifier(), events::started(task_id)) {
                tracing::warn!(%task_id, %error, "the start of a task is not told");
            }
            tokio::spawn(runner::run(self.clone(), launch, Progress::new(task_id, connections)));
        }
    }

    /// Ends a task, once: its state and the end of its story in one step.
    fn end(&self, task_id: TaskId, ending: Ending) -> bool {
        let shared = &*self.0;
        let (message, reason) = (ending.message(task_id), ending.reason());
        {
            let mut table = shared.table();
            if !table.end(task_id, ending, events::timestamp(), shared.origin.elapsed()) {
                return false;
            }
            let identifier = task_id.identifier();
            if shared.connections.finish(&identifier, message, reason).is_err() {
                let told = shared.connections.finish(&identifier, events::undeliverable(task_id), reason);
                tracing::warn!(%task_id, told = told.is_ok(), "the end of a task has no room in its story");
            }
        }
        shared.finished.notify_one();
        shared.ended.notify_waiters();
        true
    }

    /// The code of a task is gone: another one gets its place.
    fn vacate(&self) {
        let mut table = self.0.table();
        table.vacate();
        self.launch(&mut table);
    }

    fn settings(&self) -> &TaskSettings {
        &self.0.settings
    }
}

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        // A step that panicked leaves at worst one task behind; the others must go on.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.finished.notify_one();
    }
}

/// Forgets finished tasks when their time comes, as long as there is a service.
async fn forget_finished(shared: Weak<Shared>, finished: Arc<Notify>) {
    while let Some(service) = shared.upgrade() {
        let deadline = service.forget(service.origin.elapsed()).map(|at| service.origin + at);
        drop(service);
        let passed = async {
            match deadline {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = passed => {}
            () = finished.notified() => {}
        }
    }
}

impl Shared {
    /// Forgets what is due; gives the next deadline.
    fn forget(&self, now: Time) -> Option<Time> {
        let mut table = self.table();
        while let Some(task_id) = table.forget(now) {
            self.connections.forget(&task_id.identifier());
        }
        table.next_deadline()
    }
}

#[async_trait]
impl Service for TaskService {
    fn name(&self) -> &'static str {
        report::NAME
    }

    fn path(&self) -> &'static str {
        "/api/sse/tasks"
    }

    fn parameter(&self) -> &'static str {
        "task_id"
    }

    async fn on_connect(&self, identifier: &Identifier, _: &StoredRequest) -> Admission {
        // Whether the task is known is decided where its story is, in the step that connects.
        Admission::Accept(events::not_found(identifier.id()))
    }
}
