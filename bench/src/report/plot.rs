//! Plots as SVG: a dot for the median of each server, a line from the least to the greatest.
//!
//! The axis is logarithmic, since servers differ by orders of magnitude; a dot, unlike a bar, does
//! not lie about that.

use std::fmt::Write as _;

use super::Summary;
use super::summary::shown;
use crate::figures::{Measurement, Metric, metric};

/// One picture.
pub(super) struct Plot {
    pub(super) file: &'static str,
    title: &'static str,
    better: &'static str,
    case: &'static str,
    metric: Metric,
}

/// What is drawn.
pub(super) const PLOTS: [Plot; 8] = [
    plot(
        "memory.svg",
        "Memory of an idle stream, user space, bytes",
        "less",
        "hold",
        "memory a stream, all",
        "bytes",
    ),
    plot("connects.svg", "Streams opened a second", "more", "hold", "connects", "/s"),
    plot("heartbeats.svg", "CPU of a heartbeat, microseconds", "less", "hold", "CPU a heartbeat", "us"),
    plot("sends.svg", "Single sends a second, one core, 64 connections", "more", "send-64", "sends", "/s"),
    plot(
        "send-cpu.svg",
        "CPU of a single send, microseconds, 64 connections",
        "less",
        "send-64",
        "CPU a send",
        "us",
    ),
    plot(
        "latency.svg",
        "99.9 % of events arrive within, ms, half load",
        "less",
        "send-64",
        "p99.9 at half load",
        "ms",
    ),
    plot(
        "fan-out.svg",
        "CPU of a delivery to 10,000 streams, microseconds",
        "less",
        "fan-out-10k",
        "CPU a delivery",
        "us",
    ),
    plot("churn.svg", "Connect and leave, cycles a second", "more", "churn", "cycles", "/s"),
];

const fn plot(
    file: &'static str,
    title: &'static str,
    better: &'static str,
    case: &'static str,
    name: &'static str,
    unit: &'static str,
) -> Plot {
    Plot { file, title, better, case, metric: metric(name, unit) }
}

const WIDTH: f64 = 720.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 120.0;
const TOP: f64 = 64.0;
const ROW: f64 = 34.0;
const BOTTOM: f64 = 36.0;

impl Plot {
    /// Draws it, if there is anything to draw.
    pub(super) fn draw(&self, measurements: &[Measurement]) -> Option<String> {
        let mut names: Vec<&str> = Vec::new();
        for measurement in measurements.iter().filter(|measurement| measurement.case == self.case) {
            if !names.contains(&measurement.server) {
                names.push(measurement.server);
            }
        }
        let rows: Vec<_> = names
            .into_iter()
            .filter_map(|name| {
                let summary = Summary::of(measurements, self.case, name, self.metric)?;
                (summary.min > 0.0).then_some((name, summary))
            })
            .collect();
        let axis = Axis::around(&rows)?;
        Some(self.svg(&rows, &axis))
    }

    fn svg(&self, rows: &[(&str, Summary)], axis: &Axis) -> String {
        let bottom = TOP + ROW * rows.len() as f64;
        let height = bottom + BOTTOM;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"#333\">\n\
             <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
             <text x=\"16\" y=\"26\" font-size=\"16\" font-weight=\"600\">{}</text>\n\
             <text x=\"16\" y=\"45\" fill=\"#777\">{} is better; logarithmic axis</text>\n",
            self.title, self.better
        );
        // Writing to a string does not fail.
        for decade in axis.decades() {
            let x = axis.x(decade);
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" fill=\"#777\" text-anchor=\"middle\">{}</text>",
                bottom + 20.0,
                shown(decade)
            );
        }
        for ((name, summary), row) in rows.iter().zip(0..) {
            let y = TOP + ROW * (f64::from(row) + 0.5);
            let colour = if *name == "ours" { "#c2410c" } else { "#475569" };
            let weight = if *name == "ours" { " font-weight=\"600\"" } else { "" };
            let (min, x, max) = (axis.x(summary.min), axis.x(summary.median), axis.x(summary.max));
            let _ = writeln!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\"{weight}>{name}</text>\
                 <line x1=\"{min:.1}\" x2=\"{max:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"{colour}\" stroke-width=\"3\"/>\
                 <circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"6\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\"{weight}>{}</text>",
                LEFT - 12.0,
                y + 4.5,
                max.max(x + 6.0) + 8.0,
                y + 4.5,
                shown(summary.median)
            );
        }
        svg + "</svg>\n"
    }
}

/// Whole powers of ten around all values.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn around(rows: &[(&str, Summary)]) -> Option<Self> {
        let least = rows.iter().map(|(_, summary)| summary.min).reduce(f64::min)?;
        let greatest = rows.iter().map(|(_, summary)| summary.max).reduce(f64::max)?;
        let low = least.log10().floor();
        Some(Self { low, high: greatest.log10().ceil().max(low + 1.0) })
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + (value.log10() - self.low) / (self.high - self.low) * (WIDTH - LEFT - RIGHT)
    }

    fn decades(&self) -> impl Iterator<Item = f64> + use<> {
        (self.low as i32..=self.high as i32).map(|power| 10_f64.powi(power))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figures;

    #[test]
    fn a_plot_has_a_dot_for_each_server_that_was_measured() {
        let measurements: Vec<_> = [("ours", 200.0), ("floor", 20.0), ("ours", 210.0)]
            .map(|(server, value)| {
                let mut figures = Figures::default();
                figures.add(PLOTS[0].metric, value);
                Measurement { case: "hold", server, round: 1, figures }
            })
            .into();
        let svg = PLOTS[0].draw(&measurements).expect("there is something to draw");
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains(">205<"), "{svg}");
        assert!(PLOTS[1].draw(&measurements).is_none());
    }
}
