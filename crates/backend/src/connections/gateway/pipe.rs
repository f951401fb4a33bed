//! `POST /internal/publish?topic=`: an event stream, published as it comes.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sse_gateway_protocol::code::Code;

use super::{Answer, BoxError, Failure, Gateway, publish};
use crate::Identifier;
use crate::connections::publisher::topic_name;

impl Gateway {
    /// Makes a topic; never longer than the send timeout.
    pub(in crate::connections) async fn open_pipe(&self, identifier: &Identifier) -> Result<(), PipeError> {
        let body = serde_json::json!({ "topic": topic_name(identifier) }).to_string();
        let answer = self.answer(self.request(Method::POST, &self.publish, body.into())).await;
        accepted(answer).map(|_| ())
    }

    /// Pipes an event stream to a topic, and completes the topic at its end; gives how many events it
    /// had. Takes as long as the stream does.
    pub(in crate::connections) async fn pipe<B>(
        &self,
        identifier: &Identifier,
        events: B,
        reason: &str,
    ) -> Result<u64, PipeError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let uri = self.pipe_uri(identifier, reason).ok_or(PipeError::NoTopics)?;
        let body = events.map_err(Into::into).boxed_unsync();
        let mut request = self.request_with(Method::POST, &uri, body);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        let answer = accepted(self.exchange(request).await)?;
        Ok(serde_json::from_slice(&answer.body).map_or(0, |Piped { count }| count))
    }

    fn pipe_uri(&self, identifier: &Identifier, reason: &str) -> Option<Uri> {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (topic, reason) = (encoded(&identifier.to_string()), encoded(reason));
        format!("{}?topic={topic}&close={reason}", self.publish).parse().ok()
    }
}

fn accepted(answer: Result<Answer, Failure>) -> Result<Answer, PipeError> {
    let answer = answer.map_err(|failure| match failure {
        Failure::NotConnected => PipeError::NotConnected,
        Failure::Broken => PipeError::Broken,
    })?;
    match publish::code(&answer.body) {
        _ if answer.status == StatusCode::OK => Ok(answer),
        Some(code) if code != Code::NotFound.as_str() => Err(PipeError::Refused { code }),
        _ => Err(PipeError::NoTopics),
    }
}

#[derive(Deserialize)]
struct Piped {
    count: u64,
}

/// Why a pipe did not come to its end. What had arrived stays published, and the topic is not
/// complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PipeError {
    /// The gateway has no topics, or they are not to be used.
    #[error("the gateway has no topics")]
    NoTopics,
    /// The gateway cannot be reached.
    #[error("the gateway cannot be reached")]
    NotConnected,
    /// The stream that was piped broke off, or the connection to the gateway.
    #[error("the stream broke off")]
    Broken,
    /// The gateway refused it, or an event of it.
    #[error("the gateway refused it: {code}")]
    Refused {
        /// The code of its error, such as `TOPIC_COMPLETED`.
        code: String,
    },
}
