//! Writes events as frames.

use super::chunk::Chunk;
use super::fields;
use super::frame::Frame;
use crate::{Epoch, Seq};

/// Collects events into one [`Frame`], so that they travel back to back in one write.
#[derive(Debug)]
pub struct Encoder {
    chunk: Chunk,
    events: u32,
}

impl Encoder {
    /// Starts a frame whose payload is expected to have about this many bytes.
    #[must_use]
    pub fn for_payload(bytes: usize) -> Self {
        Self { chunk: Chunk::for_payload(bytes), events: 0 }
    }

    /// Adds an event; LF, CR and CRLF in the data each end a line.
    ///
    /// The name must be free of CR, LF and NUL (checked where it is read); an empty one is left out.
    pub fn event(&mut self, name: Option<&str>, data: &str) {
        fields::event(self.chunk.payload(), name, data);
        self.chunk.payload().push(b'\n');
        self.events = self.events.saturating_add(1);
    }

    /// Adds an `id:` line to the last event's block; a client remembers it without an event too.
    pub fn id(&mut self, epoch: &Epoch, seq: Seq) {
        self.extend_last_block(|block| fields::id(block, epoch, seq));
    }

    /// Adds a `retry:` line to the last event's block; makes a block of its own when there is none.
    pub fn retry(&mut self, milliseconds: u64) {
        self.extend_last_block(|block| fields::retry(block, milliseconds));
    }

    /// Adds a comment, which no client dispatches; the text must be one line.
    pub fn comment(&mut self, text: &str) {
        fields::comment(self.chunk.payload(), text);
        self.chunk.payload().push(b'\n');
    }

    /// Closes the chunk; with nothing added there is none, as a chunk of size zero ends the body.
    #[must_use]
    pub fn finish(self) -> Frame {
        self.chunk.finish(self.events)
    }

    fn extend_last_block(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let payload = self.chunk.payload();
        if self.events > 0 {
            payload.pop();
        }
        write(payload);
        payload.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::super::Framing;
    use super::*;

    #[test]
    fn a_frame_carries_its_chunk_framing_and_knows_its_payload() {
        let mut encoder = Encoder::for_payload(0);
        encoder.event(None, "0123456789");
        let frame = encoder.finish();
        assert_eq!(frame.on_wire(Framing::Chunked), b"12\r\ndata: 0123456789\n\n\r\n");
        assert_eq!(frame.on_wire(Framing::Unframed), b"data: 0123456789\n\n");
        assert_eq!(frame.events(), 1);
    }

    #[test]
    fn the_last_chunk_is_nothing_on_an_unframed_stream() {
        assert_eq!(Frame::last_chunk().on_wire(Framing::Chunked), b"0\r\n\r\n");
        assert_eq!(Frame::last_chunk().on_wire(Framing::Unframed), b"");
    }
}
