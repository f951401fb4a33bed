//! The load: one thread, one epoll, so that the client is not what is measured.
//!
//! It opens streams and reads them, posts events, and is the backend that the server asks. Every
//! event carries its number and its time, so that each receiver checks count and order cheaply.
//! Read [`streams`] next.

mod asking;
mod decoder;
mod lines;
mod payload;
mod poller;
mod senders;
mod socket;
mod streams;
mod tally;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::backend::Backend;

pub(crate) use asking::ask;
pub(crate) use lines::Lines;
pub(crate) use payload::Payload;
pub(crate) use poller::{Poller, Ready, Source};
pub(crate) use senders::Senders;
pub(crate) use streams::{Reading, Streams};
pub(crate) use tally::nanoseconds;

/// How many streams open at once; below the backlog of every server.
const OPENING_MAX: usize = 128;
/// How many refusals are borne, and one in twenty besides.
const REFUSED_MAX: u64 = 20;
/// How many sockets are served before another load has its turn.
const AT_A_TIME_BESIDE: usize = 2;
/// How long a turn waits when nothing is planned.
const TURN_MAX: Duration = Duration::from_millis(50);

/// The path of a stream, by its number.
type Path = Box<dyn Fn(u32) -> String>;

/// Everything that one thread drives.
pub(crate) struct Load {
    begin: Instant,
    poller: Poller,
    ready: Vec<Ready>,
    pub(crate) backend: Backend,
    pub(crate) streams: Streams,
    pub(crate) senders: Option<Senders>,
    pub(crate) lines: Option<Lines>,
    /// The path of a stream that is opened.
    path: Path,
    /// Streams that have left or ended, as [`Streams::ready`] told.
    pub(crate) gone: Vec<u32>,
}

impl Load {
    /// Makes a load for a server; its backend is there already, since servers ask for its address.
    pub(crate) fn new(
        poller: Poller,
        backend: Backend,
        streams: SocketAddr,
        path: impl Fn(u32) -> String + 'static,
    ) -> Self {
        Self {
            begin: Instant::now(),
            poller,
            ready: Vec::new(),
            backend,
            streams: Streams::new(streams),
            senders: None,
            lines: None,
            path: Box::new(path),
            gone: Vec::new(),
        }
    }

    /// The load's clock, in nanoseconds.
    pub(crate) fn now(&self) -> u64 {
        self.begin.elapsed().as_nanos() as u64
    }

    pub(crate) fn connect_senders(&mut self, server: SocketAddr, count: u32) -> io::Result<()> {
        self.senders = Some(Senders::connect(&self.poller, server, count)?);
        Ok(())
    }

    pub(crate) fn connect_lines(&mut self, server: SocketAddr, path: &str) -> io::Result<()> {
        self.lines = Some(Lines::connect(&self.poller, server, path)?);
        Ok(())
    }

    /// Streams that are opened from here on connect to these paths.
    pub(crate) fn follow(&mut self, path: impl Fn(u32) -> String + 'static) {
        self.path = Box::new(path);
    }

    /// Wakes up for another load too, and does little at once, so that the other is looked after quickly.
    pub(crate) fn run_beside(&mut self, other: &Self) -> io::Result<()> {
        self.poller.at_a_time(AT_A_TIME_BESIDE);
        self.poller.add(&other.poller, Source::Beside)
    }

    /// Begins to open one stream.
    pub(crate) fn open(&mut self, index: u32, reading: Reading) -> io::Result<()> {
        let now = self.now();
        self.streams.open(&self.poller, index, &(self.path)(index), reading, now)
    }

    /// Opens streams, some at once, and waits until all are open; one that is refused counts, and is tried again.
    pub(crate) fn open_all(&mut self, mut indexes: std::ops::Range<u32>, reading: Reading) -> Outcome<()> {
        let wanted = self.streams.tally.opened + indexes.len() as u64;
        let refused_max = self.streams.tally.refused + REFUSED_MAX + indexes.len() as u64 / 20;
        // A server that opens 100 a second is given up.
        let deadline = Instant::now() + Duration::from_secs(10 + indexes.len() as u64 / 100);
        while self.streams.tally.opened < wanted {
            self.open_more(&mut indexes, reading, OPENING_MAX)?;
            self.turn(TURN_MAX)?;
            let missing = wanted - self.streams.tally.opened.min(wanted);
            if self.streams.tally.refused > refused_max || Instant::now() > deadline {
                let status = self.streams.tally.last_refusal;
                let reason = status.map_or("no answer".to_owned(), |status| format!("status {status}"));
                return Err(format!("{missing} streams do not open; the last refusal was {reason}").into());
            }
        }
        Ok(())
    }

    /// Opens streams, as long as not too many are opening, and at most so many.
    pub(crate) fn open_more(
        &mut self,
        indexes: &mut std::ops::Range<u32>,
        reading: Reading,
        most: usize,
    ) -> io::Result<()> {
        for _ in 0..most {
            if self.streams.opening >= OPENING_MAX {
                return Ok(());
            }
            let Some(index) = self.streams.refused.pop().or_else(|| indexes.next()) else { return Ok(()) };
            self.open(index, reading)?;
        }
        Ok(())
    }

    /// Runs until something holds, or the time is over; tells whether it came to hold.
    pub(crate) fn run_until(
        &mut self,
        limit: Duration,
        mut holds: impl FnMut(&mut Self) -> Outcome<bool>,
    ) -> Outcome<bool> {
        let deadline = Instant::now() + limit;
        loop {
            if holds(self)? {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.turn(left.min(TURN_MAX))?;
        }
    }

    /// Waits for at most this long, and does what can be done.
    pub(crate) fn turn(&mut self, timeout: Duration) -> io::Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        self.poller.wait(timeout, &mut ready)?;
        let mut result = Ok(());
        for Ready { source, flags } in ready.drain(..) {
            let done = match source {
                Source::Stream(index) => {
                    let now = self.now();
                    if self.streams.ready(index, flags, &self.path, now) {
                        self.gone.push(index);
                    }
                    Ok(())
                }
                Source::Sender(index) => match &mut self.senders {
                    Some(senders) => {
                        senders.ready(&self.poller, index, self.begin.elapsed().as_nanos() as u64)
                    }
                    None => Ok(()),
                },
                Source::Lines => self.lines.as_mut().map_or(Ok(()), Lines::ready),
                Source::Backend => self.backend.accept(&self.poller),
                Source::Callback(index) => self.backend.ready(index),
                Source::Beside => Ok(()),
            };
            result = result.and(done);
        }
        self.ready = ready;
        result
    }
}
