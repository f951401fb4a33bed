//! Part 2 of the protocol, topics, row by row, against the real binary.
//!
//! Written from `spec/protocol.md` alone: a test knows the wire and nothing of the gateway's inside. Each file
//! is a part of the protocol and names its section. `SSE_GATEWAY_BIN` runs the suite against another
//! binary, such as a release build or another implementation.

mod continuous;
mod setup;

// 2.1 The connect answer.
mod connect_answer;
mod exclusive;
mod first_block;
mod from;
mod if_missing;

// 2.2 and 2.4: what a listening stream gets.
mod completion;
mod cursor;
mod gap;
mod late;
mod living;
mod order;
mod resume;
mod slow_readers;

// 2.2 Publishes.
mod event_stream;
mod idempotency;
mod lines;
mod publish;
mod publish_checks;

// 2.3 Other verbs.
mod close;
mod describe;
mod http;

// What operators see.
mod metrics;

// 2.2 What is retained.
mod retention;
