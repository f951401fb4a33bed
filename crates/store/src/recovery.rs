//! Opens a store and gives back what it holds.

use std::collections::BTreeMap;
use std::io;

use sse_gateway_protocol::{Epoch, Seq};

use crate::ballast::BALLAST;
use crate::cleaner::{CLEANED, Cleaner};
use crate::disk::{Disk, DiskFile};
use crate::error::Error;
use crate::header::{HEADER_BYTES, Header, Origin, SyncMode};
use crate::journal::{Journal, NEXT, Next, RESERVED_AHEAD};
use crate::record::{Bounds, Record};
use crate::secret::Secret;
use crate::segment::{Segment, Tail, damaged, name_of, number_of};
use crate::shelf::{Sealed, Shelf};
use crate::{Fresh, Options};

/// A store that was found in order; its records are read by [`replay`](Self::replay).
#[derive(Debug)]
pub struct Recovery<D: Disk> {
    disk: D,
    options: Options,
    secret: Secret,
    /// Oldest first, without holes.
    chain: Vec<Header>,
    tail: Option<Tail>,
    /// Files that another has replaced, or that are made anew.
    leftovers: Vec<String>,
    /// The life of the log that goes on: the one that was, or a new one.
    pub epoch: Epoch,
    /// The first number that was never given out.
    pub next: Seq,
    /// What topics had dropped that were forgotten.
    pub forgotten_through: Seq,
    /// What a crash left behind the last batch: a write that was never finished.
    pub torn: Option<Torn>,
    /// Whether it ended without [`Journal::close`]. With [`SyncMode::Interval`] that made the epoch a
    /// new one: what had been answered may be lost.
    pub unclean: bool,
}

/// A write that was never finished, and does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The newest segment.
    pub file: String,
    /// Where it begins.
    pub at: u64,
    /// How many bytes it has.
    pub bytes: u64,
}

impl<D: Disk> Recovery<D> {
    /// Looks at what is there; an empty disk is a new log.
    ///
    /// # Errors
    /// That something is damaged or missing that was on the disk once, or what the disk says.
    pub fn open(disk: D, options: Options, fresh: Fresh) -> Result<Self, Error> {
        let mut recovery = Self {
            disk,
            options,
            secret: Secret(fresh.secret),
            chain: Vec::new(),
            tail: None,
            leftovers: Vec::new(),
            epoch: fresh.epoch,
            next: 1,
            forgotten_through: 0,
            torn: None,
            unclean: false,
        };
        recovery.find_chain()?;
        recovery.read_tail()?;
        Ok(recovery)
    }

    /// Gives every record, in the order in which they were appended ([`Record::Bounded`] last), and
    /// begins to write.
    ///
    /// The records are what [`Retention`](crate::Retention) remembered when their segment was cleaned,
    /// and all since: more than the log has to keep, so that it applies its bounds anew.
    ///
    /// # Errors
    /// That something is damaged that was on the disk once, or what the disk says.
    pub fn replay(self, mut visit: impl FnMut(Record<'_>)) -> Result<(Journal<D>, Cleaner<D>), Error> {
        let shelf = Shelf::default();
        let mut bounded = Bounded::default();
        let mut newest = None;
        for place in 0..self.chain.len() {
            let (sealed, segment) = self.replay_segment(place, |record| {
                bounded.take(&record);
                if !matches!(record, Record::Bounded { .. }) {
                    visit(record);
                }
            })?;
            shelf.lock().sealed.push(sealed);
            newest = Some((sealed, segment));
        }
        for (topic, bounds) in &bounded.0 {
            visit(Record::Bounded { topic, bounds: *bounds });
        }
        // What took a file's place must be certain to be there before the file goes.
        self.disk.sync_names()?;
        for name in &self.leftovers {
            self.disk.remove(name)?;
        }
        let next = self.next_segment();
        if let Some((sealed, segment)) = newest.filter(|(sealed, _)| sealed.number < next.number) {
            self.write_anew(sealed, &segment)?;
        }
        // One that holds nothing is written anew.
        shelf.lock().sealed.retain(|sealed| sealed.number < next.number);
        let begun = (next, self.next - 1 + RESERVED_AHEAD);
        let journal = Journal::begin(
            self.disk.clone(),
            self.options.clone(),
            shelf.clone(),
            self.epoch,
            self.secret,
            begun,
        )?;
        Ok((journal, Cleaner::new(self.disk, self.options, shelf)))
    }

    /// Follows the headers from the newest segment to the first.
    fn find_chain(&mut self) -> Result<(), Error> {
        let names = self.disk.names()?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| number_of(name)).collect();
        numbers.sort_unstable();
        self.leftovers =
            names.into_iter().filter(|name| [NEXT, CLEANED, BALLAST].contains(&&**name)).collect();
        let mut wanted = numbers.last().copied().unwrap_or_default();
        for number in numbers.into_iter().rev() {
            if number > wanted {
                self.leftovers.push(name_of(number));
            } else if number < wanted {
                return Err(Error::Missing { file: name_of(wanted) });
            } else {
                let bytes = self.disk.read(&name_of(number), HEADER_BYTES)?;
                let header = Segment::read(number, bytes)?.header;
                wanted = header.from() - 1;
                self.chain.push(header);
            }
        }
        self.chain.reverse();
        if wanted == 0 { Ok(()) } else { Err(Error::Missing { file: name_of(wanted) }) }
    }

    fn read_tail(&mut self) -> Result<(), Error> {
        let Some(newest) = self.chain.last() else { return Ok(()) };
        let number = newest.number;
        let tail = Segment::read(number, self.disk.read(&name_of(number), usize::MAX)?)?.tail()?;
        self.unclean = !tail.closed;
        let lossy = self.unclean && newest.sync == SyncMode::Interval;
        if !lossy {
            self.epoch = newest.epoch.clone();
        }
        let reserved = self.chain.iter().map(|header| header.reserved_through).max();
        let reserved = reserved.unwrap_or_default().max(tail.reserved_through);
        self.next = reserved.checked_add(1).ok_or_else(|| damaged(number, 0))?;
        let forgotten = self.chain.iter().map(|header| match header.origin {
            Origin::Cleaned { forgotten_through, .. } => forgotten_through,
            Origin::Written => 0,
        });
        self.forgotten_through = forgotten.max().unwrap_or_default();
        let Tail { end, torn, .. } = tail;
        self.torn = (torn > 0).then(|| Torn { file: name_of(number), at: end, bytes: torn });
        self.tail = Some(tail);
        Ok(())
    }

    fn replay_segment(
        &self,
        place: usize,
        mut visit: impl FnMut(Record<'_>),
    ) -> Result<(Sealed, Segment), Error> {
        let header = &self.chain[place];
        let number = header.number;
        let bytes = self.disk.read(&name_of(number), usize::MAX)?;
        let length = bytes.len() as u64;
        let segment = Segment::read(number, bytes)?;
        let after = self.chain.get(place + 1);
        let (end, mut fresh_ms) = match (&header.origin, after) {
            (Origin::Cleaned { bytes, at_ms, .. }, _) => (*bytes, *at_ms),
            (Origin::Written, Some(after)) => (after.previous_end, 0),
            (Origin::Written, None) => (self.tail.map_or(0, |tail| tail.end), 0),
        };
        segment.each_record(end, |record| {
            if let Record::Published(published) = &record {
                fresh_ms = fresh_ms.max(published.at_ms);
            }
            visit(record);
        })?;
        Ok((Sealed { number, from: header.from(), end, bytes: length, fresh_ms }, segment))
    }

    /// Writes the newest segment again, as far as it counts. What was read of it may never have reached
    /// the disk, and if a sync had failed on it, a sync now would say nothing.
    fn write_anew(&self, sealed: Sealed, segment: &Segment) -> io::Result<()> {
        let mut file = self.disk.create(NEXT, 0)?;
        file.append(segment.counted(sealed.end))?;
        file.sync()?;
        self.disk.rename(NEXT, &name_of(sealed.number))?;
        self.disk.sync_names()
    }

    fn next_segment(&self) -> Next {
        match (self.chain.last(), self.tail) {
            (Some(newest), Some(tail)) if newest.origin == Origin::Written && tail.is_empty => {
                Next { number: newest.number, previous_end: newest.previous_end }
            }
            (Some(newest), Some(tail)) => Next { number: newest.number + 1, previous_end: tail.end },
            _ => Next { number: 1, previous_end: 0 },
        }
    }
}

/// The bounds of topics. When an old segment was cleaned they were put into it as they were at that
/// time, so only their numbers tell whether a deletion came before or after.
#[derive(Default)]
struct Bounded(BTreeMap<String, Bounds>);

impl Bounded {
    fn take(&mut self, record: &Record<'_>) {
        match record {
            Record::Published(_) => {}
            Record::Deleted { seq, topic } => {
                if self.0.get(*topic).is_some_and(|bounds| bounds.as_of < *seq) {
                    self.0.remove(*topic);
                }
            }
            Record::Bounded { topic, bounds } => match self.0.get_mut(*topic) {
                Some(known) => *known = known.max(*bounds),
                None => drop(self.0.insert((*topic).to_owned(), *bounds)),
            },
        }
    }
}
