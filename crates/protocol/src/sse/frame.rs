//! Bytes that are ready for every stream.

use bytes::Bytes;

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
/// takes that slice of the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    bytes: Bytes,
    payload_start: u8,
    payload_tail: u8,
    events: u32,
}

impl Frame {
    /// Wraps bytes that are the same for every framing, such as a response head.
    #[must_use]
    pub fn verbatim(bytes: Bytes) -> Self {
        Self { bytes, payload_start: 0, payload_tail: 0, events: 0 }
    }

    /// The chunk that ends a chunked body (RFC 9112, 7.1); empty for an unframed stream.
    #[must_use]
    pub fn last_chunk() -> Self {
        let bytes = Bytes::from_static(b"0\r\n\r\n");
        Self { payload_start: 5, payload_tail: 0, bytes, events: 0 }
    }

    pub(super) fn chunked(bytes: Bytes, payload_start: u8, payload_tail: u8, events: u32) -> Self {
        Self { bytes, payload_start, payload_tail, events }
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
