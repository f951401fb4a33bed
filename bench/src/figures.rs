//! What a case measures.

use serde::Serialize;

/// A name with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
}

/// Names a metric.
pub(crate) const fn metric(name: &'static str, unit: &'static str) -> Metric {
    Metric { name, unit }
}

/// One value.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    #[serde(flatten)]
    pub(crate) metric: Metric,
    pub(crate) value: f64,
}

/// What one run of a case against one server gave.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Figures {
    pub(crate) figures: Vec<Figure>,
    /// What a correct server does not do, in words with their count.
    pub(crate) faults: Vec<String>,
    /// What a reader must know besides.
    pub(crate) notes: Vec<String>,
    /// The busiest that the client was, as a share of its core; near 1 the client is what was measured.
    pub(crate) client_share: f64,
}

impl Figures {
    pub(crate) fn add(&mut self, metric: Metric, value: f64) {
        self.figures.push(Figure { metric, value });
    }

    /// Notes what went wrong, if it did.
    pub(crate) fn fault(&mut self, count: u64, what: &str) {
        if count > 0 {
            self.faults.push(format!("{count} {what}"));
        }
    }

    pub(crate) fn note(&mut self, what: impl Into<String>) {
        self.notes.push(what.into());
    }
}

/// A run of a case, with what it was run against.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measurement {
    pub(crate) case: &'static str,
    pub(crate) server: &'static str,
    pub(crate) round: u32,
    #[serde(flatten)]
    pub(crate) figures: Figures,
}
