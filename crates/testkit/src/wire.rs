//! A socket whose every byte is kept.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Head;

/// No honest head of these tests is longer.
const HEAD_BYTES_MAX: usize = 2 << 20;

/// A connection with what arrived and was not read yet.
pub(crate) struct Wire {
    stream: TcpStream,
    pub(crate) unread: BytesMut,
    /// Everything that ever arrived.
    pub(crate) received: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, unread: BytesMut::new(), received: Vec::new() }
    }

    /// Waits for more; 0 is the end.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        let read = self.stream.read_buf(&mut self.unread).await?;
        self.received.extend_from_slice(&self.unread[self.unread.len() - read..]);
        Ok(read)
    }

    /// Reads a head and its empty line; `None` when the connection ends before its first byte.
    pub(crate) async fn read_head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = self.unread.split_to(end + 4);
                return Ok(Some(Head::read(&head[..end])));
            }
            assert!(self.unread.len() <= HEAD_BYTES_MAX, "a head without end");
            if self.fill().await? == 0 {
                return if self.unread.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// Reads exactly this many bytes.
    pub(crate) async fn read_exact(&mut self, length: usize) -> io::Result<BytesMut> {
        while self.unread.len() < length {
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.unread.split_to(length))
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends FIN; reading goes on.
    pub(crate) async fn half_close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Sends RST.
    pub(crate) fn reset(self) {
        // Without lingering, close() throws away what is unsent and resets.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    pub(crate) fn is_silent(&self) -> bool {
        let nothing =
            self.stream.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        nothing && self.unread.is_empty()
    }
}
