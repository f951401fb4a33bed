//! The project's own commands: `cargo xtask <command>`.
//!
//! They only start other programs, in order, and tell how long each took; every rule that they
//! check lives in a test, a lint or `deny.toml`. Read `plan.rs` next.

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
  cargo xtask help       this text

A step that fails ends the run and names the command that repeats it.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let plan = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => plan::test,
        ["ci"] => plan::ci,
        ["blackbox"] => plan::blackbox,
        ["help" | "--help" | "-h"] => {
            eprint!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    let mut run = Run::start();
    let outcome = plan(&mut run);
    run.finish(outcome)
}
