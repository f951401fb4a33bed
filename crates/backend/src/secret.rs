//! A value that must not be printed.

use std::fmt;

use subtle::ConstantTimeEq;

/// A shared secret: never printed, compared in constant time.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret that can stand in an `Authorization` header: visible ASCII, not empty.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        visible.then(|| Self(text.to_owned()))
    }

    /// Tells whether this is the secret; the time taken depends on the length alone.
    #[must_use]
    pub fn matches(&self, candidate: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(candidate).into()
    }

    /// Gives the text, for the wire; never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_matches_itself_alone_and_is_never_printed() {
        let secret = Secret::parse("hunter2").expect("visible ASCII");
        assert!(secret.matches(b"hunter2"));
        for other in ["", "hunter", "hunter22", "Hunter2"] {
            assert!(!secret.matches(other.as_bytes()), "{other}");
        }
        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_no_secret() {
        for text in ["", "a b", "line\nbreak", "schlüssel"] {
            assert_eq!(Secret::parse(text), None, "{text}");
        }
    }
}
