//! Room on the disk that is only there to be given up: a full disk could not be cleaned otherwise.

use std::io;

use crate::disk::{Disk, DiskFile};
use crate::secret::Secret;
use crate::shelf::Shelf;

/// The file that holds the room.
pub(crate) const BALLAST: &str = "ballast";

/// Where the room is.
///
/// ```text
/// Gone --take--> Held --lend--> Lent --give_back--> Gone
/// ```
///
/// The journal appends only while it is held: the last bytes of a full disk are the cleaner's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ballast {
    /// There was none yet, or no room for it.
    #[default]
    Gone,
    Held,
    /// The cleaner has it.
    Lent,
}

/// Sees to it that the room is held, as a journal must before it appends.
pub(crate) fn take<D: Disk>(disk: &D, shelf: &Shelf, bytes: u64) -> io::Result<()> {
    match shelf.lock().ballast {
        Ballast::Held => return Ok(()),
        Ballast::Lent => return Err(io::ErrorKind::StorageFull.into()),
        Ballast::Gone => {}
    }
    let written = disk.create(BALLAST, 0).and_then(|mut file| file.append(&incompressible(bytes)));
    match written {
        Ok(()) => {
            shelf.lock().ballast = Ballast::Held;
            Ok(())
        }
        Err(error) => {
            // A part of it is of no use, and there is little room.
            let _ = disk.remove(BALLAST);
            Err(error)
        }
    }
}

/// Gives the room to the cleaner; false when it is not there.
pub(crate) fn lend<D: Disk>(disk: &D, shelf: &Shelf) -> bool {
    let mut segments = shelf.lock();
    let held = segments.ballast == Ballast::Held;
    if held {
        segments.ballast = Ballast::Lent;
        drop(segments);
        let _ = disk.remove(BALLAST);
    }
    held
}

/// The cleaner has made what room it could.
pub(crate) fn give_back(shelf: &Shelf) {
    let mut segments = shelf.lock();
    if segments.ballast == Ballast::Lent {
        segments.ballast = Ballast::Gone;
    }
}

/// Some file systems store what repeats itself in no room at all.
fn incompressible(bytes: u64) -> Vec<u8> {
    (0..bytes / 8).flat_map(|place| Secret(place).derive(BALLAST.as_bytes()).0.to_le_bytes()).collect()
}
