//! Callbacks: how the gateway asks and tells the backend, over HTTP/1.1.
//!
//! One [`Callbacks`] a thread, with connections of its own; the bound on how many run at once is
//! shared. It knows nothing of streams: a body goes out, an [`Outcome`] comes back. Redirects are
//! not followed and proxy variables not read: the target comes from the configuration alone.

mod answer;
mod connection;
mod pool;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use sse_gateway_protocol::features;
use tokio::task::spawn_local;

use crate::config::{self, CallbackUrl};
use answer::Head;
use connection::{BodyError, Connection, Connector, SendError};
use pool::Pool;

/// How a callback came out.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The backend answered 2xx with this body.
    Accepted(Bytes),
    /// The backend answered another status.
    Refused(StatusCode),
    /// A 2xx answer is larger than it may be.
    TooLarge,
    /// The time was over; `seen` says whether the backend may have seen the request.
    TimedOut { seen: bool },
    /// The backend could not be reached, or the connection broke; `seen` as above.
    Failed { seen: bool, error: String },
}

/// Calls one backend.
#[derive(Debug)]
pub(crate) struct Callbacks {
    target: Arc<Target>,
    pool: Rc<Pool>,
}

/// What each thread's callbacks need; made once, so that certificates are read once.
#[derive(Debug)]
pub(crate) struct Target {
    url: CallbackUrl,
    head: RequestHead,
    connector: Connector,
    timeout: Duration,
    answer_bytes_max: usize,
}

/// The system's certificates cannot be read, or the URL is not one that HTTP can carry.
#[derive(Debug, thiserror::Error)]
#[error("CALLBACK_URL: {0}")]
pub struct TargetError(String);

impl Target {
    /// Prepares the configured target; `None` when none is configured.
    pub(crate) fn new(config: &config::Callback) -> Result<Option<Arc<Self>>, TargetError> {
        let Some(url) = &config.url else { return Ok(None) };
        let failed = |error: &dyn std::fmt::Display| TargetError(error.to_string());
        Ok(Some(Arc::new(Self {
            head: RequestHead::new(config, url).map_err(|error| failed(&error))?,
            connector: Connector::new(url.is_https()).map_err(|error| failed(&error))?,
            url: url.clone(),
            timeout: config.timeout,
            answer_bytes_max: config.answer_bytes_max,
        })))
    }
}

/// What every request begins with, up to the digits of its length. It holds secrets.
struct RequestHead(Vec<u8>);

impl RequestHead {
    fn new(config: &config::Callback, url: &CallbackUrl) -> Result<Self, http::header::InvalidHeaderValue> {
        let uri = url.uri();
        let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let host = HeaderValue::from_str(uri.authority().map_or("", http::uri::Authority::as_str))?;
        let bearer = config.secret.as_ref().map(|secret| HeaderValue::from_str(&secret.as_bearer()));
        let mut head = format!("POST {target} HTTP/1.1\r\n").into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        };
        line("Host", host.as_bytes());
        line("Content-Type", b"application/json");
        line("User-Agent", USER_AGENT.as_bytes());
        line(features::HEADER, features::OFFERED.as_bytes());
        if let Some(bearer) = bearer {
            line("Authorization", bearer?.as_bytes());
        }
        head.extend_from_slice(b"Content-Length: ");
        Ok(Self(head))
    }

    /// Writes a request, so that it leaves in one piece.
    fn request(&self, body: &str) -> Vec<u8> {
        [&self.0, body.len().to_string().as_bytes(), b"\r\n\r\n", body.as_bytes()].concat()
    }
}

impl std::fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RequestHead(..)")
    }
}

const USER_AGENT: &str = concat!("sse-gateway/", env!("CARGO_PKG_VERSION"));

impl Callbacks {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        Self { target, pool: Rc::new(Pool::default()) }
    }

    /// How long one callback may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.target.timeout
    }

    /// Posts a body; takes the configured time at most, connecting and the answer's body included.
    pub(crate) async fn post(&self, body: &str) -> Outcome {
        let seen = Cell::new(false);
        let request = self.target.head.request(body);
        // Boxed: thousands may wait for their place with the future of this one inside them.
        let exchange = Box::pin(self.exchange(&request, &seen));
        tokio::time::timeout(self.target.timeout, exchange)
            .await
            .unwrap_or_else(|_| Outcome::TimedOut { seen: seen.get() })
    }

    async fn exchange(&self, request: &[u8], seen: &Cell<bool>) -> Outcome {
        let (head, mut connection) = match self.send(request, seen).await {
            Ok(answered) => answered,
            Err(error) => return Outcome::Failed { seen: seen.get(), error },
        };
        let Head { status, keeps_alive, body } = head;
        let bytes_max = self.target.answer_bytes_max;
        if !status.is_success() {
            // The status is the answer; its body is read only so that the connection can be reused.
            if keeps_alive {
                let (pool, timeout) = (Rc::clone(&self.pool), self.target.timeout);
                spawn_local(async move {
                    let read = connection.read_body(body, bytes_max);
                    if let Ok(Ok(_)) = tokio::time::timeout(timeout, read).await {
                        pool.put(connection);
                    }
                });
            }
            return Outcome::Refused(status);
        }
        match connection.read_body(body, bytes_max).await {
            Ok(body) => {
                if keeps_alive {
                    self.pool.put(connection);
                }
                Outcome::Accepted(body)
            }
            Err(BodyError::TooLarge) => Outcome::TooLarge,
            Err(BodyError::Broken(error)) => Outcome::Failed { seen: true, error },
        }
    }

    /// Sends on a pooled connection, or on a fresh one; a pooled one that turns out to be dead
    /// before the request was fully written is replaced by a fresh one, once.
    async fn send(&self, request: &[u8], seen: &Cell<bool>) -> Result<(Head, Connection), String> {
        if let Some(mut reused) = self.pool.take() {
            match reused.send(request, seen).await {
                Ok(head) => return Ok((head, reused)),
                Err(SendError::Written(error)) => return Err(error),
                Err(SendError::NotWritten(error)) => {
                    tracing::debug!(error, "a pooled callback connection was dead; taking a fresh one");
                }
            }
        }
        let mut fresh = self.target.connector.connect(self.target.url.uri()).await?;
        match fresh.send(request, seen).await {
            Ok(head) => Ok((head, fresh)),
            Err(SendError::Written(error) | SendError::NotWritten(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn a_target_cannot_be_printed_with_its_secrets() {
        let pairs = [("CALLBACK_URL", "http://backend.test/cb?secret=hush"), ("CALLBACK_SECRET", "quiet")];
        let config = Config::from_pairs(pairs).expect("valid settings");
        let target = Target::new(&config.callback).expect("a target").expect("a URL");
        let printed = format!("{target:?}");
        assert!(printed.contains("backend.test"), "{printed}");
        assert!(!printed.contains("hush") && !printed.contains("quiet"), "{printed}");
    }
}
