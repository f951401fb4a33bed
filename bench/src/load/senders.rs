//! Keep-alive connections that post, one request at a time each.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use hdrhistogram::Histogram;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, sockopt};

use super::decoder::{Decoder, Found};
use super::poller::{Poller, Source};
use super::socket::connect;
use super::tally::nanoseconds;

/// Connections to the server's sending side.
pub(crate) struct Senders {
    server: SocketAddr,
    connections: Vec<Sender>,
    /// In the order in which they are used again, so that none is idle for long.
    idle: VecDeque<u32>,
    /// Answers with a 2xx status.
    pub(crate) accepted: u64,
    /// Other answers.
    pub(crate) refused: u64,
    /// What was refused last, for the report.
    pub(crate) last_refusal: Option<u16>,
    /// From when a request was due to its answer, in nanoseconds.
    pub(crate) answers: Histogram<u64>,
    buffer: Vec<u8>,
}

struct Sender {
    socket: OwnedFd,
    decoder: Decoder,
    unsent: Vec<u8>,
    /// When the request was due that is being answered.
    due: u64,
}

impl Senders {
    pub(crate) fn connect(poller: &Poller, server: SocketAddr, count: u32) -> io::Result<Self> {
        let mut connections = Vec::new();
        for index in 0..count {
            connections.push(Sender::connect(poller, server, index)?);
        }
        Ok(Self {
            server,
            connections,
            idle: (0..count).collect(),
            accepted: 0,
            refused: 0,
            last_refusal: None,
            answers: nanoseconds(),
            buffer: vec![0; 16 << 10],
        })
    }

    /// Takes a connection that waits for nothing.
    pub(crate) fn take_idle(&mut self) -> Option<u32> {
        self.idle.pop_front()
    }

    /// Tells whether every request has its answer.
    pub(crate) fn is_quiet(&self) -> bool {
        self.idle.len() == self.connections.len()
    }

    /// Posts a request on a connection taken by [`take_idle`](Self::take_idle).
    pub(crate) fn post(&mut self, index: u32, request: &[u8], due: u64) -> io::Result<()> {
        let sender = &mut self.connections[index as usize];
        sender.due = due;
        sender.unsent.extend_from_slice(request);
        sender.flush()
    }

    /// Goes on writing and reads answers; a server that closes after one gets a new connection.
    pub(crate) fn ready(&mut self, poller: &Poller, index: u32, now: u64) -> io::Result<()> {
        let sender = &mut self.connections[index as usize];
        sender.flush()?;
        loop {
            let count = match rustix::net::recv(&sender.socket, &mut *self.buffer, RecvFlags::DONTWAIT) {
                // A server may give an idle connection up.
                Ok((_, 0)) if self.idle.contains(&index) => {
                    *sender = Sender::connect(poller, self.server, index)?;
                    return Ok(());
                }
                Ok((_, 0)) => return Err(io::Error::other("the server has closed instead of answering")),
                Ok((_, count)) => count,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let (accepted, refused) = (&mut self.accepted, &mut self.refused);
            let (last_refusal, idle) = (&mut self.last_refusal, &mut self.idle);
            let (answers, due) = (&mut self.answers, sender.due);
            let mut closed = false;
            let fed = sender.decoder.feed(&self.buffer[..count], |found| match found {
                Found::Head(200..=299) => *accepted += 1,
                Found::Head(status) => {
                    *refused += 1;
                    *last_refusal = Some(status);
                }
                Found::Line(_) => {}
                Found::End { closes } => {
                    answers.saturating_record(now.saturating_sub(due));
                    idle.push_back(index);
                    closed = closes;
                }
            });
            fed.map_err(|_| io::Error::other("the server's answer to a send is no HTTP"))?;
            if closed {
                *sender = Sender::connect(poller, self.server, index)?;
                return Ok(());
            }
            if count < self.buffer.len() {
                return Ok(());
            }
        }
    }
}

impl Sender {
    fn connect(poller: &Poller, server: SocketAddr, index: u32) -> io::Result<Self> {
        // It may take a second to come about, when the server accepts slowly; nobody else waits for it.
        let socket = connect(None, server)?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        poller.add(&socket, Source::Sender(index))?;
        Ok(Self { socket, decoder: Decoder::default(), unsent: Vec::new(), due: 0 })
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match rustix::net::send(&self.socket, &self.unsent, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
