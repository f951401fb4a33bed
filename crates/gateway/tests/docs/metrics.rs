//! `docs/operations.md` lists every metric.

use std::fmt::Write;

use sse_gateway::telemetry::METRICS;

use crate::document;

#[test]
fn the_table_of_metrics_is_what_the_gateway_exposes() {
    let mut table = String::from("| metric | meaning |\n|---|---|\n");
    for metric in METRICS {
        let labels = match metric.labels {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        writeln!(table, "| `{}{labels}` | {} |", metric.name, metric.help)
            .expect("a string takes everything");
    }
    document::check_block("operations.md", "metrics", &table);
}
