//! The benchmark: release builds, the servers to compare with, and then `sse-gateway-bench`.

use std::process::Command;

use crate::machine;
use crate::plan::{binary, cargo, root};
use crate::run::{Failure, Run};

/// Debian's packages of the servers that are not ours.
const PEERS: [&str; 4] = ["nginx", "libnginx-mod-nchan", "pushpin", "zurl"];

/// Measures every case against every server that is installed; the arguments go to the benchmark.
pub(crate) fn bench(run: &mut Run, arguments: &[String]) -> Result<(), Failure> {
    machine::provide_make(run)?;
    machine::provide_packages(run, "nchan and Pushpin", &PEERS);
    let packages = ["--package", "sse-gateway", "--package", "sse-gateway-bench"];
    run.step("release binaries", cargo().args(["build", "--release"]).args(packages))?;
    let mut bench = Command::new(binary("release/sse-gateway-bench"));
    run.step("benchmark", bench.current_dir(root()).args(arguments))
}
