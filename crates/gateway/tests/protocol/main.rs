//! The protocol, row by row, against the real binary.
//!
//! Written from `spec/protocol.md` alone: a test knows the wire and nothing of the gateway's inside. Each file
//! is a part of the protocol and names its section. `SSE_GATEWAY_BIN` runs the suite against another
//! binary, such as a release build or another implementation.

mod setup;

// 1.1 A client connects.
mod callback_answer;
mod callback_connection;
mod callback_request;
mod callback_time;
mod connect;
mod http;
mod http_errors;
mod opening;

// 22 Storms.
mod unavailable;

// 1.2 Events on the wire.
mod event;
mod heartbeat;

// 1.3 Sends.
mod access;
mod outbox;
mod send_checks;
mod send_events;
mod send_many;

// 1.4 The end of a stream.
mod close;
mod disconnect;
mod leaving;
mod limits;

// 1.5 Health, configuration, shutdown; 1.6 features.
mod cors;
mod crash;
mod health;
mod idle_streams;
mod metrics;
mod secrecy;
mod settings;
mod shutdown;

#[test]
fn every_file_is_part_of_the_suite() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protocol");
    let suite = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).expect("the suite's folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name in ASCII");
        assert!(name == "main" || suite.contains(&format!("mod {name};")), "{name}.rs is never run");
    }
}
