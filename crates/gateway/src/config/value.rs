//! Plain values: each parser says what it expects.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use sse_gateway_protocol::send::RETRY_MS_MAX;

/// The most threads that a token's first byte can name.
const SHARDS_MAX: usize = 64;
/// A year: longer waits are mistakes, and no clock arithmetic overflows.
const SECONDS_MAX: u64 = 31_536_000;
/// An hour: whoever waits longer for a sync wants none.
const MILLISECONDS_MAX: u64 = 3_600_000;
/// Clients that come back more often than that are a storm of their own.
pub(crate) const UNAVAILABLE_RETRY_MS_MIN: u64 = 1_000;
/// hyper's parser needs this much at least.
const HEAD_BYTES_MIN: usize = 8192;
/// hyper makes room for this many with each request, and its map of headers panics past 24,576.
const HEADERS_MAX: usize = 10_000;

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// When what is published must be on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogSync {
    /// Before it is answered.
    #[default]
    Always,
    /// Soon after.
    Interval,
}

/// How clients hear of trouble that passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransientRefusal {
    /// As the client understands it, by its `Accept` header.
    #[default]
    Auto,
    /// Always as a status.
    Status,
    /// Always as a stream that ends at once.
    Retry,
}

pub(super) fn directory(value: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(value);
    if value.is_empty() { Err("the path of a directory".to_owned()) } else { Ok(path) }
}

pub(super) fn log_sync(value: &str) -> Result<LogSync, String> {
    match value {
        "always" => Ok(LogSync::Always),
        "interval" => Ok(LogSync::Interval),
        _ => Err("always or interval".to_owned()),
    }
}

pub(super) fn milliseconds(value: &str) -> Result<Duration, String> {
    let milliseconds = value.parse().ok().filter(|ms| (1..=MILLISECONDS_MAX).contains(ms));
    let expected = || format!("an integer of milliseconds from 1 to {MILLISECONDS_MAX}");
    milliseconds.map(Duration::from_millis).ok_or_else(expected)
}

pub(super) fn as_set(value: &str) -> String {
    value.to_owned()
}

pub(super) fn port(value: &str) -> Result<u16, String> {
    value.parse().ok().filter(|port| *port > 0).ok_or_else(|| "an integer from 1 to 65535".to_owned())
}

pub(super) fn address(value: &str) -> Result<IpAddr, String> {
    value.parse().map_err(|_| "an IP address, such as :: or 127.0.0.1".to_owned())
}

pub(super) fn socket_address(value: &str) -> Result<SocketAddr, String> {
    value.parse().map_err(|_| "address:port, such as 127.0.0.1:3001".to_owned())
}

pub(super) fn seconds(value: &str) -> Result<Duration, String> {
    let seconds = value.parse().ok().filter(|seconds| (1..=SECONDS_MAX).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| format!("an integer of seconds from 1 to {SECONDS_MAX}"))
}

/// Half as much again must be a delay that browsers take.
pub(super) fn retry_ms(value: &str) -> Result<u64, String> {
    let retry_ms = value.parse().ok().filter(|retry_ms| *retry_ms <= RETRY_MS_MAX / 2);
    retry_ms.ok_or_else(|| format!("an integer of milliseconds from 0 to {}", RETRY_MS_MAX / 2))
}

pub(super) fn transient_refusal(value: &str) -> Result<TransientRefusal, String> {
    match value {
        "auto" => Ok(TransientRefusal::Auto),
        "status" => Ok(TransientRefusal::Status),
        "retry" => Ok(TransientRefusal::Retry),
        _ => Err("auto, status or retry".to_owned()),
    }
}

pub(super) fn unavailable_retry_ms(value: &str) -> Result<u64, String> {
    let retry_ms = value
        .parse()
        .ok()
        .filter(|retry_ms| (UNAVAILABLE_RETRY_MS_MIN..=MILLISECONDS_MAX).contains(retry_ms));
    retry_ms.ok_or_else(|| {
        format!("an integer of milliseconds from {UNAVAILABLE_RETRY_MS_MIN} to {MILLISECONDS_MAX}")
    })
}

pub(super) fn bytes(value: &str) -> Result<usize, String> {
    value.parse().ok().filter(|bytes| *bytes > 0).ok_or_else(|| "a number of bytes, at least 1".to_owned())
}

pub(super) fn head_bytes(value: &str) -> Result<usize, String> {
    let bytes = value.parse().ok().filter(|bytes| *bytes >= HEAD_BYTES_MIN);
    bytes.ok_or_else(|| format!("a number of bytes, at least {HEAD_BYTES_MIN}"))
}

pub(super) fn headers(value: &str) -> Result<usize, String> {
    let count = value.parse().ok().filter(|count| (1..=HEADERS_MAX).contains(count));
    count.ok_or_else(|| format!("an integer from 1 to {HEADERS_MAX}"))
}

pub(super) fn count(value: &str) -> Result<usize, String> {
    value.parse().ok().filter(|count| *count > 0).ok_or_else(|| "an integer, at least 1".to_owned())
}

pub(super) fn shards(value: &str) -> Result<NonZeroUsize, String> {
    let shards: Option<NonZeroUsize> = value.parse().ok();
    shards
        .filter(|shards| shards.get() <= SHARDS_MAX)
        .ok_or_else(|| format!("an integer from 1 to {SHARDS_MAX}"))
}

/// One a core, as far as a token can name them.
pub(super) fn shards_for(cores: usize) -> NonZeroUsize {
    NonZeroUsize::new(cores.min(SHARDS_MAX)).unwrap_or(NonZeroUsize::MIN)
}

pub(super) fn log_level(value: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(value) {
        Ok(_) if !value.is_empty() => Ok(value.to_owned()),
        _ => Err("error, warn, info, debug, trace, or a list of target=level".to_owned()),
    }
}

pub(super) fn log_format(value: &str) -> Result<LogFormat, String> {
    match value {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("text or json".to_owned()),
    }
}
