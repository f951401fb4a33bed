//! A number that publishers must not know.

use std::fmt;

use twox_hash::XxHash3_64;

/// Seeds checks, so that published bytes cannot look like the store's own. Unprintable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) u64);

impl Secret {
    /// Makes another one, always the same for the same name.
    pub(crate) fn derive(self, name: &[u8]) -> Self {
        Self(XxHash3_64::oneshot_with_seed(self.0, name))
    }

    /// Checks bytes that stand at a place.
    pub(crate) fn check(self, bytes: &[u8], at: u64) -> u64 {
        XxHash3_64::oneshot_with_seed(self.0 ^ at, bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
