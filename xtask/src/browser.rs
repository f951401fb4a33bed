//! The browser for the tests of the page: Chromium and its driver.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::run::{Run, succeeds};

const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// Sees to it that the browser is there; false, with a note in the report, when it cannot be had.
pub(crate) fn provide(run: &mut Run) -> bool {
    if is_there() {
        return true;
    }
    let reason = match install(run) {
        Ok(()) if is_there() => return true,
        Ok(()) => "apt-get installed it, but chromedriver does not start".to_owned(),
        Err(reason) => reason,
    };
    run.leave_out(format!(
        "the page in a real browser: {reason}. Install {}, then run this again",
        PACKAGES.join(" and ")
    ));
    false
}

fn is_there() -> bool {
    let starts = |program: &str| succeeds(Command::new(program).arg("--version"));
    starts("chromedriver") && ["chromium", "chromium-browser", "google-chrome"].into_iter().any(starts)
}

fn install(run: &mut Run) -> Result<(), String> {
    if !succeeds(Command::new("apt-get").arg("--version")) {
        return Err("there is no apt-get".to_owned());
    }
    if !is_root() {
        return Err("installing it needs root".to_owned());
    }
    let failed = |_| "apt-get could not install it (see above)".to_owned();
    run.step("package lists", apt_get().arg("update")).map_err(failed)?;
    let install = ["install", "--yes", "--no-install-recommends"];
    run.step("browser", apt_get().args(install).args(PACKAGES)).map_err(failed)
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
