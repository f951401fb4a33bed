//! Readiness of sockets, with the meaning of each.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};

use crate::machine::timespec;

/// What a descriptor is, and which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A stream of the load.
    Stream(u32),
    /// A keep-alive connection that sends.
    Sender(u32),
    /// The connection that sends many lines.
    Lines,
    /// Where the backend takes connections.
    Backend,
    /// A connection to the backend.
    Callback(u32),
    /// A load beside this one, which looks after itself.
    Beside,
}

/// One socket that can go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    pub(crate) source: Source,
    pub(crate) flags: EventFlags,
}

/// How many sockets are taken at once.
const READY_MAX: usize = 1024;

/// An epoll instance, edge-triggered.
pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?, events: Vec::with_capacity(READY_MAX) })
    }

    /// Takes fewer sockets at once from here on.
    pub(crate) fn at_a_time(&mut self, most: usize) {
        self.events = Vec::with_capacity(most);
    }

    /// Watches a socket in both directions until it is closed.
    pub(crate) fn add(&self, socket: impl AsFd, source: Source) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(source.to_bits()), flags)?)
    }

    /// Waits for what `epoll_wait` would round up to a whole millisecond; gives how long is left to wait.
    fn wait_exactly(&self, timeout: Duration) -> io::Result<Duration> {
        if timeout.subsec_nanos().is_multiple_of(1_000_000) {
            return Ok(timeout);
        }
        match poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], Some(&timespec(timeout))) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(Duration::ZERO),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for at most this long.
    pub(crate) fn wait(&mut self, timeout: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.events.clear();
        let timeout = self.wait_exactly(timeout)?;
        let buffer = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.epoll, buffer, Some(&timespec(timeout))) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        ready.extend(self.events.iter().filter_map(|event| {
            // The structure is packed: its fields are copied, not borrowed.
            let (data, flags) = (event.data, event.flags);
            Some(Ready { source: Source::from_bits(data.u64())?, flags })
        }));
        Ok(())
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl Source {
    fn to_bits(self) -> u64 {
        let (kind, index) = match self {
            Self::Stream(index) => (0, index),
            Self::Sender(index) => (1, index),
            Self::Lines => (2, 0),
            Self::Backend => (3, 0),
            Self::Callback(index) => (4, index),
            Self::Beside => (5, 0),
        };
        kind << 32 | u64::from(index)
    }

    fn from_bits(bits: u64) -> Option<Self> {
        let index = bits as u32;
        Some(match bits >> 32 {
            0 => Self::Stream(index),
            1 => Self::Sender(index),
            2 => Self::Lines,
            3 => Self::Backend,
            4 => Self::Callback(index),
            5 => Self::Beside,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_wait_is_not_rounded_up_to_a_millisecond() {
        let mut poller = Poller::new().expect("there is an epoll");
        let wait = Duration::from_micros(100);
        // A busy machine wakes late; of many waits, one is on time.
        let shortest = (0..1000).map(|_| {
            let begin = Instant::now();
            poller.wait(wait, &mut Vec::new()).expect("it waits");
            begin.elapsed()
        });
        let shortest = shortest.min().expect("there are some");
        assert!(shortest >= wait && shortest < Duration::from_millis(1), "{shortest:?}");
    }
}
