//! The forms of request that the load sends, matched and not parsed.

use memchr::memmem;

/// The number that stands for all streams of the one topic.
pub(super) const TOPIC: u32 = u32::MAX;

/// What is asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request<'a> {
    /// `GET /s/<number>` or `GET /s/all`.
    Stream { number: u32 },
    /// `POST /internal/send`, `{"token":"<number>","event":{"data":"<data>"}}`.
    Send { number: u32, data: &'a [u8] },
    /// `POST /publish`, `{"data":"<data>"}`.
    Publish { data: &'a [u8] },
    /// Anything else.
    Unknown,
}

impl<'a> Request<'a> {
    /// Reads a request, if it has come whole, and how long it is.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
        if let Some(path) = bytes.strip_prefix(b"GET /s/") {
            let number = if path.starts_with(b"all ") { Some(TOPIC) } else { number(path) };
            return Some((number.map_or(Self::Unknown, |number| Self::Stream { number }), head));
        }
        let length = between(&bytes[..head], b"Content-Length: ", b'\r').and_then(number).unwrap_or(0);
        let body = bytes.get(head..head + length as usize)?;
        let data = between(body, br#""data":""#, b'"');
        let request = match data {
            Some(data) if bytes.starts_with(b"POST /internal/send ") => {
                let number = between(body, br#""token":""#, b'"').and_then(number);
                number.map_or(Self::Unknown, |number| Self::Send { number, data })
            }
            Some(data) if bytes.starts_with(b"POST /publish ") => Self::Publish { data },
            _ => Self::Unknown,
        };
        Some((request, head + length as usize))
    }
}

fn between<'a>(bytes: &'a [u8], before: &[u8], after: u8) -> Option<&'a [u8]> {
    let start = memmem::find(bytes, before)? + before.len();
    let length = memchr::memchr(after, &bytes[start..])?;
    Some(&bytes[start..start + length])
}

/// The digits that stand first.
fn number(bytes: &[u8]) -> Option<u32> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&bytes[..digits]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_recognised_only_when_whole() {
        let send = b"POST /internal/send HTTP/1.1\r\nContent-Length: 38\r\n\r\n\
            {\"token\":\"7\",\"event\":{\"data\":\"a b\"}}\r\n";
        assert_eq!(Request::read(send), Some((Request::Send { number: 7, data: b"a b" }, send.len())));
        assert_eq!(Request::read(&send[..send.len() - 1]), None);
        let stream = b"GET /s/12 HTTP/1.1\r\n\r\nGET";
        assert_eq!(Request::read(stream), Some((Request::Stream { number: 12 }, stream.len() - 3)));
        let topic = b"GET /s/all HTTP/1.1\r\n\r\n";
        assert_eq!(Request::read(topic), Some((Request::Stream { number: TOPIC }, topic.len())));
        assert_eq!(Request::read(b"GET / HTTP/1.1\r\n\r\n"), Some((Request::Unknown, 18)));
    }
}
