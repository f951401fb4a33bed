//! The metrics of the backend side; names and labels are part of the interface.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// Owns the registry; each part holds the counters that it counts with.
pub(crate) struct Metrics {
    registry: Registry,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self { registry: Registry::default() }
    }

    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a string does not fail");
        text
    }
}
