//! What the backend and the operator ask: sends and metrics.
//!
//! Requests are parsed here, at the edge; what gets past is valid. Whether the caller may use these
//! routes is decided before, in [`crate::internal`].

mod metrics;
mod send;
mod stream;

pub(crate) use metrics::metrics;
pub(crate) use send::send;
