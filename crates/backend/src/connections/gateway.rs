//! The pooled HTTP client of the gateway's internal routes.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request as HttpRequest, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Deserialize;
use sse_gateway_protocol::send::SendRequest;

use super::registry::{Outcome, Request};
use crate::{GatewaySettings, StartError};

/// Talks to one gateway over kept-alive connections.
pub(super) struct Gateway {
    pool: Pool,
    send: Uri,
    health: Uri,
    bearer: Option<HeaderValue>,
    timeout: Duration,
}

enum Pool {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Gateway {
    pub(super) fn new(settings: &GatewaySettings) -> Result<Self, StartError> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(false);
        // Below the total limit, so that a host which does not answer is told from a request which
        // was perhaps taken.
        connector.set_connect_timeout(Some(settings.send_timeout / 2));
        let mut client = Client::builder(TokioExecutor::new());
        client
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE_MAX)
            .pool_max_idle_per_host(settings.idle_connections_max);
        let pool = match settings.url.scheme_str() {
            Some("http") => Pool::Plain(client.build(connector)),
            Some("https") => {
                let tls =
                    HttpsConnectorBuilder::new().with_native_roots().map_err(StartError::Certificates)?;
                Pool::Tls(client.build(tls.https_only().enable_http1().wrap_connector(connector)))
            }
            _ => return Err(StartError::GatewayUrl),
        };
        let bearer = settings.secret.as_ref().and_then(|secret| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", secret.expose())).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Ok(Self {
            pool,
            send: route(&settings.url, "/internal/send")?,
            health: route(&settings.url, "/healthz")?,
            bearer,
            timeout: settings.send_timeout,
        })
    }

    /// Posts one request; never longer than the send timeout.
    pub(super) async fn send(&self, request: &Request, retry_ms: Option<u64>) -> Outcome {
        let body =
            serde_json::to_vec(&wire(request, retry_ms)).expect("strings and numbers always serialise");
        let request = self.request(Method::POST, &self.send, body.into());
        match tokio::time::timeout(self.timeout, self.answer(request)).await {
            Ok(Ok((status, body))) => outcome(status, &body),
            Ok(Err(error)) => error.outcome(),
            Err(_elapsed) => Outcome::Unknown,
        }
    }

    /// Tells whether the gateway answers its health check within the send timeout.
    pub(super) async fn is_healthy(&self) -> bool {
        let request = self.request(Method::GET, &self.health, Bytes::new());
        let answer = tokio::time::timeout(self.timeout, self.answer(request)).await;
        matches!(answer, Ok(Ok((StatusCode::OK, _))))
    }

    fn request(&self, method: Method, uri: &Uri, body: Bytes) -> HttpRequest<Full<Bytes>> {
        let mut request = HttpRequest::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(bearer) = &self.bearer {
            headers.insert(AUTHORIZATION, bearer.clone());
        }
        request
    }

    async fn answer(&self, request: HttpRequest<Full<Bytes>>) -> Result<(StatusCode, Bytes), Failure> {
        let response: ResponseFuture = match &self.pool {
            Pool::Plain(client) => client.request(request),
            Pool::Tls(client) => client.request(request),
        };
        let response = response.await.map_err(|error| match error.is_connect() {
            true => Failure::NotConnected,
            false => Failure::Broken,
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((status, body.map_err(|_| Failure::Broken)?.to_bytes()))
    }
}

/// How an exchange fails without an answer.
enum Failure {
    /// No connection came about: the gateway has seen nothing.
    NotConnected,
    /// The connection broke, or the answer made no sense.
    Broken,
}

impl Failure {
    fn outcome(self) -> Outcome {
        match self {
            Failure::NotConnected => Outcome::NotTaken,
            Failure::Broken => Outcome::Unknown,
        }
    }
}

fn route(base: &Uri, path: &str) -> Result<Uri, StartError> {
    let prefix = base.path().trim_end_matches('/');
    let authority = base.authority().ok_or(StartError::GatewayUrl)?;
    Uri::builder()
        .scheme(base.scheme_str().unwrap_or("http"))
        .authority(authority.clone())
        .path_and_query(format!("{prefix}{path}"))
        .build()
        .map_err(|_| StartError::GatewayUrl)
}

/// One event goes out as `event`, which every gateway understands.
fn wire(request: &Request, retry_ms: Option<u64>) -> SendRequest {
    let mut events = request.events.iter().map(|event| (**event).clone());
    let (event, events) = match events.len() {
        0 | 1 => (events.next(), Vec::new()),
        _ => (None, events.collect()),
    };
    SendRequest { token: request.token, event, events, close: request.close, retry_ms }
}

#[derive(Deserialize)]
struct Answer {
    status: String,
}

/// Reads the answer by protocol 1.3. What is neither a yes nor a known no stays unknown.
fn outcome(status: StatusCode, body: &[u8]) -> Outcome {
    match status {
        StatusCode::OK => match serde_json::from_slice::<Answer>(body) {
            Ok(Answer { status }) if status == "ok" => Outcome::Ok,
            Ok(Answer { status }) if status == "buffered" => Outcome::Buffered,
            _ => Outcome::Unknown,
        },
        StatusCode::NOT_FOUND => Outcome::Gone,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Outcome::Rejected,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => Outcome::NotTaken,
        _ => Outcome::Unknown,
    }
}

/// Answers are a few dozen bytes; a longer one is no gateway's.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Servers close idle connections, Node after 5 s; a reused one must not be about to close.
const POOL_IDLE_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_yes_a_known_no_or_unknown() {
        let read = |status: u16, body: &str| {
            outcome(StatusCode::from_u16(status).expect("a status"), body.as_bytes())
        };
        assert_eq!(read(200, r#"{"status":"ok"}"#), Outcome::Ok);
        assert_eq!(read(200, r#"{"status":"buffered"}"#), Outcome::Buffered);
        assert_eq!(read(200, "<html>"), Outcome::Unknown);
        assert_eq!(read(404, "{}"), Outcome::Gone);
        assert_eq!(read(413, "{}"), Outcome::Rejected);
        assert_eq!(read(400, "{}"), Outcome::Rejected);
        assert_eq!(read(429, "{}"), Outcome::NotTaken);
        assert_eq!(read(401, "{}"), Outcome::NotTaken);
        for status in [302, 500, 502, 503, 504] {
            assert_eq!(read(status, ""), Outcome::Unknown, "{status}");
        }
    }

    #[test]
    fn routes_keep_the_prefix_of_the_base_url() {
        let base: Uri = "http://host:1/sse/".parse().expect("a URL");
        assert_eq!(route(&base, "/internal/send").expect("a route"), "http://host:1/sse/internal/send");
    }
}
