//! A value that cannot be printed.

use std::fmt;

use subtle::ConstantTimeEq;

/// A secret: compared in constant time, never shown.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// Compares without telling by its time where the first difference is (the length may show).
    #[must_use]
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(candidate).into()
    }

    /// Makes the value of an `Authorization` header.
    #[must_use]
    pub fn as_bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

pub(super) fn secret(value: &str) -> Result<Secret, String> {
    // It must survive an HTTP header unchanged.
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(Secret(value.into()))
    } else {
        Err("visible ASCII characters without spaces".to_owned())
    }
}
