//! The pooled HTTP client of the gateway's internal routes.
//!
//! [`send`] reads answers of the token way, [`publish`] those about topics; [`pipe`] is a publish as
//! long as a stream.

mod pipe;
mod publish;
mod send;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request as HttpRequest, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use sse_gateway_protocol::features;

use crate::{GatewaySettings, StartError};

pub use self::pipe::PipeError;

/// Talks to one gateway over kept-alive connections.
pub(super) struct Gateway {
    pool: Pool,
    send: Uri,
    publish: Uri,
    topics: Uri,
    health: Uri,
    bearer: Option<HeaderValue>,
    timeout: Duration,
}

enum Pool {
    Plain(Client<HttpConnector, RequestBody>),
    Tls(Client<HttpsConnector<HttpConnector>, RequestBody>),
}

type RequestBody = UnsyncBoxBody<Bytes, BoxError>;
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

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
            publish: route(&settings.url, "/internal/publish")?,
            topics: route(&settings.url, "/internal/topics")?,
            health: route(&settings.url, "/healthz")?,
            bearer,
            timeout: settings.send_timeout,
        })
    }

    /// Asks the gateway's health check whether it has topics; `None` when it does not answer well
    /// within the send timeout.
    pub(super) async fn has_topics(&self) -> Option<bool> {
        let answer = self.answer(self.request(Method::GET, &self.health, Bytes::new())).await.ok()?;
        (answer.status == StatusCode::OK).then_some(answer.has_topics)
    }

    fn request(&self, method: Method, uri: &Uri, body: Bytes) -> HttpRequest<RequestBody> {
        let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        self.request_with(method, uri, body)
    }

    fn request_with(&self, method: Method, uri: &Uri, body: RequestBody) -> HttpRequest<RequestBody> {
        let mut request = HttpRequest::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(bearer) = &self.bearer {
            headers.insert(AUTHORIZATION, bearer.clone());
        }
        request
    }

    /// Makes one request; never longer than the send timeout.
    async fn answer(&self, request: HttpRequest<RequestBody>) -> Result<Answer, Failure> {
        let answer = tokio::time::timeout(self.timeout, self.exchange(request)).await;
        answer.unwrap_or(Err(Failure::Broken))
    }

    async fn exchange(&self, request: HttpRequest<RequestBody>) -> Result<Answer, Failure> {
        let response: ResponseFuture = match &self.pool {
            Pool::Plain(client) => client.request(request),
            Pool::Tls(client) => client.request(request),
        };
        let response = response.await.map_err(|error| match error.is_connect() {
            true => Failure::NotConnected,
            false => Failure::Broken,
        })?;
        let status = response.status();
        let named = response.headers().get(features::HEADER).and_then(|value| value.to_str().ok());
        let has_topics = features::names(named, features::TOPICS);
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok(Answer { status, has_topics, body: body.map_err(|_| Failure::Broken)?.to_bytes() })
    }
}

struct Answer {
    status: StatusCode,
    has_topics: bool,
    body: Bytes,
}

/// How an exchange fails without an answer.
enum Failure {
    /// No connection came about: the gateway has seen nothing.
    NotConnected,
    /// The connection broke, the answer made no sense, or there was none in time.
    Broken,
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

/// Answers are a few dozen bytes; a longer one is no gateway's.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Servers close idle connections, Node after 5 s; a reused one must not be about to close.
const POOL_IDLE_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_keep_the_prefix_of_the_base_url() {
        let base: Uri = "http://host:1/sse/".parse().expect("a URL");
        assert_eq!(route(&base, "/internal/send").expect("a route"), "http://host:1/sse/internal/send");
    }
}
