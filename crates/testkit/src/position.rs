//! Places in a gateway's log.

use std::cmp::Ordering;
use std::fmt;

/// A position as it stands on the wire, `<epoch>-<seq>`, read strictly.
///
/// Positions of two epochs have no order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Names the log's life.
    pub epoch: String,
    /// The number within it.
    pub seq: u64,
}

impl Position {
    /// Reads a position.
    ///
    /// # Panics
    /// When it is over 64 bytes, has another alphabet than `[A-Za-z0-9_.-]`, or is no epoch and number.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        assert!(text.len() <= 64 && text.bytes().all(plain), "no position: {text:?}");
        let (epoch, seq) = text.split_once('-').unwrap_or_else(|| panic!("no epoch: {text:?}"));
        let position = Self { epoch: epoch.to_owned(), seq: seq.parse().expect("a number") };
        assert!(!epoch.is_empty() && position.to_string() == text, "no position: {text:?}");
        position
    }

    /// The place this many numbers later.
    #[must_use]
    pub fn plus(&self, numbers: u64) -> Self {
        Self { epoch: self.epoch.clone(), seq: self.seq + numbers }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.epoch, self.seq)
    }
}

impl PartialOrd for Position {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.epoch == other.epoch).then(|| self.seq.cmp(&other.seq))
    }
}
