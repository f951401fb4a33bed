//! Puts the framing of a chunked body around a payload (RFC 9112, 7.1).

use super::Frame;

/// Room for the longest chunk head, `ffffffffffffffff\r\n`.
pub(super) const HEAD_BYTES_MAX: usize = 18;
pub(super) const CRLF: &[u8] = b"\r\n";

/// A payload under way, with room for its chunk head before it.
#[derive(Debug)]
pub(super) struct Chunk {
    buffer: Vec<u8>,
}

impl Chunk {
    /// Starts a chunk whose payload is expected to have about this many bytes.
    pub(super) fn for_payload(bytes: usize) -> Self {
        let mut buffer = Vec::with_capacity(HEAD_BYTES_MAX + bytes + CRLF.len());
        buffer.resize(HEAD_BYTES_MAX, 0);
        Self { buffer }
    }

    /// Gives the end of the payload, to write to; what stands in it already must stay.
    pub(super) fn payload(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Closes the chunk; an empty payload gives no bytes, as a chunk of size zero ends the body.
    pub(super) fn finish(mut self, events: u32) -> Frame {
        let payload_bytes = self.buffer.len() - HEAD_BYTES_MAX;
        if payload_bytes == 0 {
            return Frame::verbatim([].into());
        }
        let start = write_head(&mut self.buffer[..HEAD_BYTES_MAX], payload_bytes);
        self.buffer.extend_from_slice(CRLF);
        // Both lengths are at most HEAD_BYTES_MAX.
        let (head, tail) = ((HEAD_BYTES_MAX - start) as u8, CRLF.len() as u8);
        Frame::chunked(self.buffer[start..].into(), head, tail, events)
    }
}

/// Writes the payload's length and a line end so that they end with the buffer; gives their start.
fn write_head(buffer: &mut [u8], mut length: usize) -> usize {
    let mut start = buffer.len() - CRLF.len();
    buffer[start..].copy_from_slice(CRLF);
    loop {
        start -= 1;
        buffer[start] = b"0123456789abcdef"[length % 16];
        length /= 16;
        if length == 0 {
            return start;
        }
    }
}
