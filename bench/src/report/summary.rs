//! The rounds of one metric, put together.

use crate::figures::{Measurement, Metric};

/// Median and extremes over the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// Of one metric of a case and a server; `None` when no round has it.
    pub(crate) fn of(measurements: &[Measurement], case: &str, server: &str, metric: Metric) -> Option<Self> {
        let rounds = measurements.iter().filter(|round| round.case == case && round.server == server);
        let figures = rounds.flat_map(|round| &round.figures.figures);
        Self::of_values(figures.filter(|figure| figure.metric == metric).map(|figure| figure.value).collect())
    }

    fn of_values(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Some(Self { median, min, max })
    }
}

/// A number with three digits that count.
pub(super) fn shown(value: f64) -> String {
    let digits = match value.abs() {
        above if above >= 99.95 => 0,
        above if above >= 9.995 => 1,
        above if above >= 0.9995 => 2,
        0.0 => 0,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0
            && (whole.len() - place) % 3 == 0
            && grouped.ends_with(|last: char| last.is_ascii_digit())
        {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_middles() {
        let of = |values: &[f64]| Summary::of_values(values.to_vec());
        assert_eq!(of(&[3.0, 1.0, 2.0]), Some(Summary { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(of(&[4.0, 1.0]), Some(Summary { median: 2.5, min: 1.0, max: 4.0 }));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn numbers_show_three_digits_that_count() {
        let shown: Vec<_> = [0.0, 0.1234, 1.234, 12.34, 123.4, 1234.5, 1_234_567.0].map(shown).into();
        assert_eq!(shown, ["0", "0.123", "1.23", "12.3", "123", "1,234", "1,234,567"]);
    }
}
