//! Callbacks: how the gateway asks and tells the backend, over HTTP/1.1.
//!
//! One [`Callbacks`] a thread, with connections of its own; the bound on how many run at once is
//! shared. It knows nothing of streams: a body goes out, an [`Outcome`] comes back. Redirects are
//! not followed and proxy variables not read: the target comes from the configuration alone.

mod connection;
mod pool;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::{Body, Incoming};
use sse_gateway_protocol::features;
use tokio::task::spawn_local;

use crate::config::{self, CallbackUrl};
use connection::{Connection, Connector, SendError};
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
    host: HeaderValue,
    bearer: Option<HeaderValue>,
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
        let host = url.uri().authority().map_or("", http::uri::Authority::as_str);
        let mut bearer = None;
        if let Some(secret) = &config.secret {
            let mut value = HeaderValue::from_str(&secret.as_bearer()).map_err(|error| failed(&error))?;
            value.set_sensitive(true);
            bearer = Some(value);
        }
        Ok(Some(Arc::new(Self {
            host: HeaderValue::from_str(host).map_err(|error| failed(&error))?,
            bearer,
            connector: Connector::new(url.is_https()).map_err(|error| failed(&error))?,
            url: url.clone(),
            timeout: config.timeout,
            answer_bytes_max: config.answer_bytes_max,
        })))
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let path = self.url.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        // A path that stood in a valid URL is a valid target.
        *request.uri_mut() = path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(features::HEADER, HeaderValue::from_static(features::OFFERED));
        if let Some(bearer) = &self.bearer {
            headers.insert(header::AUTHORIZATION, bearer.clone());
        }
        request
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
    pub(crate) async fn post(&self, body: Bytes) -> Outcome {
        let seen = Rc::new(Cell::new(false));
        // Boxed: thousands may wait for their place with the future of this one inside them.
        let exchange = Box::pin(self.exchange(body, &seen));
        tokio::time::timeout(self.target.timeout, exchange)
            .await
            .unwrap_or_else(|_| Outcome::TimedOut { seen: seen.get() })
    }

    async fn exchange(&self, body: Bytes, seen: &Rc<Cell<bool>>) -> Outcome {
        let (response, connection) = match self.send(body, seen).await {
            Ok(answered) => answered,
            Err(error) => return Outcome::Failed { seen: seen.get(), error },
        };
        let status = response.status();
        if !status.is_success() {
            // The status is the answer; its body is read only so that the connection can be reused.
            let (pool, target) = (Rc::clone(&self.pool), Arc::clone(&self.target));
            spawn_local(async move {
                let read = read_body(response, target.answer_bytes_max);
                if let Ok(Ok(_)) = tokio::time::timeout(target.timeout, read).await {
                    pool.put(connection);
                }
            });
            return Outcome::Refused(status);
        }
        match read_body(response, self.target.answer_bytes_max).await {
            Ok(body) => {
                self.pool.put(connection);
                Outcome::Accepted(body)
            }
            Err(BodyError::TooLarge) => Outcome::TooLarge,
            Err(BodyError::Broken(error)) => Outcome::Failed { seen: true, error: error.to_string() },
        }
    }

    /// Sends on a pooled connection, or on a fresh one; a pooled one that turns out to be dead
    /// before the request was fully written is replaced by a fresh one, once.
    async fn send(
        &self,
        body: Bytes,
        seen: &Rc<Cell<bool>>,
    ) -> Result<(Response<Incoming>, Connection), String> {
        if let Some(mut reused) = self.pool.take() {
            match reused.send(self.target.request(body.clone()), seen).await {
                Ok(response) => return Ok((response, reused)),
                Err(SendError::Written(error)) => return Err(error),
                Err(SendError::NotWritten(error)) => {
                    tracing::debug!(error, "a pooled callback connection was dead; taking a fresh one");
                }
            }
        }
        let mut fresh = self.target.connector.connect(self.target.url.uri()).await?;
        match fresh.send(self.target.request(body), seen).await {
            Ok(response) => Ok((response, fresh)),
            Err(SendError::Written(error) | SendError::NotWritten(error)) => Err(error),
        }
    }
}

enum BodyError {
    TooLarge,
    Broken(hyper::Error),
}

async fn read_body(response: Response<Incoming>, bytes_max: usize) -> Result<Bytes, BodyError> {
    let mut body = response.into_body();
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else { continue };
        if bytes.len() + data.len() > bytes_max {
            return Err(BodyError::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
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
