//! The first bytes of a segment.

use sse_gateway_protocol::{Epoch, Seq};
use twox_hash::XxHash3_64;

use crate::encoding::Reader;
use crate::secret::Secret;

/// How many bytes a header has, in every version.
pub(crate) const HEADER_BYTES: usize = 128;

/// The version of the format that this code writes, and the only one that it reads.
pub(crate) const VERSION: u16 = 1;

const MAGIC: [u8; 8] = *b"SSEGWLOG";
const EPOCH_BYTES: usize = 32;
const CHECK_AT: usize = HEADER_BYTES - 8;

/// When a record must be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncMode {
    /// Before it is answered.
    Always,
    /// Soon after: a crash of the machine may lose what was answered since the last sync.
    Interval,
}

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) number: u64,
    /// How many bytes of the segment before it count, if that one was written by the journal: a write
    /// may have failed behind them.
    pub(crate) previous_end: u64,
    pub(crate) origin: Origin,
    /// The log's life in which it was written.
    pub(crate) epoch: Epoch,
    pub(crate) sync: SyncMode,
    /// Seeds the checks of its frames.
    pub(crate) nonce: Secret,
    /// No number above this one had been given out when it was begun.
    pub(crate) reserved_through: Seq,
}

/// How a segment came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The journal appends to it, or did.
    Written,
    /// It was made of older segments, at once.
    Cleaned {
        /// The number of the oldest of them; its own is that of the newest.
        from: u64,
        /// How many bytes it has.
        bytes: u64,
        /// When it was made, in milliseconds since 1970.
        at_ms: u64,
        /// The newest event of a topic that was forgotten.
        forgotten_through: Seq,
    },
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadHeader {
    Damaged,
    /// Its version is another.
    Version(u16),
}

impl Header {
    /// Gives the number of the oldest segment whose place it takes; mostly its own.
    pub(crate) fn from(&self) -> u64 {
        match self.origin {
            Origin::Written => self.number,
            Origin::Cleaned { from, .. } => from,
        }
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        let epoch = self.epoch.as_str().as_bytes();
        bytes[11] = u8::from(self.sync == SyncMode::Interval);
        bytes[12] = epoch.len() as u8;
        bytes[16..16 + epoch.len()].copy_from_slice(epoch);
        let (kind, origin) = match self.origin {
            Origin::Written => (0, [0; 4]),
            Origin::Cleaned { from, bytes, at_ms, forgotten_through } => {
                (1, [from, bytes, at_ms, forgotten_through])
            }
        };
        bytes[10] = kind;
        let numbers = [self.number, self.previous_end, self.nonce.0, self.reserved_through];
        for (place, number) in numbers.into_iter().chain(origin).enumerate() {
            let at = 16 + EPOCH_BYTES + 8 * place;
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        let check = XxHash3_64::oneshot(&bytes[..CHECK_AT]);
        bytes[CHECK_AT..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(segment: &[u8]) -> Result<Self, BadHeader> {
        let bytes: &[u8; HEADER_BYTES] = segment.first_chunk().ok_or(BadHeader::Damaged)?;
        let checked = Reader::new(&bytes[CHECK_AT..]).fixed();
        if bytes[..8] != MAGIC || checked != Some(XxHash3_64::oneshot(&bytes[..CHECK_AT])) {
            return Err(BadHeader::Damaged);
        }
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        if version != VERSION {
            return Err(BadHeader::Version(version));
        }
        Self::read(&mut Reader::new(&bytes[10..])).ok_or(BadHeader::Damaged)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let [kind, sync, epoch_length] = reader.array()?;
        let _: [u8; 3] = reader.array()?;
        let epoch: [u8; EPOCH_BYTES] = reader.array()?;
        let epoch = std::str::from_utf8(epoch.get(..usize::from(epoch_length))?).ok()?;
        let epoch = Epoch::parse(epoch)?;
        let (number, previous_end) = (reader.fixed()?, reader.fixed()?);
        let (nonce, reserved_through) = (Secret(reader.fixed()?), reader.fixed()?);
        let origin = match kind {
            0 => Origin::Written,
            1 => Origin::Cleaned {
                from: reader.fixed()?,
                bytes: reader.fixed()?,
                at_ms: reader.fixed()?,
                forgotten_through: reader.fixed()?,
            },
            _ => return None,
        };
        let sync = match sync {
            0 => SyncMode::Always,
            1 => SyncMode::Interval,
            _ => return None,
        };
        Some(Self { number, previous_end, origin, epoch, sync, nonce, reserved_through })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> [Header; 2] {
        let origins = [
            Origin::Written,
            Origin::Cleaned { from: 3, bytes: 128, at_ms: 1_700_000_000_000, forgotten_through: 5 },
        ];
        origins.map(|origin| Header {
            number: 7,
            previous_end: 4096,
            origin,
            epoch: Epoch::from_random(42),
            sync: SyncMode::Interval,
            nonce: Secret(u64::MAX),
            reserved_through: 1 << 20,
        })
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for header in headers() {
            assert_eq!(Header::decode(&header.encode()), Ok(header));
        }
    }

    #[test]
    fn each_flipped_bit_and_each_cut_is_damage() {
        for header in headers() {
            let bytes = header.encode();
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes;
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Header::decode(&flipped), Err(BadHeader::Damaged), "bit {bit}");
            }
            for cut in 0..bytes.len() {
                assert_eq!(Header::decode(&bytes[..cut]), Err(BadHeader::Damaged));
            }
        }
    }

    #[test]
    fn another_version_is_named() {
        let [header, _] = headers();
        let mut bytes = header.encode();
        bytes[8..10].copy_from_slice(&2u16.to_le_bytes());
        let check = XxHash3_64::oneshot(&bytes[..CHECK_AT]);
        bytes[CHECK_AT..].copy_from_slice(&check.to_le_bytes());
        assert_eq!(Header::decode(&bytes), Err(BadHeader::Version(2)));
    }
}
