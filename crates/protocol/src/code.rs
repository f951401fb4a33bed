//! The errors that the gateway answers (protocol, section 9).

use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $name:literal),* $(,)?) => {
        /// Names an error for programs; the message beside it is for people.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant),* }

        impl Code {
            /// Every code, in the order of the specification.
            pub const ALL: &'static [Code] = &[$(Code::$variant),*];

            /// Gives the text that stands in the answer.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name),* }
            }

            /// Gives the HTTP status; [`Code::BackendError`] takes the backend's own instead.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Code::$variant => $status),* }
            }
        }
    };
}

codes! {
    /// No `CALLBACK_URL` is set.
    ServiceNotConfigured = 503 "SERVICE_NOT_CONFIGURED",
    /// The backend answered 401 to the connect callback.
    BackendAuthFailed = 401 "BACKEND_AUTH_FAILED",
    /// The backend answered 403 to the connect callback.
    BackendForbidden = 403 "BACKEND_FORBIDDEN",
    /// The backend answered another status that is not 2xx; it is passed on.
    BackendError = 502 "BACKEND_ERROR",
    /// The connect callback took too long.
    GatewayTimeout = 504 "GATEWAY_TIMEOUT",
    /// The backend could not be reached.
    BackendUnavailable = 503 "BACKEND_UNAVAILABLE",
    /// The backend's answer to the connect callback is too large, or asks for topics in a wrong way.
    InvalidCallbackAnswer = 502 "INVALID_CALLBACK_ANSWER",
    /// As many streams are open as `STREAMS_MAX` allows.
    StreamsFull = 503 "STREAMS_FULL",
    /// The gateway is shutting down.
    ShuttingDown = 503 "SHUTTING_DOWN",
    /// The request is malformed.
    BadRequest = 400 "BAD_REQUEST",
    /// No such route.
    NotFound = 404 "NOT_FOUND",
    /// The route does not take this method.
    MethodNotAllowed = 405 "METHOD_NOT_ALLOWED",
    /// The request did not arrive in time.
    RequestTimeout = 408 "REQUEST_TIMEOUT",
    /// The request target is too long.
    TargetTooLong = 414 "HEAD_TOO_LARGE",
    /// The request head is too large or has too many headers.
    HeadTooLarge = 431 "HEAD_TOO_LARGE",
    /// The bearer secret is missing or wrong.
    Unauthorized = 401 "UNAUTHORIZED",
    /// The caller is not allowed to use the internal routes.
    InternalForbidden = 403 "INTERNAL_FORBIDDEN",
    /// The request body is too large.
    BodyTooLarge = 413 "BODY_TOO_LARGE",
    /// The body is no JSON object, or its content type is not `application/json`.
    InvalidJson = 400 "INVALID_JSON",
    /// `token` is missing, empty or no string.
    InvalidTokenMissing = 400 "INVALID_TOKEN_MISSING",
    /// `event` is no object, or `events` no non-empty array that stands alone.
    InvalidEventType = 400 "INVALID_EVENT_TYPE",
    /// `event.data` is absent or no string.
    InvalidEventDataMissing = 400 "INVALID_EVENT_DATA_MISSING",
    /// `event.name` is no string.
    InvalidEventNameType = 400 "INVALID_EVENT_NAME_TYPE",
    /// `event.name` has CR, LF or NUL.
    InvalidEventName = 400 "INVALID_EVENT_NAME",
    /// `close` is no boolean; of a publish, no object with a reason.
    InvalidCloseType = 400 "INVALID_CLOSE_TYPE",
    /// `retry_ms` is no integer in range.
    InvalidRetry = 400 "INVALID_RETRY_MS",
    /// No stream has this token.
    TokenNotFound = 404 "TOKEN_NOT_FOUND",
    /// The event could never fit the stream's outbox.
    EventTooLarge = 413 "EVENT_TOO_LARGE",
    /// The stream's outbox has no room.
    StreamBufferFull = 429 "STREAM_BUFFER_FULL",
    /// A topic's name is missing, no string, or not 1 to 256 bytes without control characters.
    InvalidTopic = 400 "INVALID_TOPIC",
    /// The idempotency key is no string of 1 to 256 bytes.
    InvalidId = 400 "INVALID_ID",
    /// `event.name` of a publish is one of the gateway's own.
    ReservedEventName = 400 "RESERVED_EVENT_NAME",
    /// A topic that is added to a live stream has a `from` other than `now`.
    InvalidFrom = 400 "INVALID_FROM",
    /// A close names no stream, or `subject` is no string of 1 to 256 bytes.
    InvalidSubject = 400 "INVALID_SUBJECT",
    /// No topic has this name.
    TopicNotFound = 404 "TOPIC_NOT_FOUND",
    /// The topic takes no more events.
    TopicCompleted = 409 "TOPIC_COMPLETED",
    /// The idempotency key was used with another body.
    KeyReused = 409 "KEY_REUSED",
    /// As many topics exist as `TOPICS_MAX` allows.
    TopicsFull = 429 "TOPICS_FULL",
    /// The durable log cannot store it.
    LogFull = 507 "LOG_FULL",
    /// The gateway failed.
    InternalError = 500 "INTERNAL_ERROR",
}

/// The body of every error answer: `{"error":{"message":"..","code":".."}}`.
#[derive(Debug, Serialize)]
pub struct ErrorBody<'a> {
    error: Detail<'a>,
}

#[derive(Debug, Serialize)]
struct Detail<'a> {
    message: &'a str,
    code: &'a str,
}

/// Renders an error answer's body.
#[must_use]
pub fn error_body(code: Code, message: &str) -> String {
    let body = ErrorBody { error: Detail { message, code: code.as_str() } };
    serde_json::to_string(&body).expect("two strings always serialise")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_body_has_message_and_code() {
        assert_eq!(
            error_body(Code::TokenNotFound, "Token not found"),
            r#"{"error":{"message":"Token not found","code":"TOKEN_NOT_FOUND"}}"#
        );
    }
}
