//! The sockets of a shard's streams, and the epoll instance that watches them.

use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use sse_gateway_engine::Key;

/// What a client may send beyond its request's head before its stream is cut off.
const INPUT_BYTES_MAX: u32 = 16 << 10;
/// Marks a socket whose input is discarded without limit: its stream has ended.
const UNLIMITED: u32 = u32::MAX;
/// How much is read from one socket before the others get their turn.
const READ_BYTES_PER_TURN: usize = 256 << 10;

/// Sockets by the slot of their stream.
#[derive(Debug)]
pub(super) struct Sockets {
    epoll: Rc<OwnedFd>,
    slots: Vec<Option<Attached>>,
    attached: usize,
}

#[derive(Debug)]
struct Attached {
    key: Key,
    fd: OwnedFd,
    /// How much input is still discarded.
    input_left: u32,
}

/// What reading a socket found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing more for the moment.
    Nothing,
    /// There is more than one turn takes.
    More,
    /// The client has closed its side.
    Ended,
    /// The client has sent more than is discarded.
    TooMuch,
    /// The socket has failed.
    Failed(Errno),
}

impl Sockets {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = Rc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?);
        Ok(Self { epoll, slots: Vec::new(), attached: 0 })
    }

    /// Gives the epoll instance, to be waited on.
    pub(super) fn epoll(&self) -> Rc<OwnedFd> {
        Rc::clone(&self.epoll)
    }

    /// Tells whether a stream's slot still has the socket of the stream before it.
    pub(super) fn is_occupied(&self, key: Key) -> bool {
        self.slots.get(key.slot()).is_some_and(Option::is_some)
    }

    /// Watches a stream's socket, edge-triggered in both directions: no other call is needed for
    /// it until it goes. `unread` bytes were already discarded.
    pub(super) fn attach(&mut self, key: Key, socket: TcpStream, unread: usize) -> io::Result<()> {
        let fd = OwnedFd::from(socket);
        let flags =
            epoll::EventFlags::IN | epoll::EventFlags::RDHUP | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        epoll::add(&self.epoll, &fd, epoll::EventData::new_u64(key.to_bits()), flags)?;
        if self.slots.len() <= key.slot() {
            self.slots.resize_with(key.slot() + 1, || None);
        }
        let unread = u32::try_from(unread).unwrap_or(INPUT_BYTES_MAX);
        let input_left = INPUT_BYTES_MAX.saturating_sub(unread);
        self.slots[key.slot()] = Some(Attached { key, fd, input_left });
        self.attached += 1;
        Ok(())
    }

    /// Takes what is ready, without waiting.
    pub(super) fn ready(&self, events: &mut Vec<epoll::Event>) {
        events.clear();
        let none = rustix::event::Timespec::default();
        // EINTR cannot happen without waiting; any other error would mean that the epoll is not one.
        let _ = epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), Some(&none));
    }

    /// Writes as much as the socket takes.
    pub(super) fn write(&self, key: Key, slices: &[IoSlice<'_>]) -> Option<Result<usize, Errno>> {
        let socket = self.find(key)?;
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let written = match slices {
            [slice] => rustix::io::retry_on_intr(|| rustix::net::send(&socket.fd, slice, flags)),
            _ => rustix::io::retry_on_intr(|| {
                rustix::net::sendmsg(&socket.fd, slices, &mut SendAncillaryBuffer::default(), flags)
            }),
        };
        Some(written)
    }

    /// Discards what the client sent.
    pub(super) fn read(&mut self, key: Key) -> Input {
        let Some(socket) = self.slots.get_mut(key.slot()).and_then(Option::as_mut) else {
            return Input::Nothing;
        };
        if socket.key != key {
            return Input::Nothing;
        }
        let mut bytes = [0; 16 << 10];
        let mut read = 0;
        while read < READ_BYTES_PER_TURN {
            match rustix::net::recv(&socket.fd, &mut bytes, RecvFlags::DONTWAIT) {
                Ok((_, 0)) => return Input::Ended,
                Ok((_, count)) => {
                    read += count;
                    if socket.input_left != UNLIMITED {
                        match socket.input_left.checked_sub(count as u32) {
                            Some(left) => socket.input_left = left,
                            None => return Input::TooMuch,
                        }
                    }
                }
                Err(Errno::AGAIN) => return Input::Nothing,
                Err(Errno::INTR) => {}
                Err(error) => return Input::Failed(error),
            }
        }
        Input::More
    }

    /// Sends the end; what the client still sends is discarded from here on.
    pub(super) fn shut_down_write(&mut self, key: Key) {
        let found = self.slots.get_mut(key.slot()).and_then(Option::as_mut);
        if let Some(socket) = found.filter(|socket| socket.key == key) {
            socket.input_left = UNLIMITED;
            // It fails only for a peer that is gone, and then its event is on the way.
            let _ = rustix::net::shutdown(&socket.fd, Shutdown::Write);
        }
    }

    /// Closes a socket.
    pub(super) fn release(&mut self, key: Key) {
        drop(self.take(key));
    }

    /// Closes a socket with a reset: what the kernel still holds is dropped.
    pub(super) fn cut(&mut self, key: Key) {
        if let Some(socket) = self.take(key) {
            reset_on_close(&socket.fd);
        }
    }

    fn find(&self, key: Key) -> Option<&Attached> {
        self.slots.get(key.slot())?.as_ref().filter(|socket| socket.key == key)
    }

    fn take(&mut self, key: Key) -> Option<Attached> {
        self.find(key)?;
        let socket = self.slots[key.slot()].take();
        self.attached -= 1;
        if self.attached == 0 {
            // Memory goes back after a wave of streams.
            self.slots = Vec::new();
        }
        socket
    }
}

fn reset_on_close(fd: &OwnedFd) {
    // A socket that refuses the option is closed all the same, only less abruptly.
    let _ = rustix::net::sockopt::set_socket_linger(fd, Some(Duration::ZERO));
}
