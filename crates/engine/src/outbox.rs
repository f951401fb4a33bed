//! The bounded queue of one stream.

use std::collections::VecDeque;
use std::collections::vec_deque;

use sse_gateway_protocol::sse::{Frame, Framing};

use crate::Time;

/// Frames that are not written yet; empty, and without an allocation, while the stream is idle.
#[derive(Debug)]
pub(crate) struct Outbox {
    frames: VecDeque<Frame>,
    /// How much of the first frame is written.
    front_written: usize,
    bytes: usize,
    framing: Framing,
    pub(crate) pace: Pace,
}

/// What has to happen before the next write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Nothing is to be written.
    Idle,
    /// A flush is queued.
    Due,
    /// The socket takes no more; the last progress was then.
    Blocked { progress: Time },
}

impl Outbox {
    pub(crate) fn new(framing: Framing) -> Self {
        Self { frames: VecDeque::new(), front_written: 0, bytes: 0, framing, pace: Pace::Idle }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Counts the events that are not wholly written.
    pub(crate) fn events(&self) -> u64 {
        self.frames.iter().map(|frame| u64::from(frame.events())).sum()
    }

    pub(crate) fn cost(&self, frame: &Frame) -> usize {
        frame.on_wire(self.framing).len()
    }

    /// An empty outbox takes any frame, so that one of exactly the bound always fits.
    pub(crate) fn has_room(&self, frame: &Frame, bytes_max: usize) -> bool {
        self.is_empty() || self.bytes + self.cost(frame) <= bytes_max
    }

    pub(crate) fn push(&mut self, frame: Frame) {
        let cost = self.cost(&frame);
        if cost > 0 {
            self.bytes += cost;
            self.frames.push_back(frame);
        }
    }

    /// Moves everything of another outbox behind this one's, for this one's framing.
    pub(crate) fn append(&mut self, kept: Outbox) {
        kept.frames.into_iter().for_each(|frame| self.push(frame));
    }

    pub(crate) fn slices(&self) -> Slices<'_> {
        Slices { frames: self.frames.iter(), skip: self.front_written, framing: self.framing }
    }

    /// Takes written bytes off the front and counts the events that they complete.
    pub(crate) fn wrote(&mut self, bytes: usize) -> u64 {
        self.bytes -= bytes.min(self.bytes);
        self.front_written += bytes;
        let mut events = 0;
        while let Some(front) = self.frames.front() {
            let length = front.on_wire(self.framing).len();
            if self.front_written < length {
                break;
            }
            self.front_written -= length;
            events += u64::from(front.events());
            self.frames.pop_front();
        }
        if self.frames.is_empty() {
            // A burst must not leave its queue behind: idle streams are the common case.
            self.frames = VecDeque::new();
            self.front_written = 0;
        }
        events
    }
}

/// The unwritten bytes of a stream, in order.
#[derive(Debug)]
pub struct Slices<'a> {
    frames: vec_deque::Iter<'a, Frame>,
    skip: usize,
    framing: Framing,
}

impl<'a> Iterator for Slices<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let bytes = self.frames.next()?.on_wire(self.framing);
        Some(&bytes[std::mem::take(&mut self.skip)..])
    }
}
