//! What a gateway says it can do (protocol, section 8).

/// The header that carries the list, on every callback and every answer of the gateway's own routes.
pub const HEADER: &str = "sse-gateway-features";

/// Batched `events`, `retry_ms` and `opened` are understood; a close is answered at once.
pub const EVENTS: &str = "events";

/// Topics (Part 2): connect answers may name them, and `/internal/publish` takes events for them.
pub const TOPICS: &str = "topics";

/// The value that this version of the gateway sends.
pub const OFFERED: &str = "events, topics";

/// Tells whether a header value names a feature; an absent header names none.
#[must_use]
pub fn names(value: Option<&str>, feature: &str) -> bool {
    value.is_some_and(|list| list.split(',').any(|item| item.trim() == feature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_feature_is_offered() {
        assert!([EVENTS, TOPICS].into_iter().all(|feature| names(Some(OFFERED), feature)));
    }

    #[test]
    fn a_feature_is_a_whole_item_of_the_list() {
        assert!(names(Some("events"), EVENTS));
        assert!(names(Some("topics , events"), EVENTS));
        assert!(!names(Some("eventsource"), EVENTS));
        assert!(!names(None, EVENTS));
    }
}
