//! Writes events as frames.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use memchr::memchr2;

use super::Frame;

/// Room for the longest chunk head, `ffffffffffffffff\r\n`.
const CHUNK_HEAD_MAX: usize = 18;
const CHUNK_TAIL: &[u8] = b"\r\n";

/// Collects events into one [`Frame`], so that they travel back to back in one write.
#[derive(Debug)]
pub struct Encoder {
    buffer: BytesMut,
    events: u32,
}

impl Encoder {
    /// Starts a frame whose payload is expected to have about this many bytes.
    #[must_use]
    pub fn for_payload(bytes: usize) -> Self {
        let mut buffer = BytesMut::with_capacity(CHUNK_HEAD_MAX + bytes + CHUNK_TAIL.len());
        buffer.put_bytes(0, CHUNK_HEAD_MAX);
        Self { buffer, events: 0 }
    }

    /// Adds an event; LF, CR and CRLF in the data each end a line.
    ///
    /// The name must be free of CR, LF and NUL (checked where it is read); an empty one is left out.
    pub fn event(&mut self, name: Option<&str>, data: &str) {
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            debug_assert!(crate::event::is_valid_name(name), "names are checked where they are read");
            self.field(b"event: ", name.as_bytes());
        }
        let mut rest = data.as_bytes();
        while let Some(end) = memchr2(b'\n', b'\r', rest) {
            self.field(b"data: ", &rest[..end]);
            let crlf = rest[end..].starts_with(b"\r\n");
            rest = &rest[end + 1 + usize::from(crlf)..];
        }
        self.field(b"data: ", rest);
        self.buffer.put_u8(b'\n');
        self.events = self.events.saturating_add(1);
    }

    /// Adds a `retry:` line to the last event's block; makes a block of its own when there is none.
    pub fn retry(&mut self, milliseconds: u64) {
        if self.events > 0 {
            self.buffer.truncate(self.buffer.len() - 1);
        }
        self.field(b"retry: ", milliseconds.to_string().as_bytes());
        self.buffer.put_u8(b'\n');
    }

    /// Adds a comment, which no client dispatches; the text must be one line.
    pub fn comment(&mut self, text: &str) {
        self.field(b": ", text.as_bytes());
        self.buffer.put_u8(b'\n');
    }

    /// Closes the chunk; with nothing added there is none, as a chunk of size zero ends the body.
    #[must_use]
    pub fn finish(mut self) -> Frame {
        if self.buffer.len() == CHUNK_HEAD_MAX {
            return Frame::verbatim(Bytes::new());
        }
        let start = write_chunk_head(&mut self.buffer);
        self.buffer.put_slice(CHUNK_TAIL);
        self.buffer.advance(start);
        // Both lengths are at most CHUNK_HEAD_MAX.
        let (head, tail) = ((CHUNK_HEAD_MAX - start) as u8, CHUNK_TAIL.len() as u8);
        Frame::chunked(self.buffer.freeze(), head, tail, self.events)
    }

    fn field(&mut self, label: &[u8], value: &[u8]) {
        self.buffer.reserve(label.len() + value.len() + 2);
        self.buffer.put_slice(label);
        self.buffer.put_slice(value);
        self.buffer.put_u8(b'\n');
    }
}

/// Writes the payload's length right before the payload, backwards; gives where it begins.
fn write_chunk_head(buffer: &mut [u8]) -> usize {
    let mut length = buffer.len() - CHUNK_HEAD_MAX;
    let mut start = CHUNK_HEAD_MAX - CHUNK_TAIL.len();
    buffer[start..CHUNK_HEAD_MAX].copy_from_slice(CHUNK_TAIL);
    loop {
        start -= 1;
        buffer[start] = b"0123456789abcdef"[length % 16];
        length /= 16;
        if length == 0 {
            return start;
        }
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
