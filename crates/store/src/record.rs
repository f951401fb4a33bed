//! What the log wants to have again after a restart, and its bytes.

use sse_gateway_protocol::Seq;

use crate::encoding::{Reader, put_bytes, put_number};

/// One thing that happened to one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// A publish.
    Published(Published<'a>),
    /// The topic was deleted with all that it remembered.
    Deleted {
        /// The number of the deletion.
        seq: Seq,
        /// The topic.
        topic: &'a str,
    },
    /// What the log must know of a topic beside the publishes that are still there. Read back, it is
    /// one for each topic that was not deleted since, after all other records.
    Bounded {
        /// The topic.
        topic: &'a str,
        /// Its numbers.
        bounds: Bounds,
    },
}

/// A publish, as far as it must survive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published<'a> {
    /// The number of its first event; without events that of the completion, or its own.
    pub first: Seq,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// Where.
    pub topic: &'a str,
    /// The events' lines without their ids, which may be of another epoch when they are read again.
    pub events: Vec<&'a [u8]>,
    /// Why the topic is complete after the events.
    pub completion: Option<&'a str>,
    /// The idempotency key.
    pub key: Option<Key<'a>>,
    /// How many streams listened, as the publisher was answered.
    pub receivers: u64,
}

impl Published<'_> {
    /// Gives the last number that it took: the position that the publisher was answered.
    #[must_use]
    pub fn last(&self) -> Seq {
        let numbers = self.events.len() as u64 + u64::from(self.completion.is_some());
        self.first + numbers.max(1) - 1
    }
}

/// An idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// As the publisher gave it.
    pub text: &'a str,
    /// Tells publishes apart that use the same.
    pub fingerprint: u64,
}

/// What of a topic outlives its events. All of it only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The newest number of the log when this was so.
    pub as_of: Seq,
    /// When the topic was last used, in milliseconds since 1970.
    pub used_ms: u64,
    /// The newest event that it dropped.
    pub dropped_through: Seq,
    /// What forgotten topics had dropped when it was made.
    pub inherited: Seq,
    /// The newest event that was handed to any stream.
    pub handed_through: Seq,
}

impl Bounds {
    /// Takes the higher of each number.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            as_of: self.as_of.max(other.as_of),
            used_ms: self.used_ms.max(other.used_ms),
            dropped_through: self.dropped_through.max(other.dropped_through),
            inherited: self.inherited.max(other.inherited),
            handed_through: self.handed_through.max(other.handed_through),
        }
    }

    fn encode(self, into: &mut Vec<u8>) {
        let Self { as_of, used_ms, dropped_through, inherited, handed_through } = self;
        for number in [as_of, used_ms, dropped_through, inherited, handed_through] {
            put_number(into, number);
        }
    }

    fn decode(from: &mut Reader<'_>) -> Option<Self> {
        let (as_of, used_ms, dropped_through) = (from.number()?, from.number()?, from.number()?);
        let (inherited, handed_through) = (from.number()?, from.number()?);
        Some(Self { as_of, used_ms, dropped_through, inherited, handed_through })
    }
}

const PUBLISHED: u8 = 1;
const DELETED: u8 = 2;
const BOUNDED: u8 = 3;

const HAS_KEY: u8 = 1;
const HAS_COMPLETION: u8 = 2;

impl<'a> Record<'a> {
    /// Names the topic that it is about.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        match self {
            Record::Published(published) => published.topic,
            Record::Deleted { topic, .. } | Record::Bounded { topic, .. } => topic,
        }
    }

    /// Appends its bytes.
    pub(crate) fn encode(&self, into: &mut Vec<u8>) {
        match self {
            Record::Published(published) => published.encode(into),
            Record::Deleted { seq, topic } => {
                into.push(DELETED);
                put_number(into, *seq);
                put_bytes(into, topic.as_bytes());
            }
            Record::Bounded { topic, bounds } => {
                into.push(BOUNDED);
                put_bytes(into, topic.as_bytes());
                bounds.encode(into);
            }
        }
    }

    /// Reads the next record; `None` when something else stands there.
    pub(crate) fn decode(from: &mut Reader<'a>) -> Option<Self> {
        match from.byte()? {
            PUBLISHED => Published::decode(from).map(Record::Published),
            DELETED => Some(Record::Deleted { seq: from.number()?, topic: from.text()? }),
            BOUNDED => Some(Record::Bounded { topic: from.text()?, bounds: Bounds::decode(from)? }),
            _ => None,
        }
    }
}

impl<'a> Published<'a> {
    fn encode(&self, into: &mut Vec<u8>) {
        let has_key = if self.key.is_some() { HAS_KEY } else { 0 };
        let has_completion = if self.completion.is_some() { HAS_COMPLETION } else { 0 };
        into.extend_from_slice(&[PUBLISHED, has_key | has_completion]);
        for number in [self.first, self.at_ms, self.receivers] {
            put_number(into, number);
        }
        put_bytes(into, self.topic.as_bytes());
        if let Some(Key { text, fingerprint }) = self.key {
            put_bytes(into, text.as_bytes());
            into.extend_from_slice(&fingerprint.to_le_bytes());
        }
        if let Some(reason) = self.completion {
            put_bytes(into, reason.as_bytes());
        }
        put_number(into, self.events.len() as u64);
        for event in &self.events {
            put_bytes(into, event);
        }
    }

    fn decode(from: &mut Reader<'a>) -> Option<Self> {
        let flags = from.byte().filter(|flags| flags & !(HAS_KEY | HAS_COMPLETION) == 0)?;
        let (first, at_ms, receivers) = (from.number()?, from.number()?, from.number()?);
        let topic = from.text()?;
        let key = if flags & HAS_KEY == 0 {
            None
        } else {
            Some(Key { text: from.text()?, fingerprint: from.fixed()? })
        };
        let completion = if flags & HAS_COMPLETION == 0 { None } else { Some(from.text()?) };
        // Each takes a byte at least: what is left bounds how many there can be.
        let count = usize::try_from(from.number()?).ok().filter(|count| *count <= from.len())?;
        first.checked_add(count as u64 + 1)?;
        let events = (0..count).map(|_| from.bytes()).collect::<Option<_>>()?;
        Some(Self { first, at_ms, topic, events, completion, key, receivers })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    type Parts =
        ((u32, u64, u64), String, Vec<Vec<u8>>, Option<String>, Option<(String, u64)>, (u64, u64, u64), u8);

    fn parts() -> impl Strategy<Value = Parts> {
        (
            any::<(u32, u64, u64)>(),
            ".{0,40}",
            vec(vec(any::<u8>(), 0..60), 0..5),
            option::of(".{0,9}"),
            option::of((".{1,9}", any::<u64>())),
            any::<(u64, u64, u64)>(),
            0..3u8,
        )
    }

    fn record(parts: &Parts) -> Record<'_> {
        let ((first, at_ms, receivers), topic, events, completion, key, numbers, kind) = parts;
        match kind {
            0 => Record::Deleted { seq: numbers.0, topic },
            1 => {
                let (as_of, used_ms, dropped_through) = *numbers;
                let (inherited, handed_through) = (*at_ms, *receivers);
                let bounds = Bounds { as_of, used_ms, dropped_through, inherited, handed_through };
                Record::Bounded { topic, bounds }
            }
            _ => Record::Published(Published {
                first: u64::from(*first),
                at_ms: *at_ms,
                topic,
                events: events.iter().map(Vec::as_slice).collect(),
                completion: completion.as_deref(),
                key: key.as_ref().map(|(text, fingerprint)| Key { text, fingerprint: *fingerprint }),
                receivers: *receivers,
            }),
        }
    }

    proptest! {
        #[test]
        fn records_are_read_as_they_were_written(all in vec(parts(), 0..6)) {
            let mut bytes = Vec::new();
            all.iter().for_each(|parts| record(parts).encode(&mut bytes));
            let mut reader = Reader::new(&bytes);
            for parts in &all {
                prop_assert_eq!(Record::decode(&mut reader), Some(record(parts)));
            }
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn a_part_of_a_record_is_none(parts in parts(), cut in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            record(&parts).encode(&mut bytes);
            let part = &bytes[..cut.index(bytes.len())];
            prop_assert_eq!(Record::decode(&mut Reader::new(part)), None);
        }

        #[test]
        fn any_bytes_are_decoded_without_a_panic(bytes in vec(any::<u8>(), 0..60)) {
            let _ = Record::decode(&mut Reader::new(&bytes));
        }
    }

    #[test]
    fn a_publish_takes_a_number_for_each_event_and_its_completion_or_one() {
        let published = |events: usize, completion| {
            let events = vec![&b"data: x\n"[..]; events];
            Published { first: 7, at_ms: 0, topic: "t", events, completion, key: None, receivers: 0 }
        };
        assert_eq!(published(0, None).last(), 7);
        assert_eq!(published(0, Some("done")).last(), 7);
        assert_eq!(published(1, None).last(), 7);
        assert_eq!(published(3, None).last(), 9);
        assert_eq!(published(3, Some("done")).last(), 10);
    }
}
