//! Measures SSE Gateway against the kernel's floor and against what a user would pick instead.
//!
//! `run.rs` goes through rounds, cases and servers; `cases/` has what is measured, `load/` the
//! client that does it, `servers/` how each server is started and spoken to, `report/` what comes
//! out. `floor/` and `axum_server.rs` are two of the servers. The method and what the figures mean
//! stand in `docs/performance.md`.

mod axum_server;
mod backend;
mod cases;
mod figures;
mod floor;
mod load;
mod machine;
mod process;
mod report;
mod run;
mod servers;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use cases::Scale;
use machine::Core;
use run::Plan;

/// What can go wrong with a benchmark is told to people, never acted on.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measures SSE Gateway against the kernel's floor and against other servers.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArguments,
}

#[derive(clap::Args)]
struct RunArguments {
    /// A case, or the beginning of its name; may be repeated. All: hold, send-16, send-64, send-events,
    /// send-array, send-lines, send-lines-events, fan-out-1k, fan-out-10k, publish-1, publish-1k, publish-100k,
    /// resume-10k, resume-1k, retained, durable-1, durable-16, durable-256, slow, churn
    #[arg(long = "case")]
    cases: Vec<String>,
    /// A server; may be repeated. All: ours, floor, axum, nchan, pushpin
    #[arg(long = "server")]
    servers: Vec<String>,
    /// How often everything is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Fewer streams and shorter windows: figures to look at, not to quote
    #[arg(long)]
    quick: bool,
    /// As small as it can be: checks that everything works, the figures mean nothing
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,
    /// Where results go; each run gets a folder named by its date
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
    /// The gateway's binary; the one beside this program if absent
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// Makes the floor lose each so manieth event, to see that the load notices
    #[arg(long, hide = true)]
    faulty_floor: Option<u64>,
}

#[derive(Subcommand)]
enum Command {
    /// Serves as one of the servers to compare with
    Serve {
        which: BuiltIn,
        #[arg(long)]
        port: u16,
        #[arg(long)]
        heartbeat_seconds: u64,
        #[arg(long)]
        drop_every: Option<u64>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum BuiltIn {
    Floor,
    Axum,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Some(Command::Serve { which, port, heartbeat_seconds, drop_every }) => {
            let heartbeat = Duration::from_secs(heartbeat_seconds.max(1));
            serve(which, port, heartbeat, drop_every).map(|()| ExitCode::SUCCESS)
        }
        None => measure(arguments.run),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

fn serve(which: BuiltIn, port: u16, heartbeat: Duration, drop_every: Option<u64>) -> Outcome<()> {
    match which {
        BuiltIn::Floor => Ok(floor::serve(port, heartbeat, drop_every)?),
        BuiltIn::Axum => axum_server::serve(port, heartbeat),
    }
}

/// Measures and reports; fails when ours or the floor is at fault.
fn measure(arguments: RunArguments) -> Outcome<ExitCode> {
    if machine::cores() < 2 {
        eprintln!("one core only: server and client share it, and the figures say little");
    }
    let files = machine::raise_file_limit();
    eprintln!("{}; {files} open files a process", machine::description());
    machine::run_on(Core::Client);
    let [full, quick, smoke] = Scale::ALL;
    let scale = if arguments.smoke {
        smoke
    } else if arguments.quick {
        quick
    } else {
        full
    };
    let report = run::run(&Plan {
        cases: arguments.cases,
        servers: arguments.servers,
        rounds: arguments.rounds,
        scale,
        gateway: arguments.gateway,
        faulty_floor: arguments.faulty_floor,
    })?;
    let folder = arguments.results.join(report.date.replace(':', ""));
    report.write(&folder)?;
    eprintln!("\n{}\nWritten to {}", report.table(), folder.display());
    let faults: Vec<_> = ["ours", "floor"].into_iter().flat_map(|server| report.faults_of(server)).collect();
    if faults.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("At fault:\n  {}", faults.join("\n  "));
    Ok(ExitCode::FAILURE)
}
