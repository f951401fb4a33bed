//! Calls the backend as the original does.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::timeout;

const TIMEOUT: Duration = Duration::from_secs(5);

/// The backend of one gateway.
pub(super) struct Backend {
    url: Uri,
    http: Client<HttpConnector, Full<Bytes>>,
}

/// Why a backend gave no answer.
pub(super) enum NoAnswer {
    Timeout,
    Unavailable,
}

impl Backend {
    pub(super) fn at(url: &str) -> Self {
        let url = url.parse().expect("a callback URL");
        Self { url, http: Client::builder(TokioExecutor::new()).build_http() }
    }

    pub(super) async fn connect(
        &self,
        token: &str,
        request: &Value,
    ) -> Result<(StatusCode, Bytes), NoAnswer> {
        self.post(&json!({"action": "connect", "token": token, "request": request})).await
    }

    /// Its outcome changes nothing.
    pub(super) async fn disconnect(&self, token: &str, request: &Value, reason: &str) {
        let body = json!({"action": "disconnect", "reason": reason, "token": token, "request": request});
        let _ = self.post(&body).await;
    }

    async fn post(&self, body: &Value) -> Result<(StatusCode, Bytes), NoAnswer> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .expect("a valid request");
        let exchange = async {
            let (head, body) = self.http.request(request).await.ok()?.into_parts();
            Some((head.status, body.collect().await.ok()?.to_bytes()))
        };
        match timeout(TIMEOUT, exchange).await {
            Ok(answer) => answer.ok_or(NoAnswer::Unavailable),
            Err(_) => Err(NoAnswer::Timeout),
        }
    }
}
