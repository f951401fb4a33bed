//! The backend that servers ask: it answers at once, and learns how each stream is named.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use memchr::memmem;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use slab::Slab;

use crate::load::{Poller, Source};

const READ_BYTES: usize = 64 << 10;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// Takes callbacks of every kind of server, on keep-alive connections.
pub(crate) struct Backend {
    listener: TcpListener,
    connections: Slab<Connection>,
    buffer: Vec<u8>,
    /// Streams that were asked about.
    pub(crate) connects: u64,
    /// Streams that were said to have gone.
    pub(crate) disconnects: u64,
    /// The token of each stream, where the server makes one.
    pub(crate) tokens: Vec<String>,
}

struct Connection {
    socket: TcpStream,
    /// A request whose rest has not come.
    kept: Vec<u8>,
}

impl Backend {
    pub(crate) fn start(poller: &Poller) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        // The standard library asks for a backlog of 128; asking again makes it longer.
        rustix::net::listen(&listener, 4096)?;
        listener.set_nonblocking(true)?;
        poller.add(&listener, Source::Backend)?;
        Ok(Self {
            listener,
            connections: Slab::new(),
            buffer: vec![0; READ_BYTES],
            connects: 0,
            disconnects: 0,
            tokens: Vec::new(),
        })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Takes the connections that wait.
    pub(crate) fn accept(&mut self, poller: &Poller) -> io::Result<()> {
        loop {
            let socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            socket.set_nodelay(true)?;
            let entry = self.connections.vacant_entry();
            poller.add(&socket, Source::Callback(entry.key() as u32))?;
            entry.insert(Connection { socket, kept: Vec::new() });
        }
    }

    /// Reads and answers what has come.
    pub(crate) fn ready(&mut self, index: u32) -> io::Result<()> {
        loop {
            let Some(connection) = self.connections.get_mut(index as usize) else { return Ok(()) };
            match rustix::net::recv(&connection.socket, &mut *self.buffer, RecvFlags::DONTWAIT) {
                Ok((_, 0)) => break,
                Ok((_, count)) => connection.kept.extend_from_slice(&self.buffer[..count]),
                Err(Errno::AGAIN) => return Ok(()),
                // The server drops what it does not need any more.
                Err(_) => break,
            }
            let mut kept = std::mem::take(&mut connection.kept);
            let mut answers = Vec::new();
            let mut taken = 0;
            while let Some(request) = Request::read(&kept[taken..]) {
                self.answer(&request, &mut answers);
                taken += request.bytes;
            }
            kept.drain(..taken);
            let connection = &mut self.connections[index as usize];
            connection.kept = kept;
            // Answers are small and each is waited for: they always fit.
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            if !answers.is_empty()
                && rustix::net::send(&connection.socket, &answers, flags) != Ok(answers.len())
            {
                break;
            }
        }
        self.connections.remove(index as usize);
        Ok(())
    }

    fn answer(&mut self, request: &Request<'_>, answers: &mut Vec<u8>) {
        match request.path {
            b"/callback" => {
                let topic = self.callback(request.body);
                answer_topic(topic, answers);
            }
            b"/connect" => {
                self.connects += 1;
                answers.extend_from_slice(OK);
            }
            b"/disconnect" => {
                self.disconnects += 1;
                answers.extend_from_slice(OK);
            }
            path => {
                // Pushpin passes the request on, and takes from the answer what to listen to.
                self.connects += 1;
                let channel = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
                answers.extend_from_slice(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\
                      Grip-Hold: stream\r\nGrip-Keep-Alive: :\\n\\n; format=cstring; timeout=",
                );
                answers.extend_from_slice(crate::servers::HEARTBEAT_SECONDS.to_string().as_bytes());
                answers.extend_from_slice(b"\r\nGrip-Channel: ");
                answers.extend_from_slice(channel);
                answers.extend_from_slice(b"\r\n\r\n");
            }
        }
    }

    /// Takes a callback of the gateway: which stream has which token, or that it has gone. Gives the topic that
    /// it is to listen to: the name in its path, unless that is a number.
    fn callback<'a>(&mut self, body: &'a [u8]) -> Option<&'a [u8]> {
        if between(body, br#""action":""#, b'"') == Some(b"disconnect") {
            self.disconnects += 1;
            return None;
        }
        self.connects += 1;
        let name = between(body, br#""url":"/s/"#, b'"')?;
        let name = name.split(|byte| *byte == b'?').next()?;
        let Some(index) = str(name)?.parse::<usize>().ok() else { return Some(name) };
        if let Some(token) = between(body, br#""token":""#, b'"').and_then(str) {
            if self.tokens.len() <= index {
                self.tokens.resize(index + 1, String::new());
            }
            token.clone_into(&mut self.tokens[index]);
        }
        None
    }
}

fn answer_topic(topic: Option<&[u8]>, answers: &mut Vec<u8>) {
    let Some(topic) = topic else { return answers.extend_from_slice(OK) };
    let (before, after): (&[u8], &[u8]) = (br#"{"topics":[""#, br#""]}"#);
    let length = before.len() + topic.len() + after.len();
    answers.extend_from_slice(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes());
    for part in [before, topic, after] {
        answers.extend_from_slice(part);
    }
}

struct Request<'a> {
    path: &'a [u8],
    body: &'a [u8],
    /// Its length, head and body.
    bytes: usize,
}

impl<'a> Request<'a> {
    /// Reads a request, if it has come whole.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
        let path = bytes[..head].split(|byte| *byte == b' ').nth(1)?;
        let length = between(&bytes[..head], b"ontent-length: ", b'\r')
            .or_else(|| between(&bytes[..head], b"ontent-Length: ", b'\r'))
            .and_then(|length| str(length)?.parse().ok())
            .unwrap_or(0);
        let body = bytes.get(head..head + length)?;
        Some(Self { path, body, bytes: head + length })
    }
}

/// What stands between a text and a byte.
fn between<'a>(bytes: &'a [u8], before: &[u8], after: u8) -> Option<&'a [u8]> {
    let start = memmem::find(bytes, before)? + before.len();
    let length = memchr::memchr(after, &bytes[start..])?;
    Some(&bytes[start..start + length])
}

fn str(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
