//! The client's request as the backend gets to see it.

use http::{HeaderMap, HeaderName, header};
use hyper::Request;
use sse_gateway_protocol::callback::StoredRequest;

/// Writes the request as JSON, once: it travels in the connect and, stored, in the disconnect.
pub(super) fn store<B>(request: &Request<B>) -> Box<str> {
    let headers = request.headers();
    let stored = StoredRequest {
        url: request.uri().to_string(),
        headers: headers.keys().map(|name| (name.as_str().to_owned(), joined(headers, name))).collect(),
    };
    serde_json::to_string(&stored).expect("strings always serialise").into_boxed_str()
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let separator = if name == header::COOKIE { "; " } else { ", " };
    let mut text = String::new();
    for (index, value) in headers.get_all(name).iter().enumerate() {
        if index > 0 {
            text.push_str(separator);
        }
        // ISO-8859-1: each byte is the code point of the same number.
        text.extend(value.as_bytes().iter().map(|byte| char::from(*byte)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_latin_1_and_duplicates_are_joined() {
        let request = Request::get("/a/b?x=%20y")
            .header("X-Name", &b"caf\xe9"[..])
            .header("Cookie", "a=1")
            .header("cookie", "b=2")
            .header("Set-Cookie", "c=3")
            .header("Set-Cookie", "d=4")
            .body(())
            .expect("a request");
        assert_eq!(
            &*store(&request),
            r#"{"url":"/a/b?x=%20y","headers":{"cookie":"a=1; b=2","set-cookie":"c=3, d=4","x-name":"café"}}"#
        );
    }
}
