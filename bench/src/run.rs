//! Every case against every server, in turn, round by round.

use std::path::PathBuf;
use std::time::Instant;

use crate::Outcome;
use crate::cases::{self, Case, Scale};
use crate::figures::{Figures, Measurement};
use crate::machine;
use crate::report::{Contender, Described, Report};
use crate::servers::{self, Server};

/// What is asked for.
pub(crate) struct Plan {
    /// Names or their beginnings; all if empty.
    pub(crate) cases: Vec<String>,
    /// Names; all if empty.
    pub(crate) servers: Vec<String>,
    pub(crate) rounds: u32,
    pub(crate) scale: Scale,
    /// The gateway's binary, unless it stands beside this one.
    pub(crate) gateway: Option<PathBuf>,
    /// Makes the floor lose each such event.
    pub(crate) faulty_floor: Option<u64>,
}

/// Runs a plan; what goes wrong with one run of a case is a fault of its server and stands in the report.
pub(crate) fn run(plan: &Plan) -> Outcome<Report> {
    let chosen = |names: &[String], name: &str| {
        names.is_empty() || names.iter().any(|wanted| name.starts_with(wanted.as_str()))
    };
    let servers = servers::all(plan.gateway.clone(), plan.faulty_floor);
    let servers: Vec<_> = servers.into_iter().filter(|server| chosen(&plan.servers, server.name())).collect();
    let cases: Vec<_> = cases::all().into_iter().filter(|case| chosen(&plan.cases, case.name)).collect();
    if servers.is_empty() || cases.is_empty() {
        return Err("no such case or server; --help names them".into());
    }
    let contenders: Vec<_> = servers.iter().map(|server| contender(server.as_ref())).collect();
    for left_out in &contenders {
        if let Err(reason) = &left_out.version {
            eprintln!("{} is left out: {reason}", left_out.name);
        }
    }
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut measurements = Vec::new();
    for round in 1..=plan.rounds {
        for case in &cases {
            for (server, contender) in servers.iter().zip(&contenders) {
                if contender.version.is_ok() && case.suits(server.as_ref()) {
                    measurements.push(measure(case, server.as_ref(), &plan.scale, round));
                }
            }
        }
    }
    Ok(Report {
        date,
        machine: machine::description(),
        scale: plan.scale.name,
        rounds: plan.rounds,
        servers: contenders,
        cases: cases.iter().map(|case| Described { name: case.name, about: case.about }).collect(),
        measurements,
    })
}

fn contender(server: &dyn Server) -> Contender {
    Contender { name: server.name(), version: server.version(), configuration: server.configuration() }
}

fn measure(case: &Case, server: &dyn Server, scale: &Scale, round: u32) -> Measurement {
    let begin = Instant::now();
    let figures = case.run(server, scale).unwrap_or_else(|error| Figures {
        faults: vec![format!("the case could not be carried out: {error}")],
        ..Figures::default()
    });
    let shown = figures
        .figures
        .iter()
        .map(|figure| format!("{} {:.4}{}", figure.metric.name, figure.value, figure.metric.unit));
    eprintln!(
        "round {round} {:<18}{:<8}{:>5.1} s  client {:>3.0} %  {}",
        case.name,
        server.name(),
        begin.elapsed().as_secs_f64(),
        figures.client_share * 100.0,
        shown.collect::<Vec<_>>().join(", ")
    );
    for fault in &figures.faults {
        eprintln!("    FAULT: {fault}");
    }
    Measurement { case: case.name, server: server.name(), round, figures }
}
