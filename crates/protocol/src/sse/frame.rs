//! Bytes that are ready for every stream.

use std::fmt;
use std::sync::{Arc, LazyLock};

use memchr::{memchr, memmem};

use super::chunk::{CRLF, Chunk, HEAD_BYTES_MAX};
use super::fields;

/// How a stream's bytes are delimited on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// HTTP/1.1: `Transfer-Encoding: chunked`.
    Chunked,
    /// HTTP/1.0: the payload alone; the end of the connection is the end of the stream.
    Unframed,
}

/// Payload that was encoded once with its chunk framing, shared by every stream that carries it.
///
/// Cloning is a reference count. The frame knows where its payload stands, so an unframed stream
/// takes that slice of the same bytes. Logs and outboxes hold many frames: one is 24 bytes beside
/// the bytes it shares, which have exactly the size they need.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Arc<[u8]>,
    events: u32,
    payload_start: u8,
    payload_tail: u8,
}

const _: () = assert!(size_of::<Frame>() <= 24 && size_of::<Option<Frame>>() <= 24);

impl Frame {
    /// Wraps bytes that are the same for every framing, such as a response head.
    #[must_use]
    pub fn verbatim(bytes: Arc<[u8]>) -> Self {
        Self { bytes, payload_start: 0, payload_tail: 0, events: 0 }
    }

    /// Frames a payload that is known as a whole, as fixtures have it.
    #[must_use]
    pub fn of_payload(payload: &[u8], events: u32) -> Self {
        let mut chunk = Chunk::for_payload(payload.len());
        chunk.payload().extend_from_slice(payload);
        chunk.finish(events)
    }

    /// The chunk that ends a chunked body (RFC 9112, 7.1); empty for an unframed stream.
    #[must_use]
    pub fn last_chunk() -> Self {
        const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
        static SHARED: LazyLock<Frame> =
            LazyLock::new(|| Frame::chunked(LAST_CHUNK.into(), LAST_CHUNK.len() as u8, 0, 0));
        SHARED.clone()
    }

    pub(super) fn chunked(bytes: Arc<[u8]>, payload_start: u8, payload_tail: u8, events: u32) -> Self {
        Self { bytes, events, payload_start, payload_tail }
    }

    /// Gives the bytes alone, for whoever keeps very many single events; [`of_event`](Frame::of_event)
    /// makes them a frame again.
    #[must_use]
    pub fn into_bytes(self) -> Arc<[u8]> {
        self.bytes
    }

    /// Makes the bytes of a frame of one event a frame again.
    #[must_use]
    pub fn of_event(bytes: Arc<[u8]>) -> Self {
        let head = memchr(b'\n', &bytes[..bytes.len().min(HEAD_BYTES_MAX)]).map_or(0, |end| end + 1);
        Self { payload_start: head as u8, payload_tail: CRLF.len() as u8, bytes, events: 1 }
    }

    /// Copies the frame with a `retry:` line inside its first event's block.
    ///
    /// A block that has a `retry:` line keeps its own, and a frame without an event stays as it is:
    /// a client would take the line, but it belongs to the first block that has data.
    #[must_use]
    pub fn with_retry(&self, milliseconds: u64) -> Self {
        let payload = self.payload();
        let Some(end) = end_of_first_event(payload).filter(|_| self.events > 0) else {
            return self.clone();
        };
        let (before, after) = payload.split_at(end);
        if memmem::find(before, b"\nretry: ").is_some() {
            return self.clone();
        }
        let mut chunk = Chunk::for_payload(payload.len() + "retry: \n".len() + 20);
        chunk.payload().extend_from_slice(before);
        fields::retry(chunk.payload(), milliseconds);
        chunk.payload().extend_from_slice(after);
        chunk.finish(self.events)
    }

    /// Gives the bytes that go on a connection of this framing.
    #[must_use]
    pub fn on_wire(&self, framing: Framing) -> &[u8] {
        match framing {
            Framing::Chunked => &self.bytes,
            Framing::Unframed => self.payload(),
        }
    }

    /// Gives the bytes of the event stream itself.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.bytes[usize::from(self.payload_start)..self.bytes.len() - usize::from(self.payload_tail)]
    }

    /// Counts the events in it; heads, comments and last chunks have none.
    #[must_use]
    pub fn events(&self) -> u32 {
        self.events
    }
}

/// Gives where the blank line of the first block with data begins.
///
/// No value holds a line break, so only a field's label can follow one.
fn end_of_first_event(payload: &[u8]) -> Option<usize> {
    let data = if payload.starts_with(b"data: ") { 0 } else { memmem::find(payload, b"\ndata: ")? };
    Some(data + memmem::find(&payload[data..], b"\n\n")? + 1)
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame(\"{}\")", self.payload().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Encoder;
    use super::*;

    #[test]
    fn the_bytes_of_an_event_become_the_same_frame_again() {
        for length in [0, 1, 9, 10, 300, 70_000] {
            let mut encoder = Encoder::for_payload(length);
            encoder.event(Some("name"), &"x".repeat(length));
            let frame = encoder.finish();
            assert_eq!(Frame::of_event(frame.clone().into_bytes()), frame);
        }
    }
}
