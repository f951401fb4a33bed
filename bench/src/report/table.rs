//! The table: for each case a line a metric, a column a server.

use std::fmt::Write as _;

use super::summary::shown;
use super::{Report, Summary};
use crate::figures::Metric;

/// Share of its core from which on the client, and not the server, may be what was measured.
const CLIENT_BUSY: f64 = 0.9;

/// Writes the whole report in Markdown. Writing to a string does not fail.
pub(super) fn write(report: &Report) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "# Benchmark of {}\n\n{}. Scale {}, {} rounds, the servers in turn. Each server on one core, the load \
         and the backend on another.\nA cell: the median of the rounds (the least to the greatest), and its \
         ratio to the floor.\n",
        report.date, report.machine, report.scale, report.rounds
    );
    servers(report, &mut text);
    for case in &report.cases {
        let _ = writeln!(text, "\n## {}\n\n{}.\n", case.name, capitalised(case.about));
        table_of(report, case.name, &mut text);
        remarks(report, case.name, &mut text);
    }
    text
}

fn servers(report: &Report, text: &mut String) {
    text.push_str("| server | version | configuration |\n|---|---|---|\n");
    for server in &report.servers {
        let version = match &server.version {
            Ok(version) => version.clone(),
            Err(reason) => format!("left out: {reason}"),
        };
        let _ = writeln!(text, "| {} | {version} | {} |", server.name, server.configuration);
    }
}

fn table_of(report: &Report, case: &str, text: &mut String) {
    let of_case = || report.measurements.iter().filter(|measurement| measurement.case == case);
    let mut metrics: Vec<Metric> = Vec::new();
    for figure in of_case().flat_map(|measurement| &measurement.figures.figures) {
        if !metrics.contains(&figure.metric) {
            metrics.push(figure.metric);
        }
    }
    let present = |name: &str| of_case().any(|measurement| measurement.server == name);
    let names: Vec<_> =
        report.servers.iter().map(|server| server.name).filter(|name| present(name)).collect();
    let _ = writeln!(text, "| | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for metric in metrics {
        let unit = if metric.unit.is_empty() { String::new() } else { format!(", {}", metric.unit) };
        let _ = write!(text, "| {}{unit} |", metric.name);
        for name in &names {
            let _ = write!(text, " {} |", cell(report, case, name, metric));
        }
        text.push('\n');
    }
    let _ = write!(text, "| client's core busy, % |");
    for name in &names {
        let shares = of_case().filter(|measurement| measurement.server == *name);
        let busiest = shares.map(|measurement| measurement.figures.client_share).fold(0.0, f64::max);
        let mark = if busiest >= CLIENT_BUSY { " (saturated)" } else { "" };
        let _ = write!(text, " {:.0}{mark} |", busiest * 100.0);
    }
    text.push('\n');
}

fn cell(report: &Report, case: &str, server: &str, metric: Metric) -> String {
    let Some(own) = Summary::of(&report.measurements, case, server, metric) else { return "-".to_owned() };
    let mut text = format!("**{}**", shown(own.median));
    if own.min < own.max {
        let _ = write!(text, " ({} to {})", shown(own.min), shown(own.max));
    }
    let floor = Summary::of(&report.measurements, case, "floor", metric);
    if let Some(floor) = floor.filter(|floor| server != "floor" && floor.median > 0.0) {
        let _ = write!(text, " {}x", shown(own.median / floor.median));
    }
    text
}

/// What went wrong, and what else must be known.
fn remarks(report: &Report, case: &str, text: &mut String) {
    let mut lines: Vec<String> = Vec::new();
    for measurement in report.measurements.iter().filter(|measurement| measurement.case == case) {
        for fault in &measurement.figures.faults {
            lines.push(format!("- **{}, round {}: {fault}**", measurement.server, measurement.round));
        }
        for note in &measurement.figures.notes {
            let line = format!("- {}: {note}", measurement.server);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    if lines.is_empty() {
        text.push_str("\nNothing lost, out of order or refused.\n");
    } else {
        let _ = writeln!(text, "\n{}", lines.join("\n"));
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
