//! Imports point one way: what must not know of what.

use std::collections::BTreeSet;
use std::process::Command;

use crate::tree::{self, assert_none};

/// No runtime, no socket, no clock, not even behind another dependency.
const IO_CRATES: [&str; 9] =
    ["tokio", "hyper", "hyper-util", "axum", "mio", "socket2", "rustix", "futures-util", "jiff"];
const IO_MODULES: [&str; 8] = [
    "std::net",
    "std::thread",
    "std::fs",
    "std::env",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::sync::Mutex",
];

#[test]
fn protocol_and_engine_depend_on_no_runtime_socket_or_clock() {
    for package in ["sse-gateway-protocol", "sse-gateway-engine"] {
        let reached = dependencies(package);
        let broken = IO_CRATES.into_iter().filter(|name| reached.contains(*name)).map(str::to_owned);
        assert_none(&format!("{package} decides without I/O, but depends on:"), &broken.collect::<Vec<_>>());
    }
}

#[test]
fn protocol_and_engine_use_no_io_of_the_standard_library() {
    let mut broken = Vec::new();
    let pure =
        |path: &str| path.starts_with("crates/protocol/src/") || path.starts_with("crates/engine/src/");
    for file in tree::files(&["rs"]).iter().filter(|file| pure(&file.path)) {
        for (line, number) in file.text.lines().zip(1..) {
            let line = line.trim();
            let grouped = line.starts_with("use std::time::{")
                && (line.contains("Instant") || line.contains("SystemTime"));
            if grouped || IO_MODULES.iter().any(|module| line.contains(module)) {
                broken.push(format!("{}:{number}: {line}", file.path));
            }
        }
    }
    assert_none("The time comes in as an argument, and effects go out.", &broken);
}

#[test]
fn the_gateway_and_the_backend_side_never_see_each_other() {
    let backend = dependencies("sse-gateway-backend");
    assert!(!backend.contains("sse-gateway"), "the backend side knows the gateway");
    assert!(
        !backend.contains("sse-gateway-engine"),
        "the backend side knows the engine, which is the gateway's"
    );
    assert!(
        !dependencies("sse-gateway").contains("sse-gateway-backend"),
        "the gateway knows the backend side"
    );
}

#[test]
fn the_protocol_knows_no_other_part() {
    let own = dependencies("sse-gateway-protocol").into_iter().filter(|name| name.starts_with("sse-gateway"));
    assert_none("The protocol is what all parts share:", &own.collect::<Vec<_>>());
}

#[test]
fn the_store_and_the_engine_never_see_each_other() {
    assert!(
        !dependencies("sse-gateway-store").contains("sse-gateway-engine"),
        "the store knows rules of the log"
    );
    assert!(!dependencies("sse-gateway-engine").contains("sse-gateway-store"), "the engine knows the disk");
}

/// Everything a package is built from on this platform, without what only tests and builds use.
fn dependencies(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(tree::root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).expect("package names are UTF-8");
    let names = listed.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
    let reached: BTreeSet<_> = names.filter(|name| name != package).collect();
    assert!(!reached.is_empty(), "cargo tree gives nothing for {package}");
    reached
}
