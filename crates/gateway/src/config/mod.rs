//! Settings: one table for the environment, the command line and the TOML file.
//!
//! [`settings`] is the schema; every other way to see a setting (`--help`, `check`, the table in
//! the documentation) is made from it. Reading reports all mistakes at once. Nothing in here acts
//! on a setting.

mod access;
mod callback;
mod file;
mod secret;
mod setting;
pub mod settings;
mod value;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

pub use access::{AllowedOrigins, InternalAccess};
pub use callback::CallbackUrl;
pub use file::read_file;
pub use secret::Secret;
pub use setting::{Mistake, Origin, Setting};
pub(crate) use value::UNAVAILABLE_RETRY_MS_MIN;
pub use value::{LogFormat, LogSync, TransientRefusal};

use setting::Reader;

/// The values that are set, by setting name, with where each comes from.
pub type Values = BTreeMap<&'static str, (String, Origin)>;

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where streams and health are served, and `/internal/*` unless it has its own listener.
    pub listen: SocketAddr,
    /// The backend, if one is set.
    pub callback: Callback,
    /// Bounds and times of streams.
    pub streams: Streams,
    /// What topics remember.
    pub topics: Topics,
    /// How clients hear of trouble that passes.
    pub retries: Retries,
    /// Bounds of requests.
    pub requests: Requests,
    /// Who may use `/internal/*`, and where.
    pub internal: Internal,
    /// Which pages of other origins may read streams.
    pub cors: AllowedOrigins,
    /// How many threads own the streams.
    pub shards: NonZeroUsize,
    /// How long a shutdown may take.
    pub shutdown: Duration,
    /// What is logged and how.
    pub log: Log,
}

/// How the backend is called.
#[derive(Clone, Debug)]
pub struct Callback {
    /// Where; without it every connect is refused.
    pub url: Option<CallbackUrl>,
    /// What the backend knows the gateway by.
    pub secret: Option<Secret>,
    /// From the start of a callback to the end of its answer.
    pub timeout: Duration,
    /// How large an answer may be.
    pub answer_bytes_max: usize,
    /// How many run at once.
    pub concurrent_max: usize,
}

/// Bounds and times of streams.
#[derive(Clone, Debug)]
pub struct Streams {
    /// How many streams may be held.
    pub max: usize,
    /// How often an open stream hears a comment.
    pub heartbeat_interval: Duration,
    /// What one stream may hold unwritten.
    pub outbox_bytes_max: usize,
    /// What all streams together may hold unwritten.
    pub outbox_bytes_total_max: usize,
    /// How long a write may make no progress.
    pub write_timeout: Duration,
}

/// What topics remember.
#[derive(Clone, Debug)]
pub struct Topics {
    /// How many events one keeps.
    pub events_max: usize,
    /// How many bytes of events one keeps.
    pub bytes_max: usize,
    /// How long anything is kept.
    pub age_max: Duration,
    /// How many bytes all keep together.
    pub log_bytes_max: usize,
    /// How many there may be.
    pub max: usize,
    /// How long a stream whose topic was taken over is asked to stay away, before jitter.
    pub replaced_retry_ms: u64,
    /// Where they survive a restart; without it they live in memory.
    pub disk: Option<Disk>,
}

/// Where a log is kept, and when what is published must be there.
#[derive(Clone, Debug)]
pub struct Disk {
    /// The directory; made when it is missing.
    pub directory: PathBuf,
    /// How often the disk is told to sync; `None` before each answer.
    pub sync_interval: Option<Duration>,
}

/// How clients hear of trouble that passes, and when they come back.
#[derive(Clone, Debug)]
pub struct Retries {
    /// As a status, or as a stream that ends at once.
    pub transient_refusal: TransientRefusal,
    /// At most how long a client stays away, before what overload adds.
    pub unavailable_retry_ms: u64,
}

/// Bounds of requests.
#[derive(Clone, Debug)]
pub struct Requests {
    /// How large a request head may be.
    pub head_bytes_max: usize,
    /// How many headers it may have.
    pub headers_max: usize,
    /// How large the body of a send or a publish may be, or an element of one that is a stream.
    pub send_body_bytes_max: usize,
    /// How long a publish whose body is a stream may be silent.
    pub publish_idle_timeout: Duration,
}

/// Who may use `/internal/*`, and where.
#[derive(Clone, Debug)]
pub struct Internal {
    /// A listener of its own.
    pub listen: Option<SocketAddr>,
    /// Who is let in.
    pub access: InternalAccess,
}

/// What is logged and how.
#[derive(Clone, Debug)]
pub struct Log {
    /// A level or a list of `target=level`.
    pub level: String,
    /// For people or for machines.
    pub format: LogFormat,
}

impl Config {
    /// Reads a configuration; what is absent takes its default.
    ///
    /// # Errors
    /// Every mistake there is, in the order of the settings.
    pub fn read(values: &Values) -> Result<Self, Vec<Mistake>> {
        let mut reader = Reader::new(values);
        let config = Self {
            listen: SocketAddr::new(
                reader.take(&settings::LISTEN_ADDRESS).unwrap_or(IpAddr::from([0; 16])),
                reader.take(&settings::PORT).unwrap_or_default(),
            ),
            callback: Callback {
                url: reader.take_optional(&settings::CALLBACK_URL),
                secret: reader.take_optional(&settings::CALLBACK_SECRET),
                timeout: reader.take(&settings::CALLBACK_TIMEOUT_SECONDS).unwrap_or_default(),
                answer_bytes_max: reader.take(&settings::CALLBACK_ANSWER_BYTES_MAX).unwrap_or_default(),
                concurrent_max: reader.take(&settings::CALLBACKS_CONCURRENT_MAX).unwrap_or_default(),
            },
            streams: Streams {
                max: reader.take(&settings::STREAMS_MAX).unwrap_or_default(),
                heartbeat_interval: reader.take(&settings::HEARTBEAT_INTERVAL_SECONDS).unwrap_or_default(),
                outbox_bytes_max: reader.take(&settings::OUTBOX_BYTES_MAX).unwrap_or_default(),
                outbox_bytes_total_max: reader.take(&settings::OUTBOX_BYTES_TOTAL_MAX).unwrap_or_default(),
                write_timeout: reader.take(&settings::WRITE_TIMEOUT_SECONDS).unwrap_or_default(),
            },
            topics: Topics {
                events_max: reader.take(&settings::TOPIC_EVENTS_MAX).unwrap_or_default(),
                bytes_max: reader.take(&settings::TOPIC_BYTES_MAX).unwrap_or_default(),
                age_max: reader.take(&settings::TOPIC_AGE_MAX_SECONDS).unwrap_or_default(),
                log_bytes_max: reader.take(&settings::LOG_BYTES_MAX).unwrap_or_default(),
                max: reader.take(&settings::TOPICS_MAX).unwrap_or_default(),
                replaced_retry_ms: reader.take(&settings::REPLACED_RETRY_MS).unwrap_or_default(),
                disk: read_disk(&mut reader),
            },
            retries: Retries {
                transient_refusal: reader.take(&settings::TRANSIENT_REFUSAL).unwrap_or_default(),
                unavailable_retry_ms: reader.take(&settings::UNAVAILABLE_RETRY_MS).unwrap_or_default(),
            },
            requests: Requests {
                head_bytes_max: reader.take(&settings::HEAD_BYTES_MAX).unwrap_or_default(),
                headers_max: reader.take(&settings::HEADERS_MAX).unwrap_or_default(),
                send_body_bytes_max: reader.take(&settings::SEND_BODY_BYTES_MAX).unwrap_or_default(),
                publish_idle_timeout: reader.take(&settings::PUBLISH_IDLE_SECONDS).unwrap_or_default(),
            },
            internal: Internal {
                listen: reader.take_optional(&settings::INTERNAL_LISTEN),
                access: match reader.take_optional(&settings::INTERNAL_SECRET) {
                    Some(secret) => InternalAccess::Secret(secret),
                    None => {
                        InternalAccess::Networks(reader.take(&settings::INTERNAL_ALLOW).unwrap_or_default())
                    }
                },
            },
            cors: reader.take_optional(&settings::CORS_ALLOW_ORIGIN).unwrap_or(AllowedOrigins::None),
            shards: reader
                .take_optional(&settings::SHARDS)
                .unwrap_or_else(|| value::shards_for(available_parallelism().map_or(1, NonZeroUsize::get))),
            shutdown: reader.take(&settings::SHUTDOWN_SECONDS).unwrap_or_default(),
            log: Log {
                level: reader.take(&settings::LOG_LEVEL).unwrap_or_default(),
                format: reader.take(&settings::LOG_FORMAT).unwrap_or_default(),
            },
        };
        // The placeholders above stand only where a mistake was noted, so they never get out.
        reader.finish(config)
    }

    /// Reads a configuration from pairs of setting name and value; unknown names are mistakes.
    ///
    /// # Errors
    /// Every mistake there is.
    pub fn from_pairs<N: AsRef<str>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Vec<Mistake>> {
        let mut values = Values::new();
        for (name, value) in pairs {
            let name = settings::named(name.as_ref())
                .ok_or_else(|| vec![Mistake::unknown(name.as_ref(), "the caller")])?;
            values.insert(name, (value.into(), Origin::Caller));
        }
        Self::read(&values)
    }
}

#[cfg(test)]
mod tests;

fn read_disk(reader: &mut Reader<'_>) -> Option<Disk> {
    let directory = reader.take_optional(&settings::LOG);
    let sync = reader.take(&settings::LOG_SYNC).unwrap_or_default();
    let interval = reader.take(&settings::LOG_SYNC_INTERVAL_MS).unwrap_or_default();
    let sync_interval = (sync == LogSync::Interval).then_some(interval);
    directory.map(|directory| Disk { directory, sync_interval })
}
