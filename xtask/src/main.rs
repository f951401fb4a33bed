//! The project's own commands: `cargo xtask <command>`.
//!
//! They only start other programs, in order, and tell how long each took; every rule that they
//! check lives in a test, a lint or `deny.toml`. Read `plan.rs` next.

mod bench;
mod machine;
mod plan;
mod run;

use std::process::ExitCode;

use run::Run;

const HELP: &str = "\
The project's own commands.

  cargo xtask test       run every test; installs what is missing and installable
  cargo xtask ci         what .ci/run does: format, lints, licences, tests, documentation
  cargo xtask blackbox   the black-box suite against target/release/sse-gateway
  cargo xtask bench      measure against the floor and other servers; as root it installs those
                         (`bench --help` for its options)
  cargo xtask help       this text

A step that fails ends the run and names the command that repeats it.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut run = Run::start();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => plan::test(&mut run),
        ["ci"] => plan::ci(&mut run),
        ["blackbox"] => plan::blackbox(&mut run),
        ["bench", ..] => bench::bench(&mut run, &arguments[1..]),
        ["help" | "--help" | "-h"] => {
            eprint!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    run.finish(outcome)
}
