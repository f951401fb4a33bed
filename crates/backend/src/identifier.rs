//! What a client listens to.

use std::fmt;
use std::sync::Arc;

/// The longest id, in bytes.
pub(crate) const ID_BYTES_MAX: usize = 200;

/// The longest name of a service, in bytes: with an id behind it, it names a topic.
const SERVICE_BYTES_MAX: usize = 50;

/// Names what a client listens to, such as `task:42`: a service and an id of that service's own.
///
/// At most one stream is connected to an identifier. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identifier {
    service: &'static str,
    id: Arc<str>,
}

impl Identifier {
    /// Takes an id that is not empty, has neither `:` nor control characters, and at most 200 bytes.
    /// So has the service's name, with at most 50 bytes.
    ///
    /// # Errors
    /// Says what is wrong with the id, and the caller's peer is at fault; or that the service's name
    /// can be none, which its author has to change.
    pub fn parse(service: &'static str, id: &str) -> Result<Self, InvalidIdentifier> {
        let separates = |character: char| character == ':' || character.is_control();
        if service.is_empty() || service.len() > SERVICE_BYTES_MAX || service.chars().any(separates) {
            return Err(InvalidIdentifier::Service);
        }
        if id.is_empty() {
            return Err(InvalidIdentifier::Empty);
        }
        if id.len() > ID_BYTES_MAX {
            return Err(InvalidIdentifier::TooLong);
        }
        if id.chars().any(separates) {
            return Err(InvalidIdentifier::Character);
        }
        Ok(Self { service, id: id.into() })
    }

    /// Gives the service's name, the `service` label of every metric.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// Gives the id within the service.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.id)
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentifier {
    /// It is empty.
    #[error("must not be empty")]
    Empty,
    /// It has more than 200 bytes.
    #[error("must not have more than 200 bytes")]
    TooLong,
    /// It has a colon or a control character.
    #[error("must not contain `:` or control characters")]
    Character,
    /// The service's name is empty, has a colon or a control character, or more than 50 bytes.
    #[error("belongs to a service whose name cannot be used")]
    Service,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_bounded_and_has_no_separator_of_ours() {
        let parse = |id: &str| Identifier::parse("task", id).map(|identifier| identifier.to_string());
        assert_eq!(parse("42"), Ok("task:42".into()));
        assert_eq!(parse("grün 1"), Ok("task:grün 1".into()));
        assert_eq!(parse(""), Err(InvalidIdentifier::Empty));
        for id in ["a:b", "a\nb", "a\u{7f}", "a\u{85}"] {
            assert_eq!(parse(id), Err(InvalidIdentifier::Character), "{id:?}");
        }
        assert!(parse(&"x".repeat(200)).is_ok());
        assert_eq!(parse(&"x".repeat(201)), Err(InvalidIdentifier::TooLong));
        for service in ["", "a:b", "a\n", "a service with a name that is longer than fifty bytes"] {
            let refused = Identifier::parse(service, "1").map(|_| ());
            assert_eq!(refused, Err(InvalidIdentifier::Service), "{service:?}");
        }
    }
}
