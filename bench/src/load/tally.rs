//! What the streams have seen, added up.

use hdrhistogram::Histogram;

use super::payload::Payload;

/// Counts and latencies over all streams.
pub(crate) struct Tally {
    /// Heads with status 200.
    pub(crate) opened: u64,
    /// Other heads, connections that failed, answers that are none.
    pub(crate) refused: u64,
    /// Why the last was refused: a status, or none for a connection that failed.
    pub(crate) last_refusal: Option<u16>,
    /// Streams that the server has ended or reset.
    pub(crate) ended: u64,
    pub(crate) events: u64,
    /// Numbers that were skipped.
    pub(crate) missing: u64,
    /// Numbers that came again, or after a later one.
    pub(crate) misordered: u64,
    /// Events of the gateway that tell of a hole.
    pub(crate) gaps: u64,
    /// Lines that begin with a colon: heartbeats, and what some servers greet with.
    pub(crate) comments: u64,
    /// When the last event came, in nanoseconds of the load's clock.
    pub(crate) last_event_at: u64,
    /// From sending to reading, in nanoseconds.
    pub(crate) delivery: Histogram<u64>,
    /// From connecting to the head, in nanoseconds.
    pub(crate) connect: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            opened: 0,
            refused: 0,
            last_refusal: None,
            ended: 0,
            events: 0,
            missing: 0,
            misordered: 0,
            gaps: 0,
            comments: 0,
            last_event_at: 0,
            delivery: nanoseconds(),
            connect: nanoseconds(),
        }
    }

    /// Takes one event of a stream that expects a number next, on each lane.
    pub(crate) fn event(&mut self, payload: Payload, expected: &mut Vec<u32>, now: u64) {
        self.events += 1;
        self.last_event_at = now;
        self.delivery.saturating_record(now.saturating_sub(payload.sent_at));
        let (lane, number) = payload.place();
        if expected.len() <= lane {
            expected.resize(lane + 1, 0);
        }
        let expected = &mut expected[lane];
        if number < *expected {
            self.misordered += 1;
            return;
        }
        self.missing += u64::from(number - *expected);
        *expected = number + 1;
    }
}

/// A histogram up to a minute, to three digits.
pub(crate) fn nanoseconds() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("the bounds are in order")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(numbers: &[u32]) -> (u64, u64, u64) {
        let mut tally = Tally::new();
        let mut expected = Vec::new();
        for number in numbers {
            tally.event(Payload { number: *number, sent_at: 0 }, &mut expected, 1);
        }
        (tally.events, tally.missing, tally.misordered)
    }

    #[test]
    fn events_in_order_are_neither_missing_nor_misordered() {
        assert_eq!(tally_of(&[0, 1, 2]), (3, 0, 0));
    }

    #[test]
    fn an_event_that_was_dropped_is_missing() {
        assert_eq!(tally_of(&[0, 2, 3]), (3, 1, 0));
    }

    #[test]
    fn lanes_have_an_order_each() {
        let numbers = [(0, 0), (9, 0), (9, 1), (0, 1), (9, 1), (0, 3)];
        let mut tally = Tally::new();
        let mut expected = Vec::new();
        for (lane, number) in numbers {
            tally.event(Payload::on_lane(lane, number, 0), &mut expected, 1);
        }
        assert_eq!((tally.events, tally.missing, tally.misordered), (6, 1, 1));
    }

    #[test]
    fn an_event_that_comes_twice_or_late_is_misordered() {
        assert_eq!(tally_of(&[0, 1, 1]), (3, 0, 1));
        assert_eq!(tally_of(&[1, 0]), (2, 1, 1));
    }
}
