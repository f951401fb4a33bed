//! The composition root: the one file that knows all parts.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::callback::Callbacks;
use crate::connections::ConnectionManager;
use crate::metrics::Metrics;
use crate::services::Service;
use crate::services::tasks::TaskService;
use crate::services::versions::VersionService;
use crate::{Settings, StartError};

/// A running backend side: its services, its connections, its metrics.
#[derive(Clone)]
pub struct Backend {
    callbacks: Arc<Callbacks>,
    connections: ConnectionManager,
    tasks: TaskService,
    versions: VersionService,
    service_names: Arc<[&'static str]>,
    metrics: Arc<Metrics>,
}

impl Backend {
    /// Starts the task and the version service; must be called within a tokio runtime.
    ///
    /// # Errors
    /// A [`StartError`] when the settings cannot be run with.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        Self::start_with(settings, |_| Vec::new())
    }

    /// Starts the built-in services and those that `services` makes; it is given the connections to
    /// publish to. Of two services with one path, the built-in or the earlier one is asked.
    ///
    /// # Errors
    /// A [`StartError`] when the settings cannot be run with.
    pub fn start_with(
        settings: Settings,
        services: impl FnOnce(&ConnectionManager) -> Vec<Arc<dyn Service>>,
    ) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new());
        let connections =
            ConnectionManager::start(&settings.gateway, settings.connections, Arc::clone(&metrics))?;
        let tasks = TaskService::start(settings.tasks, connections.clone());
        let versions = VersionService::new(settings.versions, connections.clone());
        let mut all: Vec<Arc<dyn Service>> = vec![Arc::new(tasks.clone()), Arc::new(versions.clone())];
        all.extend(services(&connections));
        let service_names = all.iter().map(|service| service.name()).collect();
        let callbacks = Arc::new(Callbacks::new(settings.callback, all, connections.clone())?);
        Ok(Self { callbacks, connections, tasks, versions, service_names, metrics })
    }

    /// Gives the router of `POST /api/sse/callback`, to be merged into the application's own.
    pub fn callback_router(&self) -> axum::Router {
        crate::callback::axum::router(Arc::clone(&self.callbacks))
    }

    /// Gives the framework-neutral callback handler, for servers other than axum.
    #[must_use]
    pub fn callbacks(&self) -> &Callbacks {
        &self.callbacks
    }

    /// Gives the task service.
    #[must_use]
    pub fn tasks(&self) -> &TaskService {
        &self.tasks
    }

    /// Gives the version service.
    #[must_use]
    pub fn versions(&self) -> &VersionService {
        &self.versions
    }

    /// Gives the connections, for services of your own.
    #[must_use]
    pub fn connections(&self) -> &ConnectionManager {
        &self.connections
    }

    /// Renders all metrics in the OpenMetrics text format.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        self.metrics.render(self.service_names.iter().map(|name| (*name, self.connections.connected(name))))
    }

    /// Tells whether work is accepted, and asks the gateway's `/healthz` whether it answers (at most
    /// the send timeout).
    pub async fn readiness(&self) -> Readiness {
        Readiness {
            accepting: !self.tasks.is_shutting_down(),
            gateway_reachable: self.connections.gateway_answers().await,
        }
    }

    /// Shuts down within the budget: refuses new tasks, cancels those that wait, lets running ones
    /// finish, then cancels them too, and lets their last events go out.
    ///
    /// An eighth of the budget is kept back for the last events.
    pub async fn shutdown(&self, budget: Duration) -> ShutdownReport {
        let deadline = Instant::now() + budget;
        let tasks_cancelled = self.tasks.shutdown(deadline - budget / 8).await;
        let delivered = self.connections.flushed(deadline).await;
        ShutdownReport { tasks_cancelled, delivered }
    }
}

/// Whether the backend can do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// New tasks are accepted: no shutdown has begun.
    pub accepting: bool,
    /// The gateway answered its health check.
    pub gateway_reachable: bool,
}

impl Readiness {
    /// Tells whether the backend should be sent requests. A gateway that is away does not change
    /// that: tasks run and events are kept until it is back.
    #[must_use]
    pub fn is_ready(self) -> bool {
        self.accepting
    }
}

/// What a shutdown left undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShutdownReport {
    /// How many tasks were cancelled, waiting ones included.
    pub tasks_cancelled: usize,
    /// Whether everything that could be sent to connected clients was sent in time.
    pub delivered: bool,
}
