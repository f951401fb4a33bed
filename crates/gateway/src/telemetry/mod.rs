//! What operators see: logs and metrics.

mod logs;
mod metrics;
mod topics;

pub use logs::init_logs;
pub(crate) use metrics::Metrics;
pub use metrics::{METRICS, Metric};
