//! Every case, as small as it can be, against ours and the floor: what is checked is that nothing
//! is lost, out of order or refused, and that the load would notice. No figure decides.

use std::fs;
use std::process::{Command, Output};

use sse_gateway_testkit::binary;

fn bench(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().expect("there is room for results");
    let output = Command::new(env!("CARGO_BIN_EXE_sse-gateway-bench"))
        .args(["--smoke", "--rounds", "1", "--results"])
        .arg(folder.path())
        .arg("--gateway")
        .arg(binary("sse-gateway", "sse-gateway"))
        .args(arguments)
        .output()
        .expect("the benchmark starts");
    if output.status.success() {
        let run = fs::read_dir(folder.path()).expect("results were written").next().expect("of one run");
        let files = run.expect("it can be read").path();
        for file in ["table.md", "raw.json", "sends.svg"] {
            assert!(files.join(file).exists(), "{file} is missing");
        }
    }
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn every_case_delivers_everything_in_order_against_ours_and_the_floor() {
    let output = bench(&["--server", "ours", "--server", "floor"]);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_server_that_drops_is_shown_as_dropping() {
    let output = bench(&["--server", "floor", "--case", "send-16", "--faulty-floor", "100"]);
    assert!(!output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("events accepted and not delivered"), "{}", said(&output));
}
