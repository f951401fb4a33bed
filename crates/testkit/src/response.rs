//! A complete answer.

use bytes::Bytes;
use serde_json::Value;

use crate::Head;

/// An answer with its whole body.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status line and headers.
    pub head: Head,
    /// The body, without its framing.
    pub body: Bytes,
}

impl Response {
    /// Gives the status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// Gives a header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// Gives the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Reads the body as JSON.
    ///
    /// # Panics
    /// When it is none, or is not declared as such.
    #[must_use]
    pub fn json(&self) -> Value {
        let content_type = self.header("content-type").unwrap_or_default();
        assert!(content_type.starts_with("application/json"), "no JSON: {self:?}");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Gives the status, code and message of an error.
    ///
    /// # Panics
    /// When the body is not exactly `{"error":{"message":"..","code":".."}}`.
    #[must_use]
    pub fn error(&self) -> (u16, String, String) {
        let body = self.json();
        let part = |name: &str| body["error"][name].as_str().unwrap_or_else(|| panic!("no {name}: {self:?}"));
        let (code, message) = (part("code").to_owned(), part("message").to_owned());
        assert_eq!(body, serde_json::json!({"error": {"message": &message, "code": &code}}));
        (self.status(), code, message)
    }

    /// Gives the status and code of an error.
    ///
    /// # Panics
    /// As [`error`](Self::error).
    #[must_use]
    pub fn code(&self) -> (u16, String) {
        let (status, code, _) = self.error();
        (status, code)
    }
}
