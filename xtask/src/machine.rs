//! What the machine must have, and how to get it: Debian's packages, when we are root.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::run::{Failure, Run, succeeds};

const BROWSER_PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// Sees to it that `make` is there; without it the gateway's allocator cannot be built.
pub(crate) fn provide_make(run: &mut Run) -> Result<(), Failure> {
    if has("make") {
        return Ok(());
    }
    match install(run, &["make"]) {
        Ok(()) => Ok(()),
        Err(reason) => Err(Failure::new(
            "make",
            format!("it is missing, and {reason}"),
            "apt-get install build-essential",
        )),
    }
}

/// Sees to it that the browser is there; false, with a note in the report, when it cannot be had.
pub(crate) fn provide_browser(run: &mut Run) -> bool {
    if has_browser() {
        return true;
    }
    let reason = match install(run, &BROWSER_PACKAGES) {
        Ok(()) if has_browser() => return true,
        Ok(()) => "apt-get installed it, but it does not start".to_owned(),
        Err(reason) => reason,
    };
    run.leave_out(format!(
        "the page in a real browser: {reason}. Install {}, then run this again",
        BROWSER_PACKAGES.join(" and ")
    ));
    false
}

/// Sees to it that packages are there; what cannot be had is noted in the report, with what goes without it.
pub(crate) fn provide_packages(run: &mut Run, what: &str, packages: &[&str]) {
    if succeeds(Command::new("dpkg").arg("--status").args(packages)) {
        return;
    }
    if let Err(reason) = install(run, packages) {
        run.leave_out(format!("{what}: {reason}. Install {}, then run this again", packages.join(" and ")));
    }
}

fn has_browser() -> bool {
    has("chromedriver") && ["chromium", "chromium-browser", "google-chrome"].into_iter().any(has)
}

fn has(program: &str) -> bool {
    succeeds(Command::new(program).arg("--version"))
}

/// Installs packages, or says why not; the end of a sentence.
fn install(run: &mut Run, packages: &[&str]) -> Result<(), String> {
    if !has("apt-get") {
        return Err("there is no apt-get".to_owned());
    }
    if !is_root() {
        return Err("installing it needs root".to_owned());
    }
    let failed = |_| "apt-get could not install it (see above)".to_owned();
    run.step("package lists", apt_get().arg("update")).map_err(failed)?;
    let install = ["install", "--yes", "--no-install-recommends"];
    run.step(&packages.join(" and "), apt_get().args(install).args(packages)).map_err(failed)
}

/// Asks nothing, and waits for another apt-get to end.
fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-o", "DPkg::Lock::Timeout=120"]);
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
