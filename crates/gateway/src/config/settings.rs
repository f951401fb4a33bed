//! The schema: every setting with its default and its explanation.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::access::{self, AllowedOrigins, Network};
use super::callback::{self, CallbackUrl};
use super::secret::{self, Secret};
use super::setting::{Described, Setting};
use super::value::{self, LogFormat, LogSync, TransientRefusal};

macro_rules! settings {
    ($($name:ident: $type:ty = $default:expr, $parse:expr $(, $option:ident: $value:expr)*; $help:literal)*) => {
        $(
            #[doc = $help]
            pub const $name: Setting<$type> = Setting {
                name: stringify!($name),
                default: $default,
                help: $help,
                parse: $parse,
                $($option: $value,)*
                ..plain($parse)
            };
        )*
        /// Every setting, in the order in which it is documented.
        pub const ALL: &[&dyn Described] = &[$(&$name),*];
    };
}

const fn plain<T>(parse: fn(&str) -> Result<T, String>) -> Setting<T> {
    Setting { name: "", default: None, help: "", secret: false, parse, show: value::as_set }
}

settings! {
    PORT: u16 = Some("3000"), value::port;
        "The port for streams, /healthz and /readyz, and for /internal/* unless INTERNAL_LISTEN is set. 1 to 65535."
    LISTEN_ADDRESS: IpAddr = Some("::"), value::address;
        "The address to listen on. :: takes IPv6 and IPv4; where there is no IPv6, 0.0.0.0 is used."
    CALLBACK_URL: CallbackUrl = None, callback::url, show: callback::show;
        "Where the backend is asked who may connect, an http or https URL. Without it every connect is refused with 503."
    CALLBACK_SECRET: Secret = None, secret::secret, secret: true;
        "Sent with each callback as `Authorization: Bearer <it>`, so that the backend knows the gateway."
    CALLBACK_TIMEOUT_SECONDS: Duration = Some("5"), value::seconds;
        "How long a callback may take, from its start (connecting included) to the end of its answer."
    CALLBACK_ANSWER_BYTES_MAX: usize = Some("262144"), value::bytes;
        "How large the answer to a connect callback may be. A larger one refuses the client with 502."
    CALLBACKS_CONCURRENT_MAX: usize = Some("64"), value::count;
        "How many callbacks run at once. The others wait for a place, a connect for at most CALLBACK_TIMEOUT_SECONDS."
    HEARTBEAT_INTERVAL_SECONDS: Duration = Some("15"), value::seconds;
        "How often an open stream hears the comment `: heartbeat`, so that proxies keep it. At least 1."
    STREAMS_MAX: usize = Some("100000"), value::count;
        "How many streams are held. Past it a connect is refused with 503 STREAMS_FULL."
    OUTBOX_BYTES_MAX: usize = Some("1048576"), value::bytes;
        "How much one stream may hold unwritten. Past it the stream is closed as slow, and a send answers 429."
    OUTBOX_BYTES_TOTAL_MAX: usize = Some("268435456"), value::bytes;
        "How much all streams together may hold unwritten. Past it the fullest stream is closed as slow."
    WRITE_TIMEOUT_SECONDS: Duration = Some("30"), value::seconds;
        "How long a client may take nothing of what waits for it before its stream is cut off."
    SEND_BODY_BYTES_MAX: usize = Some("1048576"), value::bytes;
        "How large the body of a send or a publish may be, or a line of one that is a stream. A larger one is refused with 413."
    TOPIC_EVENTS_MAX: usize = Some("1000"), value::count;
        "How many events a topic keeps for streams that come later. Past it the oldest go."
    TOPIC_BYTES_MAX: usize = Some("1048576"), value::bytes;
        "How many bytes of events a topic keeps. Past it the oldest go; a larger event is refused with 413."
    TOPIC_AGE_MAX_SECONDS: Duration = Some("600"), value::seconds;
        "How long events, idempotency keys and the end of a topic are kept, and a topic that nobody uses."
    LOG_BYTES_MAX: usize = Some("268435456"), value::bytes;
        "How many bytes all topics keep together. Past it the oldest events of all go."
    TOPICS_MAX: usize = Some("100000"), value::count;
        "How many topics there are. Past it a new one is refused with 429 TOPICS_FULL."
    LOG: PathBuf = None, value::directory;
        "A directory where topics survive a restart; made when missing, used by one gateway at a time. Without it they live in memory."
    LOG_SYNC: LogSync = Some("always"), value::log_sync;
        "With LOG: always writes to the disk before a publish is answered; interval answers first, and after a crash the epoch is new."
    LOG_SYNC_INTERVAL_MS: Duration = Some("1000"), value::milliseconds;
        "With LOG_SYNC=interval: how often the disk is told to write, in milliseconds. 1 to 3600000."
    PUBLISH_IDLE_SECONDS: Duration = Some("300"), value::seconds;
        "How long a publish whose body is a stream may be silent before it is given up."
    REPLACED_RETRY_MS: u64 = Some("30000"), value::retry_ms;
        "How long a browser whose stream was replaced on an exclusive topic stays away, in milliseconds, +-50 %."
    TRANSIENT_REFUSAL: TransientRefusal = Some("auto"), value::transient_refusal;
        "How trouble that passes is told: auto as a stream that ends at once to who accepts text/event-stream, else as a status; status or retry always as that."
    UNAVAILABLE_RETRY_MS: u64 = Some("5000"), value::unavailable_retry_ms;
        "At most how long a client that met such trouble stays away, in milliseconds, each another time; under overload from this to its triple. At least 1000."
    HEAD_BYTES_MAX: usize = Some("16384"), value::head_bytes;
        "How large a request head may be, at least 8192. A larger one is refused with 431."
    HEADERS_MAX: usize = Some("100"), value::headers;
        "How many headers a request may have. One with more is refused with 431."
    INTERNAL_SECRET: Secret = None, secret::secret, secret: true;
        "With it, /internal/* is served only to requests with `Authorization: Bearer <it>`."
    INTERNAL_ALLOW: Vec<Network> = Some("127.0.0.0/8,::1/128"), access::networks;
        "Without INTERNAL_SECRET: the networks that may use /internal/*, and never through a proxy."
    INTERNAL_LISTEN: SocketAddr = None, value::socket_address;
        "A listener of its own for /internal/*, as address:port. The public port then knows nothing of it."
    CORS_ALLOW_ORIGIN: AllowedOrigins = None, access::origins;
        "Which origins' pages may read streams: a comma-separated list of origins, or *. Never for /internal/*."
    SHARDS: NonZeroUsize = None, value::shards;
        "How many threads own the streams. Default: one a core."
    SHUTDOWN_SECONDS: Duration = Some("5"), value::seconds;
        "How long a shutdown may take: streams end cleanly and disconnects are told; then the process exits."
    LOG_LEVEL: String = Some("info"), value::log_level;
        "What is logged: error, warn, info, debug, trace, or a list such as info,sse_gateway=debug."
    LOG_FORMAT: LogFormat = Some("text"), value::log_format;
        "text for people, json for machines; to standard error."
}

/// Finds the setting of a name, if there is one.
#[must_use]
pub fn named(name: &str) -> Option<&'static str> {
    ALL.iter().map(|setting| setting.name()).find(|known| *known == name)
}
