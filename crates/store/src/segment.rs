//! One segment file, read.

use sse_gateway_protocol::Seq;

use crate::encoding::Reader;
use crate::error::Error;
use crate::frame::{Frame, Frames, Mark};
use crate::header::{BadHeader, HEADER_BYTES, Header, Origin};
use crate::record::Record;

const SUFFIX: &str = ".segment";
const DIGITS: usize = 20;

/// Gives the file name of a segment.
pub(crate) fn name_of(number: u64) -> String {
    format!("{number:0DIGITS$}{SUFFIX}")
}

/// Reads a file name; `None` for files of others.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let number = name.strip_suffix(SUFFIX)?.parse().ok()?;
    (name_of(number) == name).then_some(number)
}

/// A segment's bytes with what its header says.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) header: Header,
    bytes: Vec<u8>,
}

/// The end of the newest segment, as a crash or a shutdown left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// How many bytes count.
    pub(crate) end: u64,
    /// How many follow that do not: a write that was never finished.
    pub(crate) torn: u64,
    /// Whether it ends with the mark of a shutdown.
    pub(crate) closed: bool,
    /// Whether it has no record.
    pub(crate) is_empty: bool,
    pub(crate) reserved_through: Seq,
}

impl Segment {
    /// Takes the bytes of a file, at least those of the header.
    pub(crate) fn read(number: u64, bytes: Vec<u8>) -> Result<Self, Error> {
        let header = Header::decode(&bytes).map_err(|bad| match bad {
            BadHeader::Damaged => damaged(number, 0),
            BadHeader::Version(version) => Error::Version { file: name_of(number), version },
        })?;
        let is_this = header.number == number && (1..=number).contains(&header.from());
        if is_this { Ok(Self { header, bytes }) } else { Err(damaged(number, 0)) }
    }

    /// Finds the end of the newest segment; what a crash tore off does not count.
    pub(crate) fn tail(&self) -> Result<Tail, Error> {
        let mut frames = Frames::new(&self.bytes, self.header.nonce, HEADER_BYTES);
        let reserved_through = self.header.reserved_through;
        let mut tail = Tail { end: 0, torn: 0, closed: false, is_empty: true, reserved_through };
        for Frame { head, body, .. } in frames.by_ref() {
            tail.closed = head.mark == Mark::End;
            tail.is_empty &= body.is_empty();
            tail.reserved_through = tail.reserved_through.max(head.reserved_through);
        }
        tail.end = frames.at() as u64;
        // A segment reads as zeros behind what was appended.
        let last = self.bytes.iter().rposition(|byte| *byte != 0);
        tail.torn = last.map_or(0, |last| last as u64 + 1).saturating_sub(tail.end);
        let whole = match self.header.origin {
            Origin::Written => !frames.is_missing_what_was_synced(),
            Origin::Cleaned { bytes, .. } => bytes == tail.end && tail.torn == 0,
        };
        if whole { Ok(tail) } else { Err(damaged(self.header.number, frames.at())) }
    }

    /// Gives its bytes up to where it counts, as far as they are there.
    pub(crate) fn counted(&self, end: u64) -> &[u8] {
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        &self.bytes[..end.min(self.bytes.len())]
    }

    /// Gives its records in order, up to where it counts; then what was reserved at that place.
    pub(crate) fn each_record<'a>(
        &'a self,
        end: u64,
        mut visit: impl FnMut(Record<'a>),
    ) -> Result<Seq, Error> {
        let number = self.header.number;
        let counted = self.counted(end);
        if counted.len() as u64 != end {
            return Err(damaged(number, counted.len()));
        }
        let mut frames = Frames::new(counted, self.header.nonce, HEADER_BYTES);
        let mut reserved_through = self.header.reserved_through;
        for frame in frames.by_ref() {
            reserved_through = reserved_through.max(frame.head.reserved_through);
            let mut reader = Reader::new(frame.body);
            while !reader.is_empty() {
                visit(Record::decode(&mut reader).ok_or_else(|| damaged(number, frame.at))?);
            }
        }
        if frames.at() == counted.len() { Ok(reserved_through) } else { Err(damaged(number, frames.at())) }
    }
}

pub(crate) fn damaged(number: u64, at: usize) -> Error {
    Error::Damaged { file: name_of(number), at: at as u64 }
}
