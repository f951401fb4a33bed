//! Reads a backend's answer (RFC 9112), without I/O: bytes go in as they come.

use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;

/// How large an answer's head may be, and each line between the chunks of a body.
const HEAD_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 100;

/// The bytes are no answer in HTTP/1.1 or 1.0, or one whose end cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the backend's answer is not HTTP/1.1: {0}")]
pub(super) struct Malformed(&'static str);

/// What is known of an answer before its body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    /// Whether another request may follow on the connection.
    pub(super) keeps_alive: bool,
    pub(super) body: Body,
}

/// What of a body is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes.
    Length(u64),
    /// Whatever comes until the connection ends.
    UntilEnd,
    /// A line that says how long the next chunk is.
    ChunkSize,
    /// The rest of a chunk, and the line's end after it.
    Chunk(u64),
    /// Fields after the last chunk, and an empty line.
    Trailers,
}

impl Head {
    /// Takes a whole head off the buffer, and interim answers before it; `None` until it has come.
    pub(super) fn take(buffer: &mut BytesMut) -> Result<Option<Self>, Malformed> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut answer = httparse::Response::new(&mut headers);
            let length = match answer.parse(buffer) {
                Ok(httparse::Status::Complete(length)) if length <= HEAD_BYTES_MAX => length,
                Ok(httparse::Status::Partial) if buffer.len() <= HEAD_BYTES_MAX => return Ok(None),
                Ok(_) => return Err(Malformed("its head is too large")),
                Err(_) => return Err(Malformed("its head")),
            };
            let status = answer.code.and_then(|code| StatusCode::from_u16(code).ok());
            let status = status.ok_or(Malformed("its status"))?;
            let head = if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                None
            } else {
                Some(Self::read(status, answer.version == Some(1), answer.headers)?)
            };
            buffer.advance(length);
            if head.is_some() {
                return Ok(head);
            }
        }
    }

    fn read(status: StatusCode, is_1_1: bool, headers: &[httparse::Header<'_>]) -> Result<Self, Malformed> {
        let items = |wanted: &'static str| {
            let named = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(wanted));
            named.flat_map(|header| header.value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
        };
        let says = |option: &[u8]| items("connection").any(|item| item.eq_ignore_ascii_case(option));
        let mut keeps_alive = if is_1_1 { !says(b"close") } else { says(b"keep-alive") };
        let mut codings = items("transfer-encoding").peekable();
        let body = if codings.peek().is_some() {
            // Another coding cannot be read, and an old server that names one is not believed.
            if !is_1_1 || !codings.all(|coding| coding.eq_ignore_ascii_case(b"chunked")) {
                return Err(Malformed("its Transfer-Encoding"));
            }
            // Two lengths: this one holds, and what comes after the body is not trusted.
            keeps_alive &= items("content-length").next().is_none();
            Body::ChunkSize
        } else {
            match length(items("content-length"))? {
                Some(length) => Body::Length(length),
                None => Body::UntilEnd,
            }
        };
        let body = match status {
            StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => {
                Body::Length(0)
            }
            _ => body,
        };
        keeps_alive &= body != Body::UntilEnd && status != StatusCode::SWITCHING_PROTOCOLS;
        Ok(Self { status, keeps_alive, body })
    }
}

/// Reads the length; one that is given several times must be the same each time.
fn length<'a>(items: impl Iterator<Item = &'a [u8]>) -> Result<Option<u64>, Malformed> {
    let mut length = None;
    for item in items {
        let digits = std::str::from_utf8(item).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let value = digits.and_then(|digits| digits.parse().ok()).ok_or(Malformed("its Content-Length"))?;
        if length.is_some_and(|length| length != value) {
            return Err(Malformed("its Content-Length"));
        }
        length = Some(value);
    }
    Ok(length)
}

impl Body {
    /// Takes the next piece off the buffer; `None` until more has come.
    pub(super) fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, Malformed> {
        while !self.is_complete() {
            match self {
                Self::UntilEnd if buffer.is_empty() => return Ok(None),
                Self::UntilEnd => return Ok(Some(buffer.split().freeze())),
                Self::Length(left) | Self::Chunk(left @ 1..) => {
                    let piece = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= piece as u64;
                    return Ok((piece > 0).then(|| buffer.split_to(piece).freeze()));
                }
                Self::Chunk(0) => match take_line(buffer)? {
                    Some(0) => *self = Self::ChunkSize,
                    Some(_) => return Err(Malformed("the end of a chunk")),
                    None => return Ok(None),
                },
                Self::ChunkSize => {
                    // The parser would take no digit at all for a zero.
                    if buffer.first().is_some_and(|byte| !byte.is_ascii_hexdigit()) {
                        return Err(Malformed("the size of a chunk"));
                    }
                    let size =
                        httparse::parse_chunk_size(buffer).map_err(|_| Malformed("the size of a chunk"))?;
                    let httparse::Status::Complete((length, size)) = size else {
                        return if buffer.len() <= HEAD_BYTES_MAX { Ok(None) } else { Err(LINE_TOO_LONG) };
                    };
                    buffer.advance(length);
                    *self = if size == 0 { Self::Trailers } else { Self::Chunk(size) };
                }
                Self::Trailers => match take_line(buffer)? {
                    Some(0) => *self = Self::Length(0),
                    Some(_) => {}
                    None => return Ok(None),
                },
            }
        }
        Ok(None)
    }

    /// Whether nothing more comes.
    pub(super) fn is_complete(self) -> bool {
        self == Self::Length(0)
    }
}

const LINE_TOO_LONG: Malformed = Malformed("a line of its body is too long");

/// Takes a line off the buffer and tells how long it was without its end.
fn take_line(buffer: &mut BytesMut) -> Result<Option<usize>, Malformed> {
    match buffer.iter().position(|byte| *byte == b'\n') {
        Some(end) if end > 0 && buffer[end - 1] == b'\r' && end <= HEAD_BYTES_MAX => {
            buffer.advance(end + 1);
            Ok(Some(end - 1))
        }
        None if buffer.len() <= HEAD_BYTES_MAX => Ok(None),
        _ => Err(LINE_TOO_LONG),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads an answer that comes in pieces of so many bytes; gives the status, the body where it ended, and
    /// whether the connection stays.
    fn read(answer: &[u8], piece: usize) -> Result<Option<(u16, Vec<u8>, bool)>, Malformed> {
        let mut buffer = BytesMut::new();
        let mut pieces = answer.chunks(piece);
        let mut head = loop {
            match Head::take(&mut buffer)? {
                Some(head) => break head,
                None => match pieces.next() {
                    Some(piece) => buffer.extend_from_slice(piece),
                    None => return Ok(None),
                },
            }
        };
        let mut body = Vec::new();
        while !head.body.is_complete() {
            match head.body.take(&mut buffer)? {
                Some(bytes) => body.extend_from_slice(&bytes),
                None => match pieces.next() {
                    Some(piece) => buffer.extend_from_slice(piece),
                    None if head.body == Body::UntilEnd => break,
                    None if head.body.is_complete() => break,
                    None => return Ok(None),
                },
            }
        }
        Ok(Some((head.status.as_u16(), body, head.keeps_alive && buffer.is_empty())))
    }

    fn reads(answer: &str, status: u16, body: &str, stays: bool) {
        for piece in [1, 2, 3, 7, answer.len()] {
            let expected = Ok(Some((status, body.as_bytes().to_vec(), stays)));
            assert_eq!(read(answer.as_bytes(), piece), expected, "{answer:?} by {piece}");
        }
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        reads("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", true);
        reads("HTTP/1.1 200\r\ncontent-length: 2, 2\r\nContent-Length: 2\r\n\r\n{}", 200, "{}", true);
        reads("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true);
        reads("HTTP/1.1 200 OK\r\n\r\nabc", 200, "abc", false);
        reads("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", 200, "a", false);
        reads("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na", 200, "a", true);
        reads("HTTP/1.1 403 No\r\nConnection: x, Close\r\nContent-Length: 1\r\n\r\na", 403, "a", false);
        reads("HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", 204, "", true);
        reads("HTTP/1.1 304 Not Modified\r\n\r\n", 304, "", true);
    }

    #[test]
    fn chunks_are_joined_whatever_stands_around_them() {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n";
        reads(
            &format!("{head}\r\n2\r\nab\r\n00B;x=1\r\n 1234567890\r\n0\r\n\r\n"),
            200,
            "ab 1234567890",
            true,
        );
        reads(&format!("{head}\r\n1\r\na\r\n0\r\nX-Sum: 1\r\nX-Y: 2\r\n\r\n"), 200, "a", true);
        reads(&format!("{head}Content-Length: 9\r\n\r\n1\r\na\r\n0\r\n\r\n"), 200, "a", false);
    }

    #[test]
    fn interim_answers_are_passed_over() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
        reads(&format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"), 200, "a", true);
        reads("HTTP/1.1 101 Switching Protocols\r\n\r\n", 101, "", false);
    }

    #[test]
    fn what_follows_an_answer_ends_its_connection() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab";
        assert_eq!(read(answer, answer.len()), Ok(Some((200, b"a".to_vec(), false))));
    }

    #[test]
    fn an_answer_that_breaks_off_is_not_whole() {
        for whole in [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: 1\r\n\r\n",
        ] {
            for length in 0..whole.len() {
                assert_eq!(read(&whole.as_bytes()[..length], 5), Ok(None), "{:?}", &whole[..length]);
            }
        }
    }

    #[test]
    fn an_answer_whose_end_cannot_be_told_is_malformed() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for wrong in [
            "ICY 200 OK\r\n\r\n".to_owned(),
            "HTTP/2.0 200 OK\r\n\r\n".to_owned(),
            "HTTP/1.1 099 Low\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\na".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\na".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\na".to_owned(),
            "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".to_owned(),
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
            format!("{chunked}\r\n\r\n"),
            format!("{chunked}x\r\n"),
            format!("{chunked}-1\r\n"),
            format!("{chunked}11111111111111111\r\n"),
            format!("{chunked}1\r\nab\r\n"),
            format!("{chunked}1\r\na\n0\r\n\r\n"),
            format!("{chunked}0\r\nX: 1\n\r\n"),
            format!("{chunked}1;{}", "x".repeat(HEAD_BYTES_MAX)),
            format!("{chunked}0\r\n{}", "x".repeat(HEAD_BYTES_MAX + 1)),
            format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(HEAD_BYTES_MAX)),
            format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(HEADERS_MAX + 1)),
        ] {
            assert!(read(wrong.as_bytes(), 1000).is_err(), "{wrong:.99?}");
        }
    }
}
