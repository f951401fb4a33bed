//! A backend's HTTP client.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::deadline::within;
use crate::{Head, Response};

/// A pooled keep-alive client of one address; its clones share the pool.
#[derive(Clone)]
pub struct Sender {
    address: SocketAddr,
    bearer: Option<String>,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

impl Sender {
    /// Makes a client.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, bearer: None, http: HttpClient::builder(TokioExecutor::new()).build_http() }
    }

    /// Adds `Authorization: Bearer <secret>` to each request.
    #[must_use]
    pub fn with_bearer(mut self, secret: &str) -> Self {
        self.bearer = Some(format!("Bearer {secret}"));
        self
    }

    /// Posts a body to `/internal/send`.
    pub async fn send(&self, body: Value) -> Response {
        self.post("/internal/send", "application/json", body.to_string()).await
    }

    /// Posts a body to `/internal/publish`.
    pub async fn publish(&self, body: Value) -> Response {
        self.post("/internal/publish", "application/json", body.to_string()).await
    }

    /// Sends one event and expects 200; gives the `status` of the answer, `ok` or `buffered`.
    ///
    /// # Panics
    /// When the answer is another.
    pub async fn event(&self, token: &str, name: &str, data: &str) -> String {
        let response =
            self.send(serde_json::json!({"token": token, "event": {"name": name, "data": data}})).await;
        assert_eq!(response.status(), 200, "{response:?}");
        response.json()["status"].as_str().expect("a status").to_owned()
    }

    /// Posts any body.
    pub async fn post(&self, path: &str, content_type: &str, body: impl Into<Bytes>) -> Response {
        self.request(self.posting(path, content_type, body.into())).await
    }

    /// Posts a body to `/internal/publish`; `None` when the connection fails before the answer is complete.
    pub async fn try_publish(&self, body: Value) -> Option<Response> {
        let request = self.posting("/internal/publish", "application/json", body.to_string().into());
        within("an answer or a failure", self.try_request(request)).await.ok()
    }

    /// Gets a path.
    pub async fn get(&self, path: &str) -> Response {
        let request = self.builder(Method::GET, path).body(Full::default()).expect("a valid request");
        self.request(request).await
    }

    /// Deletes a path.
    pub async fn delete(&self, path: &str) -> Response {
        let request = self.builder(Method::DELETE, path).body(Full::default()).expect("a valid request");
        self.request(request).await
    }

    /// Gets a path; `None` when nobody answers.
    pub async fn try_get(&self, path: &str) -> Option<Response> {
        let request = self.builder(Method::GET, path).body(Full::default()).expect("a valid request");
        within("an answer or a failure", self.try_request(request)).await.ok()
    }

    fn posting(&self, path: &str, content_type: &str, body: Bytes) -> Request<Full<Bytes>> {
        let request = self.builder(Method::POST, path).header(header::CONTENT_TYPE, content_type);
        request.body(Full::new(body)).expect("a valid request")
    }

    /// Begins a request to this address, with the bearer secret.
    #[must_use]
    pub fn builder(&self, method: Method, path: &str) -> http::request::Builder {
        let builder = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        match &self.bearer {
            Some(bearer) => builder.header(header::AUTHORIZATION, bearer),
            None => builder,
        }
    }

    /// Makes a request and reads the whole answer.
    ///
    /// # Panics
    /// When there is none within the deadline.
    pub async fn request(&self, request: Request<Full<Bytes>>) -> Response {
        let what = format!("an answer to {} {}", request.method(), request.uri());
        within(&what, self.try_request(request)).await.unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// Makes a request, for tests that expect it to fail.
    ///
    /// # Errors
    /// When the connection fails before the answer is complete.
    pub async fn try_request(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response, Box<dyn std::error::Error + Send + Sync>> {
        let (parts, body) = self.http.request(request).await?.into_parts();
        let headers = parts.headers.iter().map(|(name, value)| {
            (name.to_string(), value.as_bytes().iter().map(|&byte| char::from(byte)).collect())
        });
        let head =
            Head { start: format!("{:?} {}", parts.version, parts.status), headers: headers.collect() };
        Ok(Response { head, body: body.collect().await?.to_bytes() })
    }
}
