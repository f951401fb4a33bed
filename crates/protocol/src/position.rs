//! Where a reader of the log stands (protocol, section 12): what `id:` lines carry.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Numbers the entries of a log, from 1 on; 0 is before all of them.
pub type Seq = u64;

/// The longest position on the wire, in bytes; a longer text is none.
pub const POSITION_BYTES_MAX: usize = 64;

const EPOCH_BYTES_MAX: usize = 32;

/// Names one life of a log, so that a number of another life is never taken for one of this.
///
/// 1 to 32 bytes of `[A-Za-z0-9_.]`, and never a `-`, which ends it inside a [`Position`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Epoch(Arc<str>);

impl Epoch {
    /// Makes the epoch that shows these 64 random bits: 13 digits and letters.
    #[must_use]
    pub fn from_random(bits: u64) -> Self {
        const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let digit = |place: u32| char::from(DIGITS[(bits >> (5 * place)) as usize % DIGITS.len()]);
        Self((0..13).rev().map(digit).collect::<String>().into())
    }

    /// Reads an epoch that was written before; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        let valid = (1..=EPOCH_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed);
        valid.then(|| Self(text.into()))
    }

    /// Gives its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place between two entries of a log: whoever stands at it has seen the entry of this number and
/// all before. On the wire `<epoch>-<number>`, in `[A-Za-z0-9_.-]` and at most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The life of the log.
    pub epoch: Epoch,
    /// The newest entry that was seen.
    pub seq: Seq,
}

impl Position {
    /// Reads exactly what [`Display`](fmt::Display) writes; anything else names no position.
    ///
    /// A number has one spelling: no sign, no leading zero, and it fits 64 bits.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let short = bytes.len() <= POSITION_BYTES_MAX;
        let (epoch, digits) = short.then(|| std::str::from_utf8(bytes).ok())??.split_once('-')?;
        let canonical =
            digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        let seq = canonical.then(|| digits.parse().ok())??;
        Some(Self { epoch: Epoch::parse(epoch)?, seq })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch.as_str(), self.seq)
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(text.as_bytes()).ok_or_else(|| serde::de::Error::custom("a position is <epoch>-<number>"))
    }
}
