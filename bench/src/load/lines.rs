//! One connection that carries many sends, one a line, with answers coming back meanwhile.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};

use super::decoder::{Decoder, Found};
use super::poller::{Poller, Source};

/// What is written at once.
const WRITE_BYTES: usize = 256 << 10;

/// A request with an endless body of lines.
pub(crate) struct Lines {
    socket: TcpStream,
    decoder: Decoder,
    /// Framed, not yet written.
    unsent: Vec<u8>,
    written: usize,
    /// Lines given and answered.
    pub(crate) given: u64,
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    buffer: Vec<u8>,
}

impl Lines {
    pub(crate) fn connect(poller: &Poller, server: SocketAddr, path: &str) -> io::Result<Self> {
        let socket = TcpStream::connect(server)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        poller.add(&socket, Source::Lines)?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/x-ndjson\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
        Ok(Self {
            socket,
            decoder: Decoder::default(),
            unsent: head.into_bytes(),
            written: 0,
            given: 0,
            accepted: 0,
            refused: 0,
            buffer: vec![0; 64 << 10],
        })
    }

    /// How many lines have no answer yet.
    pub(crate) fn outstanding(&self) -> u64 {
        self.given - self.accepted - self.refused
    }

    /// Tells whether what was given has been written.
    pub(crate) fn is_written(&self) -> bool {
        self.written == self.unsent.len()
    }

    /// Gives whole lines, each with its line end.
    pub(crate) fn give(&mut self, lines: &[u8], count: u64) -> io::Result<()> {
        write!(self.unsent, "{:x}\r\n", lines.len())?;
        self.unsent.extend_from_slice(lines);
        self.unsent.extend_from_slice(b"\r\n");
        self.given += count;
        self.flush()
    }

    /// Goes on writing and reads answers.
    pub(crate) fn ready(&mut self) -> io::Result<()> {
        self.flush()?;
        loop {
            let count = match rustix::net::recv(&self.socket, &mut *self.buffer, RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return Err(io::Error::other("the server has ended the stream of answers")),
                Ok((_, count)) => count,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let (accepted, refused) = (&mut self.accepted, &mut self.refused);
            let fed = self.decoder.feed(&self.buffer[..count], |found| match found {
                Found::Line(line)
                    if line.starts_with(br#"{"status":"ok"#) || line.starts_with(br#"{"position":"#) =>
                {
                    *accepted += 1;
                }
                Found::Line(_) => *refused += 1,
                Found::Head(_) | Found::End { .. } => {}
            });
            fed.map_err(|_| io::Error::other("the answer to lines is no HTTP"))?;
            if count < self.buffer.len() {
                return Ok(());
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        while !self.is_written() {
            let end = self.unsent.len().min(self.written + WRITE_BYTES);
            match rustix::net::send(&self.socket, &self.unsent[self.written..end], flags) {
                Ok(count) => self.written += count,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.unsent.clear();
        self.written = 0;
        Ok(())
    }
}
