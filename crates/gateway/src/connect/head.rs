//! The response head of a stream.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::Response;
use sse_gateway_protocol::sse::{Encoder, Frame, Framing};

use crate::cors::Cors;
use crate::reply::{self, Body};

/// What every stream's head says, written as it goes out.
const HEADERS: [(&str, &str); 4] = [
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-cache"),
    ("X-Accel-Buffering", "no"),
    ("X-Content-Type-Options", "nosniff"),
];

/// Writes the head and the first comment, ready for the socket.
///
/// The comment makes proxies forward at once, and no byte order mark can lead the stream.
pub(super) fn frame(framing: Framing, cors: &Cors) -> Frame {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend_from_slice(b"HTTP/1.1 200 OK\r\nDate: ");
    head.extend_from_slice(httpdate::fmt_http_date(SystemTime::now()).as_bytes());
    head.extend_from_slice(b"\r\n");
    for (name, value) in HEADERS {
        write_line(&mut head, name, value.as_bytes());
    }
    let mut allowed = HeaderMap::new();
    cors.apply(&mut allowed);
    for (name, value) in &allowed {
        write_line(&mut head, &title_case(name), value.as_bytes());
    }
    if framing == Framing::Chunked {
        head.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    let mut comment = Encoder::for_payload(8);
    comment.comment("ok");
    head.extend_from_slice(comment.finish().on_wire(framing));
    Frame::verbatim(head.into())
}

/// Room for a head without CORS.
const HEAD_BYTES: usize = 256;

fn write_line(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        head.extend_from_slice(part);
    }
}

fn title_case(name: &HeaderName) -> String {
    let words = name.as_str().split('-').map(|word| {
        let (first, rest) = word.split_at(1.min(word.len()));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}

/// Answers HEAD: the head of a stream that is not opened, so no backend is asked.
pub(super) fn without_stream() -> Response<Body> {
    response(Body::whole(Bytes::new()))
}

/// Answers with a stream that says one thing and ends, as an ordinary answer: for a client that is
/// refused and must not take it for the last word.
pub(super) fn ended_stream(frame: &Frame) -> Response<Body> {
    let mut encoder = Encoder::for_payload(8);
    encoder.comment("ok");
    let payload = [encoder.finish().payload(), frame.payload()].concat();
    reply::closing(response(Body::streamed(payload)))
}

/// Writes such a stream as bytes, for a socket that hyper does not serve.
pub(super) fn ended_stream_bytes(framing: Framing, cors: &Cors, frame: &Frame) -> Vec<u8> {
    let parts = [self::frame(framing, cors), frame.clone(), Frame::last_chunk()];
    parts.iter().flat_map(|part| part.on_wire(framing)).copied().collect()
}

fn response(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    for (name, value) in HEADERS {
        // Names and values stand above.
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name of a header");
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_ends_with_the_first_comment() {
        let frame = frame(Framing::Chunked, &Cors::Off);
        let text = std::str::from_utf8(frame.on_wire(Framing::Chunked)).expect("ASCII");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\nDate: "), "{text}");
        assert!(text.contains("\r\nContent-Type: text/event-stream\r\n"), "{text}");
        assert!(text.contains("\r\nX-Accel-Buffering: no\r\n"), "{text}");
        assert!(text.ends_with("\r\nConnection: close\r\n\r\n6\r\n: ok\n\n\r\n"), "{text}");
    }

    #[test]
    fn a_stream_that_ends_at_once_is_whole() {
        let frame = Frame::of_payload(b"event: x\ndata: y\n\n", 1);
        let bytes = ended_stream_bytes(Framing::Chunked, &Cors::Any, &frame);
        let text = String::from_utf8(bytes).expect("ASCII");
        assert!(text.contains("\r\nAccess-Control-Allow-Origin: *\r\n"), "{text}");
        assert!(
            text.ends_with("\r\n\r\n6\r\n: ok\n\n\r\n12\r\nevent: x\ndata: y\n\n\r\n0\r\n\r\n"),
            "{text}"
        );
    }

    #[test]
    fn an_unframed_stream_names_no_transfer_coding() {
        let frame = super::frame(Framing::Unframed, &Cors::Off);
        let text = std::str::from_utf8(frame.on_wire(Framing::Unframed)).expect("ASCII");
        assert!(!text.contains("Transfer-Encoding"), "{text}");
        assert!(text.ends_with("\r\nConnection: close\r\n\r\n: ok\n\n"), "{text}");
    }
}
