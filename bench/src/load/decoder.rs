//! Reads HTTP/1.1 answers as they come, line by line.

/// What stood next in an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// The head, with its status.
    Head(u16),
    /// A line of the body, without its end.
    Line(&'a [u8]),
    /// The end; the next byte belongs to the next answer, unless the server closes.
    End { closes: bool },
}

/// Bytes that are no HTTP/1.1 answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// ```text
/// Head -> Sized   -> Head   (Content-Length)
///      -> Chunked -> Head   (Transfer-Encoding: chunked)
///      -> Rest              (neither: until the connection ends)
/// ```
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    state: State,
    /// A head or a line whose rest has not come.
    partial: Vec<u8>,
    /// Whether the head says that the connection ends with the body.
    closes: bool,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    Sized {
        left: usize,
    },
    /// In a chunk's size line.
    ChunkSize {
        size: usize,
        extension: bool,
    },
    Chunk {
        left: usize,
    },
    /// In the line end after a chunk.
    ChunkEnd,
    /// After the last chunk: lines until an empty one.
    Trailer {
        empty: bool,
    },
    Rest,
}

impl Decoder {
    /// Takes what came and tells what it was, in order.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut found: impl FnMut(Found<'_>),
    ) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            bytes = match &mut self.state {
                State::Head => self.head(bytes, &mut found)?,
                State::Rest => {
                    self.lines(bytes, &mut found);
                    &[]
                }
                State::Sized { left } | State::Chunk { left } => {
                    let (here, rest) = bytes.split_at((*left).min(bytes.len()));
                    *left -= here.len();
                    let complete = *left == 0;
                    self.lines(here, &mut found);
                    if complete {
                        self.complete(&mut found);
                    }
                    rest
                }
                _ => self.framing(bytes, &mut found)?,
            };
        }
        Ok(())
    }

    fn head<'a>(
        &mut self,
        bytes: &'a [u8],
        found: &mut impl FnMut(Found<'_>),
    ) -> Result<&'a [u8], Malformed> {
        let kept = self.partial.len();
        self.partial.extend_from_slice(bytes);
        // The end may stand across what was kept and what came.
        let from = kept.saturating_sub(3);
        let Some(end) = memchr::memmem::find(&self.partial[from..], b"\r\n\r\n") else { return Ok(&[]) };
        let end = from + end + 4;
        self.partial.truncate(end);
        let head = Head::read(&self.partial).ok_or(Malformed)?;
        self.partial.clear();
        found(Found::Head(head.status));
        self.closes = head.closes;
        self.state = match head.body {
            Body::Sized(left) => State::Sized { left },
            Body::Chunked => State::ChunkSize { size: 0, extension: false },
            Body::Rest => State::Rest,
        };
        if matches!(self.state, State::Sized { left: 0 }) {
            self.complete(found);
        }
        Ok(&bytes[end - kept..])
    }

    /// A body or a chunk has come to its end.
    fn complete(&mut self, found: &mut impl FnMut(Found<'_>)) {
        if matches!(self.state, State::Chunk { .. }) {
            self.state = State::ChunkEnd;
            return;
        }
        if !self.partial.is_empty() {
            found(Found::Line(&self.partial));
            self.partial.clear();
        }
        self.state = State::Head;
        found(Found::End { closes: self.closes });
    }

    /// Takes one byte of what stands around chunks.
    fn framing<'a>(
        &mut self,
        bytes: &'a [u8],
        found: &mut impl FnMut(Found<'_>),
    ) -> Result<&'a [u8], Malformed> {
        let (byte, rest) = (bytes[0], &bytes[1..]);
        match &mut self.state {
            State::ChunkSize { size, extension } => match byte {
                b'\n' if *size == 0 => self.state = State::Trailer { empty: true },
                b'\n' => self.state = State::Chunk { left: *size },
                b';' => *extension = true,
                _ if *extension || byte == b'\r' => {}
                _ => {
                    let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
                    *size = size.checked_mul(16).ok_or(Malformed)? + digit as usize;
                }
            },
            State::ChunkEnd if byte == b'\n' => {
                self.state = State::ChunkSize { size: 0, extension: false };
            }
            State::ChunkEnd if byte == b'\r' => {}
            State::Trailer { empty } => match byte {
                b'\n' if *empty => {
                    self.state = State::Sized { left: 0 };
                    self.complete(found);
                }
                b'\n' => *empty = true,
                b'\r' => {}
                _ => *empty = false,
            },
            _ => return Err(Malformed),
        }
        Ok(rest)
    }

    fn lines(&mut self, bytes: &[u8], found: &mut impl FnMut(Found<'_>)) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            if self.partial.is_empty() {
                found(Found::Line(&rest[..end]));
            } else {
                self.partial.extend_from_slice(&rest[..end]);
                found(Found::Line(&self.partial));
                self.partial.clear();
            }
            rest = &rest[end + 1..];
        }
        self.partial.extend_from_slice(rest);
    }
}

struct Head {
    status: u16,
    body: Body,
    closes: bool,
}

enum Body {
    Sized(usize),
    Chunked,
    Rest,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
        let mut body = if status == 204 { Body::Sized(0) } else { Body::Rest };
        let mut closes = false;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                body = Body::Sized(value.trim().parse().ok()?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                body = Body::Chunked;
            } else if name.eq_ignore_ascii_case("connection") {
                closes = value.trim().eq_ignore_ascii_case("close");
            }
        }
        Some(Self { status, body, closes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(pieces: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut all = Vec::new();
        for piece in pieces {
            let note = |found: Found<'_>| {
                all.push(match found {
                    Found::Head(status) => format!("head {status}"),
                    Found::Line(line) => format!("line {}", String::from_utf8_lossy(line)),
                    Found::End { closes: false } => "end".to_owned(),
                    Found::End { closes: true } => "end, closed".to_owned(),
                });
            };
            decoder.feed(piece, note).expect("the answer is well-formed");
        }
        all
    }

    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        6\r\n: ok\n\n\r\n3;x=1\r\nda\n\r\n2\r\nab\r\n2\r\nc\n\r\n0\r\n\r\n\
        HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 204 X\r\nConnection: close\r\n\r\n";

    #[test]
    fn an_answer_means_the_same_wherever_it_is_cut() {
        let whole = decode(&[CHUNKED]);
        let expected = [
            "head 200",
            "line : ok",
            "line ",
            "line da",
            "line abc",
            "end",
            "head 404",
            "line abc",
            "end",
            "head 204",
            "end, closed",
        ];
        assert_eq!(whole, expected);
        for cut in 0..=CHUNKED.len() {
            assert_eq!(decode(&[&CHUNKED[..cut], &CHUNKED[cut..]]), expected, "cut at {cut}");
        }
        let bytes: Vec<_> = CHUNKED.chunks(1).collect();
        assert_eq!(decode(&bytes), expected);
    }

    #[test]
    fn an_answer_without_a_length_goes_on_until_the_connection_ends() {
        assert_eq!(decode(&[b"HTTP/1.0 200 OK\r\n\r\na\nb", b"c\n"]), ["head 200", "line a", "line bc"]);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert_eq!(Decoder::default().feed(b"hello\r\n\r\n", |_| {}), Err(Malformed));
    }
}
