//! The clients: streams that are opened, read and left.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, sockopt};

use super::decoder::{Decoder, Found};
use super::payload::Payload;
use super::poller::{Poller, Source};
use super::socket::connect;
use super::tally::Tally;

/// What a browser sends with `new EventSource(..)`; a server that keeps requests keeps this much.
const HEADERS: &str = "Host: gateway.example\r\nConnection: keep-alive\r\n\
    sec-ch-ua-platform: \"Linux\"\r\nCache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
    Accept: text/event-stream\r\n\
    sec-ch-ua: \"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \"Not_A Brand\";v=\"99\"\r\n\
    sec-ch-ua-mobile: ?0\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n\
    Referer: https://gateway.example/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\r\n";
/// How much is read at once.
const READ_BYTES: usize = 64 << 10;
/// Source addresses that connections are spread over: each has its own 28,000 ports.
const SOURCES: u32 = 60;
/// What the socket of a reader who never reads takes, at least.
const SLOW_RECEIVE_BYTES: usize = 4 << 10;

/// How a client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// All that comes, at once.
    Everything,
    /// The head, and nothing after it.
    HeadOnly,
    /// The head, and then it leaves.
    Leaving,
}

/// Streams by their index.
pub(crate) struct Streams {
    server: SocketAddr,
    slots: Vec<Option<Client>>,
    /// How many wait for their head.
    pub(crate) opening: usize,
    /// Those whose head did not come or was another, to be opened again.
    pub(crate) refused: Vec<u32>,
    /// Connects so far; picks the source address.
    connects: u32,
    pub(crate) tally: Tally,
    buffer: Vec<u8>,
}

struct Client {
    socket: OwnedFd,
    state: State,
    reading: Reading,
    connected_at: u64,
    /// The next number of each lane.
    expected: Vec<u32>,
    decoder: Decoder,
}

/// ```text
/// Connecting -> Head -> Open
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Connecting,
    Head,
    Open,
}

impl Streams {
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self {
            server,
            slots: Vec::new(),
            opening: 0,
            refused: Vec::new(),
            connects: 0,
            tally: Tally::new(),
            buffer: vec![0; READ_BYTES],
        }
    }

    /// Begins to open a stream; its head comes later, or it counts as refused.
    pub(crate) fn open(
        &mut self,
        poller: &Poller,
        index: u32,
        path: &str,
        reading: Reading,
        now: u64,
    ) -> io::Result<()> {
        let source = Ipv4Addr::new(127, 0, 0, 2 + (self.connects % SOURCES) as u8);
        self.connects += 1;
        let socket = connect(Some(source), self.server)?;
        if reading == Reading::HeadOnly {
            sockopt::set_socket_recv_buffer_size(&socket, SLOW_RECEIVE_BYTES)?;
        }
        poller.add(&socket, Source::Stream(index))?;
        let mut client = Client {
            socket,
            state: State::Connecting,
            reading,
            connected_at: now,
            expected: Vec::new(),
            decoder: Decoder::default(),
        };
        client.ask(path);
        let place = index as usize;
        if self.slots.len() <= place {
            self.slots.resize_with(place + 1, || None);
        }
        self.slots[place] = Some(client);
        self.opening += 1;
        Ok(())
    }

    /// Reads what came; true when the client has left or its stream has ended.
    pub(crate) fn ready(
        &mut self,
        index: u32,
        flags: EventFlags,
        path: impl Fn(u32) -> String,
        now: u64,
    ) -> bool {
        let Some(slot) = self.slots.get_mut(index as usize) else { return false };
        let Some(client) = slot else { return false };
        if client.state == State::Connecting && flags.contains(EventFlags::OUT) {
            client.ask(&path(index));
        }
        let before = client.state;
        let gone = client.read(flags, &mut self.buffer, &mut self.tally, now);
        let opened = before != State::Open && client.state == State::Open;
        if opened {
            self.tally.opened += 1;
            self.opening -= 1;
            self.tally.connect.saturating_record(now - client.connected_at);
        }
        if gone {
            if client.state == State::Open {
                self.tally.ended += 1;
            } else {
                self.tally.refused += 1;
                self.opening -= 1;
                self.refused.push(index);
            }
        }
        let leaves = opened && client.reading == Reading::Leaving;
        if gone || leaves {
            *slot = None;
        }
        gone || leaves
    }

    /// All clients leave; nobody may be opening.
    pub(crate) fn leave(&mut self) {
        self.slots.clear();
    }
}

impl Client {
    /// Writes the request, if the connection stands; on the loopback it nearly always does at once.
    fn ask(&mut self, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\n{HEADERS}");
        // What fails for another reason is reported as an event of its own.
        if rustix::net::send(&self.socket, request.as_bytes(), SendFlags::NOSIGNAL).is_ok() {
            self.state = State::Head;
        }
    }

    /// Reads until nothing is left; true when the connection has ended.
    fn read(&mut self, flags: EventFlags, buffer: &mut [u8], tally: &mut Tally, now: u64) -> bool {
        let gone = flags.intersects(EventFlags::HUP | EventFlags::ERR | EventFlags::RDHUP);
        while self.state != State::Connecting {
            if self.state == State::Open && self.reading != Reading::Everything {
                return gone;
            }
            let count = match rustix::net::recv(&self.socket, &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return true,
                Ok((_, count)) => count,
                Err(Errno::AGAIN) => return false,
                Err(Errno::INTR) => continue,
                Err(_) => return true,
            };
            let (state, expected) = (&mut self.state, &mut self.expected);
            let mut over = false;
            let well_formed = self.decoder.feed(&buffer[..count], |found| match found {
                Found::Head(200) => *state = State::Open,
                Found::Head(status) => {
                    tally.last_refusal = Some(status);
                    over = true;
                }
                Found::End { .. } => over = true,
                Found::Line(line) => note(line, expected, tally, now),
            });
            if over || well_formed.is_err() {
                return true;
            }
            // Less than asked for: nothing is left, and what comes next raises an event.
            if count < buffer.len() && !gone {
                return false;
            }
        }
        gone
    }
}

fn note(line: &[u8], expected: &mut Vec<u32>, tally: &mut Tally, now: u64) {
    if let Some(payload) = line.strip_prefix(b"data: ").and_then(Payload::read) {
        tally.event(payload, expected, now);
    } else if line.starts_with(b":") {
        tally.comments += 1;
    } else if line == b"event: gap" {
        tally.gaps += 1;
    }
}
