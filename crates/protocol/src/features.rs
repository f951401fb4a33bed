//! What a gateway says it can do (protocol, section 8).

/// The header that carries the list, on every callback and every answer of the gateway's own routes.
pub const HEADER: &str = "sse-gateway-features";

/// Batched `events`, `retry_ms` and `opened` are understood; a close is answered at once.
pub const EVENTS: &str = "events";

/// The value that this version of the gateway sends.
pub const OFFERED: &str = EVENTS;

/// Tells whether a header value names a feature; an absent header names none.
#[must_use]
pub fn names(value: Option<&str>, feature: &str) -> bool {
    value.is_some_and(|list| list.split(',').any(|item| item.trim() == feature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_a_whole_item_of_the_list() {
        assert!(names(Some("events"), EVENTS));
        assert!(names(Some("topics , events"), EVENTS));
        assert!(!names(Some("eventsource"), EVENTS));
        assert!(!names(None, EVENTS));
    }
}
