//! Takes a stream's framing apart, strictly.

use bytes::{Buf, Bytes, BytesMut};

use super::End;
use crate::Head;

/// The framing of a stream and how far it was read.
#[derive(Debug, Default)]
pub(super) struct Body {
    framing: Framing,
    /// The connection outlives the stream: the answer does not say `Connection: close`.
    kept_alive: bool,
    chunks: Vec<Bytes>,
}

#[derive(Debug, Default)]
enum Framing {
    /// Up to the end of the connection.
    #[default]
    Unframed,
    /// Between chunks.
    Chunked,
    /// The last chunk was read.
    Finished,
}

impl Body {
    pub(super) fn of(head: &Head) -> Self {
        let framing = if head.is_chunked() { Framing::Chunked } else { Framing::Unframed };
        let kept_alive = head.header("connection") != Some("close");
        Self { framing, kept_alive, chunks: Vec::new() }
    }

    pub(super) fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// Takes the next whole chunk, or whatever there is of an unframed stream.
    pub(super) fn take(&mut self, unread: &mut BytesMut) -> Option<Bytes> {
        let payload = match self.framing {
            Framing::Unframed => Some(unread.split().freeze()).filter(|payload| !payload.is_empty())?,
            Framing::Chunked => self.take_chunk(unread)?,
            Framing::Finished => {
                assert!(unread.is_empty(), "bytes after the last chunk: {unread:?}");
                return None;
            }
        };
        self.chunks.push(payload.clone());
        Some(payload)
    }

    /// Tells whether the last chunk was read and the connection is to serve another request.
    pub(super) fn is_over(&self) -> bool {
        self.kept_alive && matches!(self.framing, Framing::Finished)
    }

    /// What the end of the connection means here.
    pub(super) fn end(&self) -> End {
        match self.framing {
            Framing::Chunked => End::Cut,
            Framing::Unframed | Framing::Finished => End::Clean,
        }
    }

    fn take_chunk(&mut self, unread: &mut BytesMut) -> Option<Bytes> {
        let size_end = unread.windows(2).position(|window| window == b"\r\n")?;
        let digits = std::str::from_utf8(&unread[..size_end]).expect("a chunk size in ASCII");
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(plain, "no plain chunk size: {digits:?}");
        let size = usize::from_str_radix(digits, 16).expect("a chunk size");
        let whole = size_end + 2 + size + 2;
        if unread.len() < whole {
            return None;
        }
        unread.advance(size_end + 2);
        let payload = unread.split_to(size).freeze();
        assert_eq!(unread.split_to(2), "\r\n", "a chunk ends with CRLF");
        if size == 0 {
            self.framing = Framing::Finished;
            assert!(unread.is_empty(), "bytes after the last chunk: {unread:?}");
            return None;
        }
        Some(payload)
    }
}
