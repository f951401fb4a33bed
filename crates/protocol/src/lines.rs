//! Cuts a body into lines as it arrives (`application/x-ndjson`).

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

/// Cuts bytes into lines; holds at most one unfinished line, of a bounded length.
///
/// Lines end with LF; a CR before it is JSON white space. Lines that are empty but for white space
/// are left out.
#[derive(Debug)]
pub struct Lines {
    chunk: Bytes,
    begun: BytesMut,
    line_bytes_max: usize,
    /// The line under way is too long; what is left of it is discarded.
    skipping: bool,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Its bytes, without the LF.
    Whole(Bytes),
    /// It is longer than the bound; it was discarded, and the next line is read as usual.
    TooLong,
}

impl Lines {
    /// Begins a body whose lines have at most this many bytes.
    #[must_use]
    pub fn new(line_bytes_max: usize) -> Self {
        Self { chunk: Bytes::new(), begun: BytesMut::new(), line_bytes_max, skipping: false }
    }

    /// Takes the next bytes; everything before them must have been taken out by [`next`](Self::next).
    pub fn push(&mut self, chunk: Bytes) {
        debug_assert!(self.chunk.is_empty(), "the chunk before is read to its end");
        self.chunk = chunk;
    }

    /// Gives the next finished line; `None` asks for more bytes.
    #[expect(clippy::should_implement_trait, reason = "a `None` is not the end: more may be pushed")]
    pub fn next(&mut self) -> Option<Line> {
        while let Some(end) = memchr(b'\n', &self.chunk) {
            let rest = self.chunk.split_to(end);
            self.chunk.advance(1);
            if let Some(line) = self.end_line(rest) {
                return Some(line);
            }
        }
        let rest = std::mem::take(&mut self.chunk);
        if self.skipping || self.begun.len() + rest.len() > self.line_bytes_max {
            self.skipping = true;
            self.begun = BytesMut::new();
        } else {
            self.begun.extend_from_slice(&rest);
        }
        None
    }

    /// Gives the last line, if it has no LF.
    pub fn finish(&mut self) -> Option<Line> {
        self.end_line(Bytes::new())
    }

    fn end_line(&mut self, rest: Bytes) -> Option<Line> {
        let begun = std::mem::take(&mut self.begun);
        if std::mem::take(&mut self.skipping) || begun.len() + rest.len() > self.line_bytes_max {
            return Some(Line::TooLong);
        }
        let line = if begun.is_empty() { rest } else { joined(begun, &rest) };
        (!line.iter().all(u8::is_ascii_whitespace)).then_some(Line::Whole(line))
    }
}

fn joined(mut begun: BytesMut, rest: &[u8]) -> Bytes {
    begun.extend_from_slice(rest);
    begun.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(chunks: &[&[u8]], line_bytes_max: usize) -> Vec<Line> {
        let mut lines = Lines::new(line_bytes_max);
        let mut found = Vec::new();
        for chunk in chunks {
            lines.push(Bytes::copy_from_slice(chunk));
            found.extend(std::iter::from_fn(|| lines.next()));
        }
        found.extend(lines.finish());
        found
    }

    fn whole(text: &'static str) -> Line {
        Line::Whole(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn lines_end_with_lf_and_the_last_needs_none() {
        assert_eq!(cut(&[b"a\nbc\r\n\n  \nd"], 9), [whole("a"), whole("bc\r"), whole("d")]);
        assert_eq!(cut(&[b"a", b"b", b"", b"\nc\n"], 9), [whole("ab"), whole("c")]);
        assert_eq!(cut(&[], 9), []);
    }

    #[test]
    fn a_line_over_the_bound_is_discarded_alone() {
        assert_eq!(cut(&[b"1234\n12345\n1\n"], 4), [whole("1234"), Line::TooLong, whole("1")]);
        assert_eq!(cut(&[b"123", b"45", b"67\n1"], 4), [Line::TooLong, whole("1")]);
        assert_eq!(cut(&[b"12345"], 4), [Line::TooLong]);
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_does_not_matter(
            body in "[ab \n]{0,60}",
            cuts in prop::collection::vec(0usize..60, 0..6),
            line_bytes_max in 1usize..12,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut from = 0;
            for at in cuts.into_iter().chain([body.len()]) {
                chunks.push(&body.as_bytes()[from..at]);
                from = at;
            }
            prop_assert_eq!(cut(&chunks, line_bytes_max), cut(&[body.as_bytes()], line_bytes_max));
        }
    }
}
