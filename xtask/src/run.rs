//! A sequence of commands: each is shown, timed, and ends the run when it fails.

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// What was done so far, and what could not be.
pub(crate) struct Run {
    begin: Instant,
    done: Vec<(String, Duration)>,
    left_out: Vec<String>,
}

/// The step that ended the run, with the command that repeats or mends it.
pub(crate) struct Failure {
    step: String,
    cause: String,
    repeat: String,
}

impl Failure {
    pub(crate) fn new(step: &str, cause: impl Into<String>, repeat: &str) -> Self {
        Self { step: step.to_owned(), cause: cause.into(), repeat: repeat.to_owned() }
    }
}

impl Run {
    pub(crate) fn start() -> Self {
        Self { begin: Instant::now(), done: Vec::new(), left_out: Vec::new() }
    }

    /// Runs a command to its end; it reads no input.
    pub(crate) fn step(&mut self, name: &str, command: &mut Command) -> Result<(), Failure> {
        let repeat = shown(command);
        eprintln!("\n==> {name}: {repeat}");
        let begin = Instant::now();
        let status = command.stdin(Stdio::null()).status();
        let took = begin.elapsed();
        let cause = match status {
            Ok(status) if status.success() => {
                eprintln!("==> {name}: done in {}", seconds(took));
                self.done.push((name.to_owned(), took));
                return Ok(());
            }
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        Err(Failure::new(name, cause, &repeat))
    }

    /// Notes what this run does without, for the report at its end.
    pub(crate) fn leave_out(&mut self, what: impl Into<String>) {
        let what = what.into();
        eprintln!("\n==> left out: {what}");
        self.left_out.push(what);
    }

    /// Reports, and gives the exit code.
    pub(crate) fn finish(self, outcome: Result<(), Failure>) -> ExitCode {
        eprintln!("\n{:-<60}", "");
        for (name, took) in &self.done {
            eprintln!("{:>9}  {name}", seconds(*took));
        }
        eprintln!("{:>9}  in all", seconds(self.begin.elapsed()));
        for what in &self.left_out {
            eprintln!("NOT DONE: {what}");
        }
        match outcome {
            Ok(()) => {
                eprintln!("PASSED{}", if self.left_out.is_empty() { "" } else { ", without the above" });
                ExitCode::SUCCESS
            }
            Err(Failure { step, cause, repeat }) => {
                eprintln!("FAILED: {step} ({cause})\nTo do it by hand: {repeat}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Tells whether a command runs and succeeds, without showing anything of it.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A command as a shell takes it.
fn shown(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={}", name.to_string_lossy(), quoted(&value?.to_string_lossy())))
    });
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| quoted(&word.to_string_lossy()));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:,+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) { word.to_owned() } else { format!("'{word}'") }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_names_the_command_that_repeats_it() {
        let mut run = Run::start();
        let failure =
            run.step("fail", Command::new("false").arg("a b").env("X", "1")).expect_err("false fails");
        assert_eq!(failure.repeat, "X=1 false 'a b'");
        assert!(failure.cause.contains("exit status: 1"), "{}", failure.cause);
    }

    #[test]
    fn a_program_that_is_missing_is_a_failure() {
        let mut run = Run::start();
        assert!(run.step("missing", &mut Command::new("no-such-program-anywhere")).is_err());
    }
}
