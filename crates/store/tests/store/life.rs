//! One life of a store, from its start to its end, with publishes that tell their number.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use sse_gateway_protocol::{Epoch, Seq};
use sse_gateway_store::{
    Batch, Bounds, Cleaner, Disk, Error, Fresh, Journal, Options, Published, Record, Recovery, Retention,
    SyncMode, Torn,
};

/// When everything in these tests happens, if nothing else is said.
pub(crate) const NOW_MS: u64 = 1_700_000_000_000;

pub(crate) const AGE_MAX: Duration = Duration::from_secs(600);

/// Small segments, so that a few publishes make several.
pub(crate) fn options(sync: SyncMode) -> Options {
    Options { sync, segment_bytes: 1024, age_max: AGE_MAX }
}

pub(crate) struct Life<D: Disk> {
    pub(crate) journal: Journal<D>,
    pub(crate) cleaner: Cleaner<D>,
    pub(crate) recovered: Recovered,
    batch: Batch,
}

/// What a life found when it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    pub(crate) published: Vec<Seq>,
    pub(crate) deleted: Vec<Seq>,
    pub(crate) bounds: BTreeMap<String, Bounds>,
    pub(crate) next: Seq,
    pub(crate) forgotten_through: Seq,
    pub(crate) torn: Option<Torn>,
    pub(crate) unclean: bool,
}

impl<D: Disk> Life<D> {
    /// Begins the life of this number, which makes its epoch.
    pub(crate) fn begin(disk: D, options: Options, number: u64) -> Result<Self, Error> {
        let fresh = Fresh { epoch: Epoch::from_random(number), secret: number };
        let recovery = Recovery::open(disk, options, fresh)?;
        let mut recovered = Recovered {
            next: recovery.next,
            forgotten_through: recovery.forgotten_through,
            torn: recovery.torn.clone(),
            unclean: recovery.unclean,
            ..Recovered::default()
        };
        let (journal, cleaner) = recovery.replay(|record| recovered.take(&record))?;
        Ok(Self { journal, cleaner, recovered, batch: Batch::new() })
    }

    /// Publishes one event for each of the numbers, in one batch.
    pub(crate) fn publish(&mut self, numbers: impl IntoIterator<Item = Seq>) -> io::Result<()> {
        self.batch.clear();
        let mut newest = 0;
        for seq in numbers {
            push(&mut self.batch, seq, NOW_MS);
            newest = seq;
        }
        self.journal.append(&mut self.batch, newest)
    }

    pub(crate) fn append(&mut self, records: &[Record<'_>], newest: Seq) -> io::Result<()> {
        self.batch.clear();
        records.iter().for_each(|record| self.batch.push(record));
        self.journal.append(&mut self.batch, newest)
    }

    /// Ends the life in order.
    pub(crate) fn close(self) -> io::Result<()> {
        self.journal.close()
    }

    /// Cleans as long as something is due.
    pub(crate) fn clean(&mut self, memory: &mut Memory, now_ms: u64) -> Result<(), Error> {
        while self.cleaner.clean(memory, now_ms)? {}
        Ok(())
    }
}

/// Adds the publish of a number; its topic and event follow from it.
pub(crate) fn push(batch: &mut Batch, seq: Seq, at_ms: u64) {
    let (topic, event) = (topic_of(seq), event_of(seq));
    batch.push(&Record::Published(Published {
        first: seq,
        at_ms,
        topic: &topic,
        events: vec![event.as_bytes()],
        completion: None,
        key: None,
        receivers: seq % 3,
    }));
}

pub(crate) fn topic_of(seq: Seq) -> String {
    format!("topic-{}", seq % 5)
}

fn event_of(seq: Seq) -> String {
    let length = seq as usize % 60;
    format!("data: {seq} {}\n", "x".repeat(length))
}

impl Recovered {
    /// Notes a record, and sees that it is as it was published.
    fn take(&mut self, record: &Record<'_>) {
        match record {
            Record::Published(published) => {
                let seq = published.first;
                assert_eq!(published.topic, topic_of(seq), "wrong bytes");
                assert_eq!(published.events, [event_of(seq).as_bytes()], "wrong bytes");
                self.published.push(seq);
            }
            Record::Deleted { seq, .. } => self.deleted.push(*seq),
            Record::Bounded { topic, bounds } => {
                let before = self.bounds.insert((*topic).to_owned(), *bounds);
                assert_eq!(before, None, "a topic's bounds come once");
            }
        }
    }
}

/// What the log remembers, as far as these tests care.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) remembered: BTreeSet<Seq>,
    pub(crate) bounds: BTreeMap<String, Bounds>,
    pub(crate) forgotten_through: Seq,
}

impl Memory {
    pub(crate) fn of(numbers: impl IntoIterator<Item = Seq>) -> Self {
        Self { remembered: numbers.into_iter().collect(), ..Self::default() }
    }

    /// Drops an event, as retention does.
    pub(crate) fn drop_event(&mut self, seq: Seq) {
        if self.remembered.remove(&seq) {
            let bounds = self.bounds.entry(topic_of(seq)).or_default();
            bounds.dropped_through = bounds.dropped_through.max(seq);
        }
    }
}

impl Retention for Memory {
    fn remembers(&mut self, published: &Published<'_>) -> bool {
        self.remembered.contains(&published.first)
    }

    fn bounds(&mut self, topic: &str) -> Option<Bounds> {
        self.bounds.get(topic).copied()
    }

    fn forgotten_through(&mut self) -> Seq {
        self.forgotten_through
    }
}
