//! The sockets of the floor: 32 bytes each while idle.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags, sockopt};
use slab::Slab;

use super::request::TOPIC;

/// What one reader may leave unread before it is cut off.
const UNSENT_BYTES_MAX: usize = 64 << 10;
/// Marks a number without a stream, and a connection that is none.
const NONE: u32 = u32::MAX - 1;

/// Connections by key, and streams by number.
#[derive(Default)]
pub(super) struct Connections {
    slots: Slab<Connection>,
    /// The key of each stream's connection.
    streams: Vec<u32>,
    stream_count: usize,
}

struct Connection {
    socket: OwnedFd,
    /// The stream's number, [`TOPIC`], or [`NONE`].
    number: u32,
    /// What could not be written yet, or a request whose rest has not come.
    kept: Vec<u8>,
}

/// What reading found.
pub(super) enum Input {
    Nothing,
    Gone,
    /// What came, after what was kept; whether there may be more.
    Bytes(Vec<u8>, bool),
}

impl Connections {
    pub(super) fn accept(&mut self, epoll: &OwnedFd, listener: &TcpListener) -> io::Result<()> {
        loop {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = match rustix::net::accept_with(listener.as_fd(), flags) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            sockopt::set_tcp_nodelay(&socket, true)?;
            let entry = self.slots.vacant_entry();
            let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(epoll, &socket, EventData::new_u64(entry.key() as u64), flags)?;
            entry.insert(Connection { socket, number: NONE, kept: Vec::new() });
        }
    }

    pub(super) fn read(&mut self, key: usize, buffer: &mut [u8]) -> Input {
        let Some(connection) = self.slots.get_mut(key) else { return Input::Nothing };
        match rustix::net::recv(&connection.socket, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Input::Gone,
            // A stream's client has nothing to say.
            Ok(_) if connection.number != NONE => Input::Nothing,
            Ok((_, count)) => {
                let mut bytes = std::mem::take(&mut connection.kept);
                bytes.extend_from_slice(&buffer[..count]);
                // A short read: nothing is left, and what comes next raises an event.
                Input::Bytes(bytes, count == buffer.len())
            }
            Err(Errno::AGAIN | Errno::INTR) => Input::Nothing,
            Err(_) => Input::Gone,
        }
    }

    /// Keeps what is no whole request yet.
    pub(super) fn keep(&mut self, key: usize, bytes: Vec<u8>) {
        if let Some(connection) = self.slots.get_mut(key).filter(|_| !bytes.is_empty()) {
            connection.kept = bytes;
        }
    }

    pub(super) fn make_stream(&mut self, key: usize, number: u32) {
        self.slots[key].number = number;
        self.stream_count += 1;
        if number != TOPIC {
            let place = number as usize;
            if self.streams.len() <= place {
                self.streams.resize(place + 1, NONE);
            }
            self.streams[place] = key as u32;
        }
    }

    pub(super) fn stream(&self, number: u32) -> Option<usize> {
        self.streams.get(number as usize).filter(|key| **key != NONE).map(|key| *key as usize)
    }

    pub(super) fn stream_count(&self) -> usize {
        self.stream_count
    }

    /// Gives the keys of the topic's streams.
    pub(super) fn topic(&self) -> Vec<usize> {
        self.slots.iter().filter(|(_, slot)| slot.number == TOPIC).map(|(key, _)| key).collect()
    }

    /// Goes around all streams.
    pub(super) fn stream_after(&self, next: &mut usize) -> Option<usize> {
        let range = self.slots.capacity();
        for _ in 0..range {
            let key = *next % range;
            *next = key + 1;
            if self.slots.get(key).is_some_and(|slot| slot.number != NONE) {
                return Some(key);
            }
        }
        None
    }

    /// Writes at once what the socket takes, and keeps the rest.
    pub(super) fn write(&mut self, key: usize, bytes: &[u8]) {
        let Some(connection) = self.slots.get_mut(key) else { return };
        let written = if connection.kept.is_empty() { send(&connection.socket, bytes) } else { Ok(0) };
        match written {
            Ok(written) if written < bytes.len() => connection.kept.extend_from_slice(&bytes[written..]),
            Ok(_) => return,
            Err(_) => return self.remove(key),
        }
        if connection.kept.len() > UNSENT_BYTES_MAX {
            self.remove(key);
        }
    }

    /// Writes what was kept.
    pub(super) fn flush(&mut self, key: usize) {
        let Some(connection) = self.slots.get_mut(key).filter(|slot| slot.number != NONE) else { return };
        if connection.kept.is_empty() {
            return;
        }
        match send(&connection.socket, &connection.kept) {
            Ok(written) if written == connection.kept.len() => connection.kept = Vec::new(),
            Ok(written) => drop(connection.kept.drain(..written)),
            Err(_) => self.remove(key),
        }
    }

    /// Closes a connection.
    pub(super) fn remove(&mut self, key: usize) {
        let Some(connection) = self.slots.try_remove(key).filter(|slot| slot.number != NONE) else { return };
        self.stream_count -= 1;
        let number = connection.number;
        if let Some(stream) = self.streams.get_mut(number as usize).filter(|stream| **stream == key as u32) {
            *stream = NONE;
        }
    }
}

/// Writes until the socket is full; gives how much it took.
fn send(socket: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    match rustix::net::send(socket, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
        Err(Errno::AGAIN) => Ok(0),
        written => written,
    }
}
