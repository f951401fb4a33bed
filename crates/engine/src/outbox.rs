//! The bounded queue of one stream.

use std::collections::{VecDeque, vec_deque};

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

#[derive(Debug)]
struct Queue {
    frames: VecDeque<Frame>,
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
        outbox.push(head);
        first.into_iter().for_each(|frame| outbox.push(frame));
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
        let frames = self.queue.iter().flat_map(|queue| &queue.frames);
        frames.map(|frame| u64::from(frame.events())).sum()
    }

    pub(crate) fn cost(&self, frame: &Frame) -> usize {
        frame.on_wire(self.framing).len()
    }

    /// Without anything of a sender it takes any frame, so that one of exactly the bound always fits.
    pub(crate) fn has_room(&self, frame: &Frame, bytes_max: usize) -> bool {
        let senders = self.queue.as_ref().map_or(0, |queue| queue.bytes - queue.preamble_bytes);
        senders == 0 || senders + self.cost(frame) <= bytes_max
    }

    pub(crate) fn push(&mut self, frame: Frame) {
        let cost = self.cost(&frame);
        if cost > 0 {
            let queue = self.queue.get_or_insert_with(Queue::empty);
            queue.bytes += cost;
            queue.frames.push_back(frame);
        }
    }

    /// Moves everything of another outbox behind this one's, for this one's framing.
    pub(crate) fn append(&mut self, kept: Outbox) {
        let frames = kept.queue.into_iter().flat_map(|queue| queue.frames);
        frames.for_each(|frame| self.push(frame));
    }

    pub(crate) fn slices(&self) -> Slices<'_> {
        let queue = self.queue.as_deref();
        Slices {
            frames: queue.map(|queue| queue.frames.iter()).unwrap_or_default(),
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
        let events = queue.wrote(bytes, self.framing);
        if queue.frames.is_empty() {
            self.queue = None;
        }
        events
    }
}

impl Queue {
    fn empty() -> Box<Self> {
        let pace = Pace::Flowing;
        Box::new(Self { frames: VecDeque::new(), front_written: 0, bytes: 0, preamble_bytes: 0, pace })
    }

    fn wrote(&mut self, bytes: usize, framing: Framing) -> u64 {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.preamble_bytes = self.preamble_bytes.saturating_sub(bytes);
        self.front_written += bytes;
        let mut events = 0;
        while let Some(front) = self.frames.front() {
            let length = front.on_wire(framing).len();
            if self.front_written < length {
                break;
            }
            self.front_written -= length;
            events += u64::from(front.events());
            self.frames.pop_front();
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
