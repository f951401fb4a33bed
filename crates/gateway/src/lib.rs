//! SSE Gateway: holds browsers' event streams for backends that cannot hold connections.
//!
//! This library is the whole gateway; the binary adds a command line. In the order in which data
//! flows: [`listener`] accepts connections and lets hyper read requests, [`routes`] says which part
//! answers, [`connect`] asks the backend through [`callbacks`] and hands the socket to the
//! [`shard`] of its [`worker`] thread; [`api`] takes the backend's sends to the shards, and what it
//! publishes to the [`mod@log`], which offers it to them. [`app`] puts all of it together; every rule of
//! a stream and of a topic is in the crate `sse-gateway-engine`.

mod api;
mod app;
mod callbacks;
mod clock;
pub mod config;
mod connect;
mod cors;
mod internal;
mod listener;
mod log;
mod query;
mod reply;
mod routes;
mod shard;
mod shared;
mod shutdown;
pub mod telemetry;
mod worker;

pub use app::{Gateway, StartError};
pub use callbacks::TargetError;
pub use config::Config;
pub use listener::BindError;
pub use shutdown::ShutdownReport;
