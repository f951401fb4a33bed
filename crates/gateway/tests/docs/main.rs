//! The documentation says what the code says: settings, metrics, error codes.
//!
//! Nothing is started. `UPDATE_DOCS=1 cargo test -p sse-gateway --test docs` rewrites what is
//! generated; explanations that people write are only checked.

mod codes;
mod document;
mod metrics;
mod settings;
