//! What each command runs, in order.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine;
use crate::run::{Failure, Run, succeeds};

/// Every test of the workspace.
pub(crate) fn test(run: &mut Run) -> Result<(), Failure> {
    machine::provide_make(run)?;
    let browser = machine::provide_browser(run);
    // Tests of one package start the binaries of others, which `cargo test` alone does not build.
    run.step("binaries", cargo().args(["build", "--workspace", "--bins"]))?;
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]);
    // Else each suite would build them anew, with the features of its own package alone.
    tests.env("SSE_GATEWAY_BIN", binary("debug/sse-gateway"));
    tests.env("SSE_GATEWAY_DEMO_BIN", binary("debug/sse-gateway-demo"));
    if browser {
        // Without it, tests of the page pass unrun where there is no browser.
        tests.env("SSE_GATEWAY_BROWSER", "required");
    }
    run.step("tests", &mut tests)
}

/// What must hold before a change is merged; the quick checks first.
pub(crate) fn ci(run: &mut Run) -> Result<(), Failure> {
    run.step("format", cargo().args(["fmt", "--all", "--check"]))?;
    deny(run)?;
    run.step("lints", cargo().args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    run.step("tidy", cargo().args(["test", "--package", "xtask"]))?;
    test(run)?;
    let docs = ["doc", "--workspace", "--no-deps", "--document-private-items"];
    run.step("documentation", cargo().args(docs).env("RUSTDOCFLAGS", "--deny warnings"))
}

/// The black-box suite against the release binary.
pub(crate) fn blackbox(run: &mut Run) -> Result<(), Failure> {
    machine::provide_make(run)?;
    run.step("release binary", cargo().args(["build", "--release", "--package", "sse-gateway"]))?;
    let suite = |arguments: &[&str]| {
        let mut suite = cargo();
        suite
            .args(["test", "--package", "sse-gateway", "--test", "protocol", "--test", "topics", "--"])
            .args(arguments);
        suite.env("SSE_GATEWAY_BIN", binary("release/sse-gateway"));
        suite
    };
    run.step("black-box suite", &mut suite(&["--skip", "idle_streams"]))?;
    // By themselves, and with their output: it is a figure.
    run.step("idle streams", &mut suite(&["--nocapture", "idle_streams"]))
}

/// Licences, advisories, sources and duplicates, where cargo-deny is installed.
fn deny(run: &mut Run) -> Result<(), Failure> {
    if !succeeds(cargo().args(["deny", "--version"])) {
        run.leave_out("licences and advisories: cargo-deny is missing; cargo install --locked cargo-deny");
        return Ok(());
    }
    run.step(
        "licences",
        cargo().args(["deny", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]),
    )?;
    // Advisories come from the network: a machine without it can check everything else.
    if run.step("advisory database", cargo().args(["deny", "fetch", "db"])).is_err() {
        run.leave_out("advisories: the database cannot be fetched; cargo deny check advisories");
        return Ok(());
    }
    run.step("advisories", cargo().args(["deny", "--offline", "check", "advisories"]))
}

/// The cargo that runs us, in the workspace's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root());
    command
}

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the workspace")
}

/// A file that was built, by its profile and name.
pub(crate) fn binary(path: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    root().join(target).join(path)
}
