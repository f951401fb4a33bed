//! The backend side of SSE Gateway: answer one callback, publish events, and never see a socket.
//!
//! Data flows through three layers, one folder each:
//!
//! 1. [`callback`] receives the gateway's connects and disconnects, checks the secret, and routes
//!    by URL to a service;
//! 2. [`services`] decide who may listen to what: [`TaskService`](services::tasks::TaskService) for
//!    background tasks with progress, [`VersionService`](services::versions::VersionService) for
//!    announcements that also reach a client who comes later, and the
//!    [`Service`](services::Service) trait for your own;
//! 3. [`connections`] keeps each [`Identifier`]'s events in one ordered queue with one sender, and
//!    brings them to the streams that listen: through the gateway's topics, or by tokens to a gateway
//!    that has none.
//!
//! A service never sees a token; the connections never see a task. [`Backend`] puts the three
//! together:
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use sse_gateway_backend::{Backend, Settings};
//!
//! let settings = Settings::from_variables(|name| std::env::var(name).ok())?;
//! let backend = Backend::start(settings)?;
//! let app = backend.callback_router();
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3001").await?;
//! axum::serve(listener, app).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Several processes
//!
//! With a gateway that has topics, any process answers any callback. Tasks live in the memory of the
//! process that runs them: it alone reports on them and cancels them, and a restart forgets them.
//!
//! By tokens, queues and connections live there as well. Run two such processes behind one callback
//! URL and a task started in the first is "not found" when the gateway asks the second. Nothing in a
//! callback tells a process that it has a twin, so this cannot be checked at start: deploy one
//! process for each callback URL then.

mod backend;
pub mod callback;
pub mod connections;
mod identifier;
mod metrics;
mod secret;
pub mod services;
mod settings;

pub use backend::{Backend, Readiness, ShutdownReport};
pub use identifier::{Identifier, InvalidIdentifier};
pub use secret::Secret;
pub use settings::{GatewaySettings, Mistake, Mistakes, Settings, StartError};
pub use sse_gateway_protocol::{Event, callback::CloseReason, callback::StoredRequest};

/// Compiles the examples of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/backend.md")]
mod guide {}
