//! Appends records and makes them durable.

use std::io;

use sse_gateway_protocol::{Epoch, Seq};

use crate::Options;
use crate::ballast::{self, Ballast};
use crate::batch::Batch;
use crate::disk::{Disk, DiskFile};
use crate::error::is_full;
use crate::frame::{HEAD_BYTES, Head, Mark};
use crate::header::{HEADER_BYTES, Header, Origin, SyncMode};
use crate::secret::Secret;
use crate::segment::name_of;
use crate::shelf::{Sealed, Shelf};

/// How many numbers are reserved ahead.
pub const RESERVED_AHEAD: Seq = 1 << 20;

/// A segment is written under this name first, so that one with its own name has a whole header.
pub(crate) const NEXT: &str = "next.tmp";

/// The one writer of a store.
///
/// A segment is never written again after a failure: the next one says how much of it counts. So a
/// failed sync needs no second try, whose success would mean nothing.
#[derive(Debug)]
pub struct Journal<D: Disk> {
    disk: D,
    options: Options,
    shelf: Shelf,
    epoch: Epoch,
    /// Makes the nonces of segments.
    secret: Secret,
    reserved_through: Seq,
    /// The segment that takes appends, or else the one that the next append begins.
    next: Next,
    open: Option<Open<D::File>>,
    /// Whether something is lost that was answered: this life cannot end cleanly.
    lossy: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Next {
    pub(crate) number: u64,
    pub(crate) previous_end: u64,
}

#[derive(Debug)]
struct Open<F> {
    file: F,
    nonce: Secret,
    /// Up to here everything was appended whole.
    end: u64,
    /// Up to here it is on the disk.
    synced: u64,
    fresh_ms: u64,
}

impl<D: Disk> Journal<D> {
    /// Begins a segment, so that a disk which takes none is found at the start.
    pub(crate) fn begin(
        disk: D,
        options: Options,
        shelf: Shelf,
        epoch: Epoch,
        secret: Secret,
        (next, reserved_through): (Next, Seq),
    ) -> io::Result<Self> {
        let (open, lossy) = (None, false);
        let mut journal = Self { disk, options, shelf, epoch, secret, reserved_through, next, open, lossy };
        journal.open()?;
        // Without room for it the store only reads; the next append says so.
        let _ = ballast::take(&journal.disk, &journal.shelf, journal.options.segment_bytes);
        Ok(journal)
    }

    /// Names the log's life.
    #[must_use]
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Gives the highest number that may be given out; after a restart the log continues above it.
    #[must_use]
    pub fn reserved_through(&self) -> Seq {
        self.reserved_through
    }

    /// Tells whether the next append will reserve numbers, so that one is due even without records.
    #[must_use]
    pub fn wants_reservation(&self, newest: Seq) -> bool {
        newest.saturating_add(RESERVED_AHEAD / 2) > self.reserved_through
    }

    /// Counts what it has on the disk, in bytes.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        let segments = self.shelf.lock();
        let ballast = if segments.ballast == Ballast::Held { self.options.segment_bytes } else { 0 };
        segments.bytes() + ballast
    }

    /// Appends a batch, all or nothing, behind all before. When it returns, the batch is as durable
    /// as the mode says: on the disk, or with the operating system. `newest` is the newest number that
    /// the log gave out; when few are left, more are reserved along the way. Nothing to write and to
    /// reserve is nothing done.
    ///
    /// # Errors
    /// That nothing of it counts: the log takes the records back. After a crash of the machine that
    /// follows before the next success, it may still be there. The journal goes on with the next
    /// append; on a full disk, once the cleaner or somebody else has made room for a whole segment.
    pub fn append(&mut self, batch: &mut Batch, newest: Seq) -> io::Result<()> {
        let appended = self.try_append(batch, newest);
        if let Err(error) = &appended
            && is_full(error)
        {
            self.shelf.lock().is_full = true;
        }
        appended
    }

    fn try_append(&mut self, batch: &mut Batch, newest: Seq) -> io::Result<()> {
        let reserved_through = if self.wants_reservation(newest) {
            newest.saturating_add(RESERVED_AHEAD)
        } else {
            self.reserved_through
        };
        if batch.is_empty() && reserved_through == self.reserved_through {
            return Ok(());
        }
        if batch.len() > Batch::BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        ballast::take(&self.disk, &self.shelf, self.options.segment_bytes)?;
        self.make_room(batch.len() + HEAD_BYTES)?;
        let open = self.open()?;
        open.fresh_ms = open.fresh_ms.max(batch.newest_ms());
        let frame = batch.seal(open.nonce, open.end, open.synced, reserved_through);
        let end = open.end + frame.len() as u64;
        match open.file.append(frame) {
            Ok(()) => open.end = end,
            Err(error) => {
                self.give_up();
                return Err(error);
            }
        }
        self.shelf.lock().open_bytes = end;
        if self.options.sync == SyncMode::Always {
            self.sync()?;
        }
        self.reserved_through = reserved_through;
        Ok(())
    }

    /// Makes everything durable that was appended; with [`SyncMode::Interval`] a timer's business.
    ///
    /// # Errors
    /// That what was appended since the last sync is lost at the next restart, though it was answered;
    /// the log's life then ends as after a crash, with a new epoch.
    pub fn sync(&mut self) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if open.synced == open.end {
            return Ok(());
        }
        match open.file.sync() {
            Ok(()) => {
                open.synced = open.end;
                Ok(())
            }
            Err(error) => {
                self.lossy |= self.options.sync == SyncMode::Interval;
                let counted = open.synced;
                self.seal(counted);
                Err(error)
            }
        }
    }

    /// Marks that the log ended in order.
    ///
    /// # Errors
    /// That the mark is not there: the next start takes this for a crash.
    pub fn close(mut self) -> io::Result<()> {
        self.sync()?;
        if self.lossy {
            return Err(io::Error::other("a sync had failed"));
        }
        let reserved_through = self.reserved_through;
        let open = self.open()?;
        let mut frame = [0; HEAD_BYTES];
        Head { mark: Mark::End, synced: open.end, reserved_through }.seal(&mut frame, open.nonce, open.end);
        open.file.append(&frame)?;
        open.file.sync()
    }

    /// Ends the segment if these bytes would make it too long.
    fn make_room(&mut self, bytes: usize) -> io::Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let fits = open.end + bytes as u64 <= self.options.segment_bytes || open.end == HEADER_BYTES as u64;
        if fits {
            return Ok(());
        }
        // What follows in the next segment must not be there without this.
        self.sync()?;
        self.give_up();
        Ok(())
    }

    /// Gives the segment that takes appends.
    fn open(&mut self) -> io::Result<&mut Open<D::File>> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.make()?,
        };
        Ok(self.open.insert(open))
    }

    fn make(&self) -> io::Result<Open<D::File>> {
        let Next { number, previous_end } = self.next;
        let nonce = self.secret.derive(&number.to_le_bytes());
        let header = Header {
            number,
            previous_end,
            origin: Origin::Written,
            epoch: self.epoch.clone(),
            sync: self.options.sync,
            nonce,
            reserved_through: self.reserved_through,
        };
        let mut file = self.disk.create(NEXT, self.options.segment_bytes)?;
        file.append(&header.encode())?;
        file.sync()?;
        self.disk.rename(NEXT, &name_of(number))?;
        self.disk.sync_names()?;
        let end = HEADER_BYTES as u64;
        self.shelf.lock().open_bytes = end;
        Ok(Open { file, nonce, end, synced: end, fresh_ms: 0 })
    }

    /// Ends the segment behind what was appended whole; what of that is not on the disk must get there.
    fn give_up(&mut self) {
        if self.sync().is_ok()
            && let Some(open) = &self.open
        {
            let counted = open.end;
            self.seal(counted);
        }
    }

    fn seal(&mut self, counted: u64) {
        let Some(Open { end, fresh_ms, .. }) = self.open.take() else { return };
        let Next { number, .. } = self.next;
        if counted > HEADER_BYTES as u64 {
            let sealed = Sealed { number, from: number, end: counted, bytes: end, fresh_ms };
            self.shelf.lock().sealed.push(sealed);
            self.next = Next { number: number + 1, previous_end: counted };
        }
        // Else it holds nothing, and the next one takes its place.
        self.shelf.lock().open_bytes = 0;
    }
}
