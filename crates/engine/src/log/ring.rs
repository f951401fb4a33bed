//! The retained events of one topic, oldest first.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use sse_gateway_protocol::Seq;
use sse_gateway_protocol::sse::Frame;

use crate::Time;

/// An event costs about this much beside its payload: its place here, the count of its holders, the
/// chunk's framing and padding.
pub(super) const EVENT_OVERHEAD: usize = size_of::<(Seq, Arc<[u8]>)>() + 2 * size_of::<usize>() + 12;

/// How many marks of time share the greatest age.
const MARKS_PER_AGE: u32 = 64;

/// Events in sequence order, found by their number without a scan.
///
/// The time is not kept for each event but in marks: from this number on nothing is older than that.
#[derive(Debug, Default)]
pub(super) struct Ring {
    /// The bytes alone: what else a frame has can be told from them.
    events: VecDeque<(Seq, Arc<[u8]>)>,
    marks: VecDeque<(Seq, Time)>,
    bytes: usize,
}

impl Ring {
    pub(super) fn push(&mut self, seq: Seq, frame: Frame, now: Time, age_max: Duration) {
        if self.marks.back().is_none_or(|(_, at)| *at + granularity(age_max) <= now) {
            self.marks.push_back((seq, now));
        }
        self.bytes += frame.payload().len();
        self.events.push_back((seq, frame.into_bytes()));
    }

    /// Takes the newest event back, as if it had not been pushed.
    pub(super) fn take_back(&mut self) -> Option<(Seq, Frame)> {
        let (seq, frame) = self.events.pop_back().map(whole)?;
        self.bytes -= frame.payload().len();
        self.marks.pop_back_if(|(from, _)| *from >= seq);
        Some((seq, frame))
    }

    /// Drops the oldest event.
    pub(super) fn drop_oldest(&mut self) -> Option<(Seq, Frame)> {
        let (seq, frame) = self.events.pop_front().map(whole)?;
        self.bytes -= frame.payload().len();
        let oldest = self.first().unwrap_or(Seq::MAX);
        while self.marks.get(1).is_some_and(|(from, _)| *from <= oldest) {
            self.marks.pop_front();
        }
        if self.events.is_empty() {
            // Nothing is as common as a topic that holds nothing.
            *self = Self::default();
        }
        Some((seq, frame))
    }

    /// Tells when its oldest event is too old.
    pub(super) fn due(&self, age_max: Duration) -> Option<Time> {
        self.marks.front().map(|(_, at)| *at + granularity(age_max) + age_max)
    }

    /// Tells whether the oldest event is older than the bound.
    pub(super) fn is_due(&self, now: Time, age_max: Duration) -> bool {
        self.due(age_max).is_some_and(|due| due <= now)
    }

    pub(super) fn first(&self) -> Option<Seq> {
        self.events.front().map(|(seq, _)| *seq)
    }

    pub(super) fn last(&self) -> Option<Seq> {
        self.events.back().map(|(seq, _)| *seq)
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Finds the place of the first event above a number.
    pub(super) fn place_after(&self, seq: Seq) -> usize {
        self.events.partition_point(|(at, _)| *at <= seq)
    }

    pub(super) fn get(&self, place: usize) -> Option<(Seq, Frame)> {
        self.events.get(place).cloned().map(whole)
    }

    pub(super) fn number_at(&self, place: usize) -> Option<Seq> {
        self.events.get(place).map(|(seq, _)| *seq)
    }
}

fn whole((seq, bytes): (Seq, Arc<[u8]>)) -> (Seq, Frame) {
    (seq, Frame::of_event(bytes))
}

fn granularity(age_max: Duration) -> Duration {
    age_max / MARKS_PER_AGE
}

#[cfg(test)]
mod tests {
    use sse_gateway_protocol::sse::Encoder;

    use super::*;

    const AGE_MAX: Duration = Duration::from_secs(64);

    fn ring_of(times: &[(Seq, u64)]) -> Ring {
        let mut ring = Ring::default();
        for (seq, second) in times {
            let mut encoder = Encoder::for_payload(0);
            encoder.event(None, "x");
            ring.push(*seq, encoder.finish(), at(*second), AGE_MAX);
        }
        ring
    }

    fn at(second: u64) -> Time {
        Time::after_origin(Duration::from_secs(second))
    }

    #[test]
    fn an_event_goes_when_it_is_too_old_and_at_most_a_64th_later() {
        let mut ring = ring_of(&[(1, 0), (5, 0), (9, 30)]);
        assert!(!ring.is_due(at(64), AGE_MAX));
        assert!(ring.is_due(at(65), AGE_MAX));
        ring.drop_oldest();
        assert!(ring.is_due(at(65), AGE_MAX), "the second is as old");
        ring.drop_oldest();
        assert!(!ring.is_due(at(94), AGE_MAX), "the third is younger");
        assert!(ring.is_due(at(95), AGE_MAX));
    }

    #[test]
    fn what_is_taken_back_leaves_no_mark() {
        let mut ring = ring_of(&[(1, 0), (5, 30)]);
        ring.take_back();
        ring.drop_oldest();
        assert_eq!((ring.len(), ring.bytes(), ring.due(AGE_MAX)), (0, 0, None));
    }

    #[test]
    fn places_are_found_between_the_numbers() {
        let ring = ring_of(&[(3, 0), (7, 0)]);
        let places: Vec<usize> = (2..=8).map(|seq| ring.place_after(seq)).collect();
        assert_eq!(places, [0, 1, 1, 1, 1, 2, 2]);
    }
}
