//! Trouble that passes: what it is, and when a client should ask again (protocol 19.1). Pure.

use std::ops::RangeInclusive;

use http::{HeaderMap, StatusCode, header};
use sse_gateway_protocol::code::Code;

use crate::config::{Retries, TransientRefusal, UNAVAILABLE_RETRY_MS_MIN};

/// Under overload a client stays away for one to three times `UNAVAILABLE_RETRY_MS`.
const OVERLOAD_FACTOR: u64 = 3;

/// Why a client cannot have its stream at the moment. Whoever is refused for another reason, such as the
/// backend's 403, should not ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The gateway is shutting down; another, or the next, takes over.
    Draining,
    /// The gateway does not know its backend.
    NotConfigured,
    /// There are more clients than the gateway, or its settings, can take.
    Overloaded,
    /// The backend is slow.
    BackendTimeout,
    /// The backend is away, or does not answer as a backend.
    BackendUnavailable,
    /// The backend says that it has too much to do.
    BackendOverloaded,
}

impl Trouble {
    /// Tells what passes from what is for good. A code of the gateway's own decides by its status, so
    /// that a new limit is overload from its first day.
    pub(super) fn of(code: Code, status: StatusCode) -> Option<Self> {
        match (code, status.as_u16()) {
            (Code::ShuttingDown, _) => Some(Self::Draining),
            (Code::ServiceNotConfigured, _) => Some(Self::NotConfigured),
            (Code::BackendError, 429) => Some(Self::BackendOverloaded),
            (Code::BackendError, 502..=504) => Some(Self::BackendUnavailable),
            (Code::BackendError, _) => None,
            (Code::BackendUnavailable | Code::InvalidCallbackAnswer, _) => Some(Self::BackendUnavailable),
            (Code::GatewayTimeout, _) => Some(Self::BackendTimeout),
            (_, 429 | 503 | 507) => Some(Self::Overloaded),
            _ => None,
        }
    }

    /// Gives the text that stands in `data` and in the metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::NotConfigured => "not_configured",
            Self::Overloaded => "overloaded",
            Self::BackendTimeout => "backend_timeout",
            Self::BackendUnavailable => "backend_unavailable",
            Self::BackendOverloaded => "backend_overloaded",
        }
    }

    /// Gives the delays to choose from, in milliseconds: those who met the same trouble must not come back
    /// in one moment.
    pub(super) fn delays(self, retry_ms: u64) -> RangeInclusive<u64> {
        match self {
            Self::Overloaded | Self::BackendOverloaded => retry_ms..=OVERLOAD_FACTOR * retry_ms,
            _ => UNAVAILABLE_RETRY_MS_MIN..=retry_ms,
        }
    }
}

/// How one client hears of trouble that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tone {
    /// As a stream that ends at once, or as a status.
    pub(super) as_stream: bool,
    /// Around how long it is told to stay away.
    pub(super) retry_ms: u64,
}

impl Tone {
    /// Chooses for a request; only who names event streams in `Accept` is known to understand one.
    pub(super) fn of(headers: &HeaderMap, retries: &Retries) -> Self {
        let as_stream = match retries.transient_refusal {
            TransientRefusal::Auto => accepts_streams(headers),
            TransientRefusal::Status => false,
            TransientRefusal::Retry => true,
        };
        Self { as_stream, retry_ms: retries.unavailable_retry_ms }
    }
}

/// Whether `Accept` names `text/event-stream` itself; `*/*` is what programs send that read statuses.
fn accepts_streams(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(header::ACCEPT).into_iter();
    ranges.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).any(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(b"text/event-stream"));
        named && !parts.any(is_refusal)
    })
}

/// Whether a parameter is a weight of zero (RFC 9110, 12.4.2).
fn is_refusal(parameter: &[u8]) -> bool {
    let weight = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="));
    weight.is_some_and(|weight| {
        weight.first() == Some(&b'0') && !weight.iter().any(|b| matches!(b, b'1'..=b'9'))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_what_passes_is_trouble() {
        let own = |code: Code| Trouble::of(code, StatusCode::from_u16(code.status()).expect("a status"));
        for (code, expected) in [
            (Code::ShuttingDown, Some(Trouble::Draining)),
            (Code::ServiceNotConfigured, Some(Trouble::NotConfigured)),
            (Code::StreamsFull, Some(Trouble::Overloaded)),
            (Code::TopicsFull, Some(Trouble::Overloaded)),
            (Code::LogFull, Some(Trouble::Overloaded)),
            (Code::GatewayTimeout, Some(Trouble::BackendTimeout)),
            (Code::BackendUnavailable, Some(Trouble::BackendUnavailable)),
            (Code::InvalidCallbackAnswer, Some(Trouble::BackendUnavailable)),
            (Code::BackendAuthFailed, None),
            (Code::BackendForbidden, None),
            (Code::BadRequest, None),
            (Code::InternalError, None),
        ] {
            assert_eq!(own(code), expected, "{code:?}");
        }
        for (status, expected) in [
            (429, Some(Trouble::BackendOverloaded)),
            (502, Some(Trouble::BackendUnavailable)),
            (503, Some(Trouble::BackendUnavailable)),
            (504, Some(Trouble::BackendUnavailable)),
            (302, None),
            (400, None),
            (404, None),
            (408, None),
            (410, None),
            (500, None),
            (501, None),
            (505, None),
            (507, None),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(Trouble::of(Code::BackendError, status), expected, "{status}");
        }
    }

    #[test]
    fn every_code_of_the_gateway_that_is_a_5xx_passes_but_its_own_failure() {
        for code in Code::ALL {
            let status = StatusCode::from_u16(code.status()).expect("a status");
            let passes = Trouble::of(*code, status).is_some();
            assert_eq!(
                passes,
                status.is_server_error() && *code != Code::InternalError || status == 429,
                "{code:?}"
            );
        }
    }

    #[test]
    fn delays_are_wider_under_overload() {
        assert_eq!(Trouble::Draining.delays(5_000), 1_000..=5_000);
        assert_eq!(Trouble::BackendTimeout.delays(1_000), 1_000..=1_000);
        assert_eq!(Trouble::Overloaded.delays(5_000), 5_000..=15_000);
        assert_eq!(Trouble::BackendOverloaded.delays(5_000), 5_000..=15_000);
    }

    #[test]
    fn only_an_accept_header_that_names_event_streams_counts() {
        let accepts = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::ACCEPT, HeaderValue::from_static(value));
            }
            accepts_streams(&headers)
        };
        for yes in [
            &["text/event-stream"][..],
            &["application/json, Text/Event-Stream ;q=0.5"],
            &["*/*", "text/event-stream;charset=utf-8;q=1.0"],
        ] {
            assert!(accepts(yes), "{yes:?}");
        }
        for no in [
            &[][..],
            &["*/*"],
            &["text/*"],
            &[""],
            &["text/event-stream-x"],
            &["application/json;x=text/event-stream"],
            &["text/event-stream;q=0.0"],
        ] {
            assert!(!accepts(no), "{no:?}");
        }
    }
}
