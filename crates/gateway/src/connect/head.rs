//! The response head of a stream.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use hyper::Response;
use sse_gateway_protocol::sse::{Encoder, Frame, Framing};

use crate::cors::Cors;
use crate::reply::Body;

const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

fn headers() -> [(HeaderName, HeaderValue); 4] {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (X_ACCEL_BUFFERING, HeaderValue::from_static("no")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]
}

/// Writes the head and the first comment, ready for the socket.
///
/// The comment makes proxies forward at once, and no byte order mark can lead the stream.
pub(super) fn frame(framing: Framing, cors: &Cors) -> Frame {
    let mut all: HeaderMap = headers().into_iter().collect();
    cors.apply(&mut all);
    let date = httpdate::fmt_http_date(SystemTime::now());
    let mut head = format!("HTTP/1.1 200 OK\r\nDate: {date}\r\n").into_bytes();
    for (name, value) in &all {
        head.extend_from_slice(title_case(name).as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
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

fn title_case(name: &HeaderName) -> String {
    let words = name.as_str().split('-').map(|word| {
        let (first, rest) = word.split_at(1.min(word.len()));
        first.to_ascii_uppercase() + rest
    });
    words.collect::<Vec<_>>().join("-")
}

/// Answers HEAD: the head of a stream that is not opened, so no backend is asked.
pub(super) fn without_stream() -> Response<Body> {
    let mut response = Response::new(Body::whole(Bytes::new()));
    response.headers_mut().extend(headers());
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
    fn an_unframed_stream_names_no_transfer_coding() {
        let frame = super::frame(Framing::Unframed, &Cors::Off);
        let text = std::str::from_utf8(frame.on_wire(Framing::Unframed)).expect("ASCII");
        assert!(!text.contains("Transfer-Encoding"), "{text}");
        assert!(text.ends_with("\r\nConnection: close\r\n\r\n: ok\n\n"), "{text}");
    }
}
