//! Gives disk back: copies what is still remembered out of old segments, and removes them.

use std::collections::BTreeSet;

use sse_gateway_protocol::Seq;

use crate::batch::Batch;
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, is_full};
use crate::header::{HEADER_BYTES, Header, Origin};
use crate::record::{Bounds, Published, Record};
use crate::secret::Secret;
use crate::segment::{Segment, name_of};
use crate::shelf::{Sealed, Shelf};
use crate::{Options, ballast};

/// A segment is made under this name first.
pub(crate) const CLEANED: &str = "cleaned.tmp";

/// So many segments more than twice what was remembered at the last pass, and the next one begins.
const SLACK_SEGMENTS: u64 = 4;

/// As long as the disk stays full, a pass begins this long after the last one.
const FULL_PAUSE_MS: u64 = 10_000;

/// Copied records are checked together in frames of about this size.
const FRAME_BYTES: usize = 256 * 1024;

/// Answers what is still remembered; whoever owns the log.
pub trait Retention {
    /// Tells whether anything of a publish is still remembered: an event, its key, its completion.
    fn remembers(&mut self, published: &Published<'_>) -> bool;

    /// Gives what must be known of a topic some of whose records go; `None` when there is no such
    /// topic.
    fn bounds(&mut self, topic: &str) -> Option<Bounds>;

    /// Gives the newest event that any forgotten topic had. Asked after the others.
    fn forgotten_through(&mut self) -> Seq;
}

/// Cleans old segments, on a thread of its own if it pleases; the journal goes on meanwhile.
///
/// A *pass* goes over all sealed segments, oldest first. It begins when all have more than twice the
/// bytes that the last pass left and four segments, when the oldest is older than what is remembered,
/// or when the disk is full.
#[derive(Debug)]
pub struct Cleaner<D: Disk> {
    disk: D,
    options: Options,
    shelf: Shelf,
    pass: Option<Pass>,
    /// When the last pass ended.
    passed_ms: u64,
    /// How many bytes there were after the last pass.
    left_bytes: u64,
}

/// Oldest first without exception: so a deletion is only dropped when all that was deleted is gone.
#[derive(Clone, Copy, Debug)]
struct Pass {
    cleaned_through: u64,
    /// The newest segment that was sealed when it began.
    through: u64,
}

/// One segment that is being made of one or two.
struct Copy {
    bytes: Vec<u8>,
    batch: Batch,
    nonce: Secret,
    reserved_through: Seq,
    /// Topics some of whose records were left out.
    thinned: BTreeSet<String>,
}

impl<D: Disk> Cleaner<D> {
    pub(crate) fn new(disk: D, options: Options, shelf: Shelf) -> Self {
        Self { disk, options, shelf, pass: None, passed_ms: 0, left_bytes: 0 }
    }

    /// Cleans one segment if that is due; tells whether it did, and the next may be due as well.
    ///
    /// Holds two segments in memory at most, and asks for one after the other of their publishes.
    /// `now_ms` is the time in milliseconds since 1970.
    ///
    /// # Errors
    /// That a segment could not be read or made; everything is as before then, and the next call tries
    /// again.
    pub fn clean(&mut self, retention: &mut impl Retention, now_ms: u64) -> Result<bool, Error> {
        let Some(pass) = self.pass.or_else(|| self.begin_pass(now_ms)) else { return Ok(false) };
        self.pass = Some(pass);
        let Some((sources, last)) = self.sources(pass) else {
            self.end_pass(now_ms);
            return Ok(false);
        };
        let mut cleaned = self.rewrite(&sources, last, retention, now_ms);
        if matches!(&cleaned, Err(Error::Disk(error)) if is_full(error))
            && ballast::lend(&self.disk, &self.shelf)
        {
            cleaned = self.rewrite(&sources, last, retention, now_ms);
            ballast::give_back(&self.shelf);
        }
        cleaned?;
        self.pass = Some(Pass { cleaned_through: last.number, ..pass });
        Ok(true)
    }

    fn end_pass(&mut self, now_ms: u64) {
        self.pass = None;
        self.passed_ms = now_ms;
        let mut segments = self.shelf.lock();
        segments.is_full = false;
        self.left_bytes = segments.bytes();
    }

    fn begin_pass(&self, now_ms: u64) -> Option<Pass> {
        let segments = self.shelf.lock();
        let (first, last) = (segments.sealed.first()?, segments.sealed.last()?);
        let bytes_max = 2 * self.left_bytes + SLACK_SEGMENTS * self.options.segment_bytes;
        let age_max_ms = u64::try_from(self.options.age_max.as_millis()).unwrap_or(u64::MAX);
        let is_large = segments.bytes() > bytes_max;
        let is_old = first.fresh_ms.saturating_add(age_max_ms) < now_ms;
        let is_full = segments.is_full && self.passed_ms.saturating_add(FULL_PAUSE_MS) < now_ms;
        (is_large || is_old || is_full).then_some(Pass { cleaned_through: 0, through: last.number })
    }

    /// Gives the next segment of the pass, after the one before it when that has become small.
    fn sources(&self, pass: Pass) -> Option<(Vec<Sealed>, Sealed)> {
        let segments = self.shelf.lock();
        let next = |sealed: &Sealed| (pass.cleaned_through + 1..=pass.through).contains(&sealed.number);
        let place = segments.sealed.iter().position(next)?;
        let small = |sealed: &&Sealed| sealed.bytes <= self.options.segment_bytes / 2;
        let before = place.checked_sub(1).map(|before| &segments.sealed[before]).filter(small);
        let last = segments.sealed[place];
        Some((before.copied().into_iter().chain([last]).collect(), last))
    }

    /// Makes one segment of what is left of the sources, in place of the last of them.
    fn rewrite(
        &self,
        sources: &[Sealed],
        last: Sealed,
        retention: &mut impl Retention,
        now_ms: u64,
    ) -> Result<(), Error> {
        let mut segments = Vec::with_capacity(sources.len());
        for source in sources {
            let bytes = self.disk.read(&name_of(source.number), usize::MAX)?;
            segments.push(Segment::read(source.number, bytes)?);
        }
        let (Some(first), Some(newest)) = (segments.first(), segments.last()) else { return Ok(()) };
        let mut copy = Copy::of(&newest.header);
        for (source, segment) in sources.iter().zip(&segments) {
            let reserved = segment.each_record(source.end, |record| copy.take(&record, retention))?;
            copy.reserved_through = copy.reserved_through.max(reserved);
        }
        if sources.len() == 1 && copy.thinned.is_empty() {
            self.shelf.lock().replace(Sealed { fresh_ms: now_ms, ..last });
            return Ok(());
        }
        let (from, previous_end) = (first.header.from(), first.header.previous_end);
        let bytes = copy.finish(retention, &newest.header, (from, previous_end), now_ms);
        let length = bytes.len() as u64;
        let mut file = self.disk.create(CLEANED, 0)?;
        file.append(&bytes)?;
        file.sync()?;
        self.disk.rename(CLEANED, &name_of(last.number))?;
        let cleaned = Sealed { number: last.number, from, end: length, bytes: length, fresh_ms: now_ms };
        self.shelf.lock().replace(cleaned);
        // Only when this is certain to be there the others may go.
        self.disk.sync_names()?;
        for source in sources.iter().filter(|source| source.number != last.number) {
            // One that stays is removed at the next start.
            let _ = self.disk.remove(&name_of(source.number));
        }
        Ok(())
    }
}

impl Copy {
    fn of(newest: &Header) -> Self {
        Self {
            bytes: vec![0; HEADER_BYTES],
            batch: Batch::new(),
            nonce: newest.nonce.derive(b"cleaned"),
            reserved_through: newest.reserved_through,
            thinned: BTreeSet::new(),
        }
    }

    fn take(&mut self, record: &Record<'_>, retention: &mut impl Retention) {
        match record {
            Record::Published(published) if retention.remembers(published) => self.push(record),
            // Bounds are asked for anew, and what a deletion deleted is not remembered.
            _ => drop(self.thinned.insert(record.topic().to_owned())),
        }
    }

    fn push(&mut self, record: &Record<'_>) {
        self.batch.push(record);
        if self.batch.len() >= FRAME_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            let at = self.bytes.len() as u64;
            self.bytes.extend_from_slice(self.batch.seal(self.nonce, at, at, self.reserved_through));
            self.batch.clear();
        }
    }

    /// Gives the segment's bytes.
    fn finish(
        mut self,
        retention: &mut impl Retention,
        newest: &Header,
        (from, previous_end): (u64, u64),
        at_ms: u64,
    ) -> Vec<u8> {
        for topic in std::mem::take(&mut self.thinned) {
            if let Some(bounds) = retention.bounds(&topic) {
                self.push(&Record::Bounded { topic: &topic, bounds });
            }
        }
        self.flush();
        let forgotten_through = retention.forgotten_through();
        let bytes = self.bytes.len() as u64;
        let header = Header {
            previous_end,
            origin: Origin::Cleaned { from, bytes, at_ms, forgotten_through },
            nonce: self.nonce,
            reserved_through: self.reserved_through,
            ..newest.clone()
        };
        self.bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        self.bytes
    }
}
