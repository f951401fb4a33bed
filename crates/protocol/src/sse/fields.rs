//! Writes the fields of a block. Every value is one line: names are checked where they are read.

use std::io::Write as _;

use memchr::memchr2;

use crate::{Epoch, Seq};

/// What a caller should reserve beside an event's data and name, so that a buffer rarely grows.
pub(super) const EVENT_BYTES_BESIDE_DATA: usize = 64;

/// Adds `event` and `data`; LF, CR and CRLF in the data each end a line.
pub(super) fn event(block: &mut Vec<u8>, name: Option<&str>, data: &str) {
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        debug_assert!(crate::event::is_valid_name(name), "names are checked where they are read");
        field(block, b"event: ", name.as_bytes());
    }
    let mut rest = data.as_bytes();
    while let Some(end) = memchr2(b'\n', b'\r', rest) {
        field(block, b"data: ", &rest[..end]);
        let crlf = rest[end..].starts_with(b"\r\n");
        rest = &rest[end + 1 + usize::from(crlf)..];
    }
    field(block, b"data: ", rest);
}

pub(super) fn id(block: &mut Vec<u8>, epoch: &Epoch, seq: Seq) {
    writeln!(block, "id: {}-{seq}", epoch.as_str()).expect("memory takes all");
}

pub(super) fn retry(block: &mut Vec<u8>, milliseconds: u64) {
    writeln!(block, "retry: {milliseconds}").expect("memory takes all");
}

pub(super) fn comment(block: &mut Vec<u8>, text: &str) {
    field(block, b": ", text.as_bytes());
}

fn field(block: &mut Vec<u8>, label: &[u8], value: &[u8]) {
    block.reserve(label.len() + value.len() + 2);
    block.extend_from_slice(label);
    block.extend_from_slice(value);
    block.push(b'\n');
}
