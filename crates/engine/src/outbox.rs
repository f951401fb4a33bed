//! The bounded queue of one stream.

use std::collections::{VecDeque, vec_deque};
use std::iter;

use sse_gateway_protocol::sse::{Frame, Framing};

use crate::Time;

/// Frames that are not written yet. Idle streams are the common case: an empty outbox is 16 bytes.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Option<Box<Queue>>,
    framing: Framing,
    /// Whether a flush of this stream waits among the effects; one does at most.
    pub(crate) flush_queued: bool,
}

/// One frame at least. Most have no other, so the first needs no buffer of its own.
#[derive(Debug)]
struct Queue {
    front: Frame,
    behind: VecDeque<Frame>,
    /// How much of the first frame is written.
    front_written: usize,
    bytes: usize,
    /// How many of the unwritten bytes, all of them in front, count against no sender: the head and
    /// the event of the connect answer.
    preamble_bytes: usize,
    pace: Pace,
}

/// Whether the socket takes bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// It does, as far as is known.
    Flowing,
    /// It takes no more; the last progress was then.
    Blocked { progress: Time },
}

impl Outbox {
    pub(crate) fn new(framing: Framing) -> Self {
        Self { queue: None, framing, flush_queued: false }
    }

    /// Makes the outbox of a stream that opens: the head and the answer's event lead.
    pub(crate) fn opening(framing: Framing, head: Frame, first: Option<Frame>) -> Self {
        let mut outbox = Self::new(framing);
        for frame in iter::once(head).chain(first) {
            outbox.push(frame);
        }
        if let Some(queue) = &mut outbox.queue {
            queue.preamble_bytes = queue.bytes;
        }
        outbox
    }

    pub(crate) fn bytes(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.bytes)
    }

    /// Counts the events that are not wholly written.
    pub(crate) fn events(&self) -> u64 {
        self.queue.iter().flat_map(|queue| queue.frames()).map(|frame| u64::from(frame.events())).sum()
    }

    pub(crate) fn cost(&self, frame: &Frame) -> usize {
        frame.on_wire(self.framing).len()
    }

    /// Without anything of a sender it takes any frame, so that one of exactly the bound always fits.
    pub(crate) fn has_room(&self, frame: &Frame, bytes_max: usize) -> bool {
        let senders = self.senders_bytes();
        senders == 0 || senders + self.cost(frame) <= bytes_max
    }

    /// Counts the unwritten bytes beside the preamble.
    pub(crate) fn senders_bytes(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.bytes - queue.preamble_bytes)
    }

    /// Adds a frame at the end; gives how many bytes that are.
    pub(crate) fn push(&mut self, frame: Frame) -> usize {
        let cost = self.cost(&frame);
        match &mut self.queue {
            _ if cost == 0 => {}
            Some(queue) => {
                queue.bytes += cost;
                queue.behind.push_back(frame);
            }
            None => self.queue = Some(Queue::of(frame, cost)),
        }
        cost
    }

    /// Gives its frames, oldest first.
    pub(crate) fn into_frames(self) -> impl Iterator<Item = Frame> {
        self.queue.into_iter().flat_map(|queue| iter::once(queue.front).chain(queue.behind))
    }

    pub(crate) fn slices(&self) -> Slices<'_> {
        let queue = self.queue.as_deref();
        Slices {
            front: queue.map(|queue| &queue.front),
            behind: queue.map(|queue| queue.behind.iter()).unwrap_or_default(),
            skip: queue.map_or(0, |queue| queue.front_written),
            framing: self.framing,
        }
    }

    pub(crate) fn pace(&self) -> Pace {
        self.queue.as_ref().map_or(Pace::Flowing, |queue| queue.pace)
    }

    /// Sets the pace; with nothing to write there is none but flowing.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        if let Some(queue) = &mut self.queue {
            queue.pace = pace;
        }
    }

    /// Takes written bytes off the front and counts the events that they complete.
    pub(crate) fn wrote(&mut self, bytes: usize) -> u64 {
        let Some(queue) = &mut self.queue else { return 0 };
        let (events, all) = queue.wrote(bytes, self.framing);
        if all {
            self.queue = None;
        }
        events
    }
}

impl Queue {
    fn of(front: Frame, bytes: usize) -> Box<Self> {
        let (behind, pace) = (VecDeque::new(), Pace::Flowing);
        Box::new(Self { front, behind, front_written: 0, bytes, preamble_bytes: 0, pace })
    }

    fn frames(&self) -> impl Iterator<Item = &Frame> {
        iter::once(&self.front).chain(&self.behind)
    }

    /// Counts the events that are complete now, and tells whether everything is.
    fn wrote(&mut self, bytes: usize, framing: Framing) -> (u64, bool) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.preamble_bytes = self.preamble_bytes.saturating_sub(bytes);
        self.front_written += bytes;
        let mut events = 0;
        loop {
            let length = self.front.on_wire(framing).len();
            if self.front_written < length {
                return (events, false);
            }
            self.front_written -= length;
            events += u64::from(self.front.events());
            match self.behind.pop_front() {
                Some(next) => self.front = next,
                None => return (events, true),
            }
        }
    }
}

/// The unwritten bytes of a stream, in order.
#[derive(Debug)]
pub struct Slices<'a> {
    front: Option<&'a Frame>,
    behind: vec_deque::Iter<'a, Frame>,
    skip: usize,
    framing: Framing,
}

impl<'a> Iterator for Slices<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let bytes = self.front.take().or_else(|| self.behind.next())?.on_wire(self.framing);
        Some(&bytes[std::mem::take(&mut self.skip)..])
    }
}
