//! The floor: what the kernel's calls cost, and next to nothing else.
//!
//! One thread, one epoll, no HTTP stack: requests are matched against the few forms that the load
//! sends, and events are written as they are. It checks nothing that a server must check.
//! `connections.rs` has the sockets, `request.rs` the forms.

mod connections;
mod request;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventData, EventFlags};

use crate::machine::timespec;
use connections::{Connections, Input};
use request::Request;

const READY_MAX: usize = 1024;
const LISTENER: u64 = u64::MAX;
/// How often the heartbeats that are due are written.
const HEARTBEAT_STEP: Duration = Duration::from_millis(10);

const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n: ok\n\n";
const ACCEPTED: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}";
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

/// Serves until the process ends. `drop_every` leaves out each such event, to see that the load notices.
pub(crate) fn serve(port: u16, heartbeat: Duration, drop_every: Option<u64>) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    // The standard library asks for a backlog of 128; asking again makes it longer.
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut floor = Floor {
        connections: Connections::default(),
        frame: Vec::new(),
        heartbeats: Heartbeats::new(heartbeat),
        events: 0,
        drop_every,
    };
    floor.run(&epoll, &listener)
}

struct Floor {
    connections: Connections,
    frame: Vec<u8>,
    heartbeats: Heartbeats,
    events: u64,
    drop_every: Option<u64>,
}

impl Floor {
    fn run(&mut self, epoll: &OwnedFd, listener: &TcpListener) -> io::Result<()> {
        let mut events = Vec::with_capacity(READY_MAX);
        let mut buffer = vec![0; 256 << 10];
        loop {
            let wait = self.heartbeats.until_next();
            events.clear();
            match epoll::wait(epoll, rustix::buffer::spare_capacity(&mut events), Some(&timespec(wait))) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let (data, flags) = (event.data, event.flags);
                match data.u64() {
                    LISTENER => self.connections.accept(epoll, listener)?,
                    key => self.ready(key as usize, flags, &mut buffer),
                }
            }
            self.heartbeats.beat(&mut self.connections);
        }
    }

    fn ready(&mut self, key: usize, flags: EventFlags, buffer: &mut [u8]) {
        if flags.contains(EventFlags::OUT) {
            self.connections.flush(key);
        }
        loop {
            match self.connections.read(key, buffer) {
                Input::Nothing => return,
                Input::Gone => return self.connections.remove(key),
                Input::Bytes(mut bytes, more) => {
                    let mut taken = 0;
                    while let Some((request, length)) = Request::read(&bytes[taken..]) {
                        self.obey(key, request);
                        taken += length;
                    }
                    bytes.drain(..taken);
                    self.connections.keep(key, bytes);
                    if !more && !flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) {
                        return;
                    }
                }
            }
        }
    }

    fn obey(&mut self, key: usize, request: Request<'_>) {
        match request {
            Request::Stream { number } => {
                self.connections.make_stream(key, number);
                self.connections.write(key, STREAM_HEAD);
            }
            Request::Send { number, data } => {
                let accepted = self.send(number, data);
                self.connections.write(key, if accepted { ACCEPTED } else { NOT_FOUND });
            }
            Request::Publish { data } => {
                self.encode(data);
                for stream in self.connections.topic() {
                    self.connections.write(stream, &self.frame);
                }
                self.connections.write(key, ACCEPTED);
            }
            Request::Unknown => self.connections.write(key, NOT_FOUND),
        }
    }

    fn send(&mut self, number: u32, data: &[u8]) -> bool {
        let Some(stream) = self.connections.stream(number) else { return false };
        self.events += 1;
        if self.drop_every.is_none_or(|every| !self.events.is_multiple_of(every)) {
            self.encode(data);
            self.connections.write(stream, &self.frame);
        }
        true
    }

    fn encode(&mut self, data: &[u8]) {
        self.frame.clear();
        for part in [b"data: ", data, b"\n\n"] {
            self.frame.extend_from_slice(part);
        }
    }
}

/// Writes to every stream once an interval, in small groups.
struct Heartbeats {
    interval: Duration,
    begin: Instant,
    /// How many were written since, and the stream after the last of them.
    written: u64,
    next: usize,
}

impl Heartbeats {
    fn new(interval: Duration) -> Self {
        Self { interval, begin: Instant::now(), written: 0, next: 0 }
    }

    fn until_next(&self) -> Duration {
        HEARTBEAT_STEP
    }

    fn beat(&mut self, connections: &mut Connections) {
        let streams = connections.stream_count() as f64;
        let share = self.begin.elapsed().as_secs_f64() / self.interval.as_secs_f64();
        let due = (share * streams) as u64;
        if self.begin.elapsed() >= self.interval {
            (self.begin, self.written) = (Instant::now(), 0);
            return;
        }
        while self.written < due {
            self.written += 1;
            let Some(key) = connections.stream_after(&mut self.next) else { return };
            connections.write(key, b": heartbeat\n\n");
        }
    }
}
