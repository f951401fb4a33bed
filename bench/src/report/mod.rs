//! The results: a table for people, JSON for programs, plots.

mod plot;
mod summary;
mod table;

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::Outcome;
use crate::figures::Measurement;

pub(crate) use summary::Summary;

/// A run of the benchmark.
#[derive(Serialize)]
pub(crate) struct Report {
    /// When it began, in UTC.
    pub(crate) date: String,
    pub(crate) machine: String,
    pub(crate) scale: &'static str,
    pub(crate) rounds: u32,
    pub(crate) servers: Vec<Contender>,
    pub(crate) cases: Vec<Described>,
    pub(crate) measurements: Vec<Measurement>,
}

/// A server, and what it is.
#[derive(Serialize)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// Its version, or why it was left out.
    pub(crate) version: Result<String, String>,
    pub(crate) configuration: &'static str,
}

/// A case, and what it does.
#[derive(Serialize)]
pub(crate) struct Described {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
}

impl Report {
    /// Writes everything into a folder.
    pub(crate) fn write(&self, folder: &Path) -> Outcome<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("raw.json"), serde_json::to_string(self)?)?;
        fs::write(folder.join("table.md"), self.table())?;
        for plot in plot::PLOTS {
            if let Some(svg) = plot.draw(&self.measurements) {
                fs::write(folder.join(plot.file), svg)?;
            }
        }
        Ok(())
    }

    /// The table, in Markdown.
    pub(crate) fn table(&self) -> String {
        table::write(self)
    }

    /// What is wrong with any server but ours counts for the table, not for the exit code.
    pub(crate) fn faults_of(&self, server: &str) -> Vec<String> {
        let of_server = self.measurements.iter().filter(|measurement| measurement.server == server);
        of_server
            .flat_map(|measurement| {
                measurement.figures.faults.iter().map(|fault| format!("{}: {fault}", measurement.case))
            })
            .collect()
    }
}
