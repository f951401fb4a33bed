//! Events before the log has given them their place.

use std::fmt;

use memchr::memmem;

use super::chunk::Chunk;
use super::fields::{self, EVENT_BYTES_BESIDE_DATA};
use super::frame::Frame;
use crate::position::POSITION_BYTES_MAX;
use crate::{Epoch, Seq};

/// An encoded event that still lacks its id: everything that can be done before the log is asked,
/// so that under the log's lock only the id is written.
#[derive(Clone, PartialEq, Eq)]
pub struct Draft {
    /// The block without its blank line.
    block: Vec<u8>,
}

impl Draft {
    /// The longest `id:` line that [`seal`](Self::seal) adds, in bytes.
    pub const ID_LINE_BYTES_MAX: usize = "id: \n".len() + POSITION_BYTES_MAX;

    /// Encodes an event; LF, CR and CRLF in the data each end a line.
    ///
    /// The name must be free of CR, LF and NUL (checked where it is read); an empty one is left out.
    #[must_use]
    pub fn new(name: Option<&str>, data: &str) -> Self {
        let mut block = Vec::with_capacity(data.len() + EVENT_BYTES_BESIDE_DATA);
        fields::event(&mut block, name, data);
        Self { block }
    }

    /// Takes the lines of an event that was stored without its place.
    #[must_use]
    pub fn of_lines(lines: &[u8]) -> Self {
        Self { block: lines.to_vec() }
    }

    /// Gives the lines of a sealed event without its place, to be stored.
    #[must_use]
    pub fn lines_of(sealed: &Frame) -> &[u8] {
        let payload = sealed.payload();
        // No value holds a line break, so the last line of this kind is the id that was added.
        let end = memmem::rfind(payload, b"\nid: ").map_or(payload.len(), |end| end + 1);
        &payload[..end]
    }

    /// Gives the event its place: the frame of one event with `id: <epoch>-<seq>`.
    #[must_use]
    pub fn seal(&self, epoch: &Epoch, seq: Seq) -> Frame {
        let mut chunk = Chunk::for_payload(self.payload_len() + Self::ID_LINE_BYTES_MAX);
        let payload = chunk.payload();
        payload.extend_from_slice(&self.block);
        fields::id(payload, epoch, seq);
        payload.push(b'\n');
        chunk.finish(1)
    }

    /// Gives the bytes of the sealed payload without its `id:` line, so that a bound is checked first.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.block.len() + 1
    }

    /// Gives its lines, for a comparison or a fingerprint.
    pub(crate) fn lines(&self) -> &[u8] {
        &self.block
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft(\"{}\")", self.block.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_sealed_event_are_those_of_its_draft() {
        let epoch = Epoch::parse("life").expect("an epoch");
        for (name, data) in [(None, ""), (Some("a"), "x\nid: 1\n"), (Some("id: 7"), "data: id: \n\nid: 3-4")]
        {
            let draft = Draft::new(name, data);
            assert_eq!(Draft::of_lines(Draft::lines_of(&draft.seal(&epoch, 42))), draft);
        }
    }
}
