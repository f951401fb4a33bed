//! Part 2 of the protocol, topics, row by row, against the real binary.
//!
//! Written from `spec/protocol.md` alone: a test knows the wire and nothing of the gateway's inside. Each file
//! is a part of the protocol and names its section. `SSE_GATEWAY_BIN` runs the suite against another
//! binary, such as a release build or another implementation.

mod continuous;
mod disk;
mod setup;

// 2.1 The connect answer.
mod connect_answer;
mod exclusive;
mod first_block;
mod from;
mod if_missing;

// 2.2 What a listening stream gets.
mod completion;
mod cursor;
mod gap;
mod late;
mod living;
mod resume;
mod slow_readers;

// 2.2 Publishes.
mod event_stream;
mod idempotency;
mod lines;
mod publish;
mod publish_checks;

// 2.2 What is retained, in memory and on the disk.
mod crash;
mod durable;
mod retention;

// 2.3 Other verbs, and what operators see.
mod close;
mod describe;
mod http;
mod metrics;
mod stream_topics;

// 2.4 Guarantees.
mod order;
mod storm;

#[test]
fn every_file_is_part_of_the_suite() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/topics");
    let suite = include_str!("main.rs");
    for entry in std::fs::read_dir(folder).expect("the suite's folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name in ASCII");
        assert!(name == "main" || suite.contains(&format!("mod {name};")), "{name}.rs is never run");
    }
}
