//! The client's request as the backend gets to see it.

use http::{HeaderMap, HeaderName, header};
use hyper::Request;

use crate::query;

/// Writes the request as JSON, once: it travels in the connect and, stored, in the disconnect.
///
/// Every connect does this, so nothing stands between the header map and the text.
pub(super) fn store<B>(request: &Request<B>) -> Box<str> {
    let headers = request.headers();
    let url = request.uri().to_string();
    let expected = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 6).sum::<usize>();
    let mut json = Vec::with_capacity(url.len() + expected + 32);
    json.extend_from_slice(br#"{"url":"#);
    serde_json::to_writer(&mut json, &url).expect("a string always serialises");
    json.extend_from_slice(br#","headers":{"#);
    write_headers(&mut json, headers);
    json.extend_from_slice(b"}}");
    String::from_utf8(json).expect("everything above writes UTF-8").into_boxed_str()
}

/// Finds what a client that comes back says it has: the header that browsers send, or else the query
/// parameter for those who cannot set one. What is empty counts as absent.
pub(super) fn cursor<B>(request: &Request<B>) -> Option<Box<[u8]>> {
    let header = request.headers().get(LAST_EVENT_ID).map(|value| value.as_bytes().to_vec());
    let query = || query::parameter(request.uri().query()?, "last_event_id");
    let cursor = header.filter(|cursor| !cursor.is_empty()).or_else(query)?;
    (!cursor.is_empty()).then(|| cursor.into())
}

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Writes the members in the order of the request; the map gives a name's duplicates one after the other.
fn write_headers(json: &mut Vec<u8>, headers: &HeaderMap) {
    let mut open = None;
    for (name, value) in headers {
        if open == Some(name) {
            json.extend_from_slice(if name == header::COOKIE { b"; " } else { b", " });
        } else {
            json.extend_from_slice(if open.is_some() { br#"",""# } else { b"\"" });
            // A name is a token in lower case: nothing in it is escaped.
            json.extend_from_slice(name.as_str().as_bytes());
            json.extend_from_slice(br#"":""#);
            open = Some(name);
        }
        escape(json, value.as_bytes());
    }
    if open.is_some() {
        json.push(b'"');
    }
}

/// Writes ISO-8859-1 within a JSON string: each byte is the code point of the same number.
fn escape(json: &mut Vec<u8>, latin_1: &[u8]) {
    let mut rest = latin_1;
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    while let Some(length) = rest.iter().position(|byte| !is_plain(byte)) {
        json.extend_from_slice(&rest[..length]);
        match rest[length] {
            byte @ (b'"' | b'\\') => json.extend_from_slice(&[b'\\', byte]),
            byte @ ..b' ' => json.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            byte => json.extend_from_slice(char::from(byte).encode_utf8(&mut [0; 2]).as_bytes()),
        }
        rest = &rest[length + 1..];
    }
    json.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use sse_gateway_protocol::callback::StoredRequest;

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
            r#"{"url":"/a/b?x=%20y","headers":{"x-name":"café","cookie":"a=1; b=2","set-cookie":"c=3, d=4"}}"#
        );
    }

    #[test]
    fn whatever_a_value_holds_is_read_back_from_the_json() {
        let bytes: Vec<u8> =
            (0..=255).filter(|byte| http::HeaderValue::from_bytes(&[*byte]).is_ok()).collect();
        assert!(
            bytes.contains(&b'\t') && bytes.contains(&b'"') && bytes.contains(&b'\\') && bytes.contains(&255)
        );
        let request = Request::get("/\"\\?{").header("X-All", &bytes[..]).header("X-None", "").body(());
        let stored: StoredRequest =
            serde_json::from_str(&store(&request.expect("a request"))).expect("valid JSON");
        assert_eq!(stored.url, "/\"\\?{");
        assert_eq!(stored.headers["x-all"], bytes.iter().map(|byte| char::from(*byte)).collect::<String>());
        assert_eq!(stored.headers["x-none"], "");
    }

    #[test]
    fn the_cursor_of_the_header_wins_unless_it_is_empty() {
        let cursor_of = |target: &str, header: Option<&str>| {
            let mut request = Request::get(target);
            if let Some(header) = header {
                request = request.header("Last-Event-ID", header);
            }
            cursor(&request.body(()).expect("a request"))
                .map(|cursor| String::from_utf8_lossy(&cursor).into_owned())
        };
        let query = "/events?a=b&last_event_id=q%2D2";
        assert_eq!(cursor_of(query, Some("h-1")).as_deref(), Some("h-1"));
        assert_eq!(cursor_of(query, Some("")).as_deref(), Some("q-2"));
        assert_eq!(cursor_of(query, None).as_deref(), Some("q-2"));
        assert_eq!(cursor_of("/events?last_event_id=", Some("")), None);
        assert_eq!(cursor_of("/events", None), None);
    }

    #[test]
    fn a_request_without_headers_is_stored() {
        let request = Request::get("/").body(()).expect("a request");
        assert_eq!(&*store(&request), r#"{"url":"/","headers":{}}"#);
    }
}
