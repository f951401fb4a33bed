//! Finds the binaries under test.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Gives the path of a binary of the workspace, built in the profile of the running test.
///
/// The variable `<NAME>_BIN` (`SSE_GATEWAY_BIN` for `sse-gateway`) names another one, such as a
/// release build. Otherwise the binary is built once per process, beside the test.
///
/// # Panics
/// When the build fails.
#[must_use]
pub fn binary(package: &str, name: &str) -> PathBuf {
    static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);

    let variable = format!("{}_BIN", name.to_ascii_uppercase().replace('-', "_"));
    if let Some(path) = std::env::var_os(variable) {
        return path.into();
    }
    // Held over the build, so that tests that need the same binary build it once.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let built = built.get_or_insert_default();
    built.entry(format!("{package}/{name}")).or_insert_with(|| build(package, name)).clone()
}

/// The running test stands in `<target>/<profile>/deps/`, or for doc tests and binaries one up.
fn build(package: &str, name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test knows its path");
    let mut profile = test.parent().expect("an executable has a folder");
    if profile.ends_with("deps") {
        profile = profile.parent().expect("deps is inside a profile's folder");
    }
    let target = profile.parent().expect("a profile's folder is inside the target folder");
    let profile_name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("{} has no name", profile.display()),
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--package", package, "--bin", name, "--profile", profile_name])
        .arg("--target-dir")
        .arg(target)
        .current_dir(workspace())
        .status()
        .expect("cargo starts");
    assert!(status.success(), "{package} does not build");
    profile.join(name)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
