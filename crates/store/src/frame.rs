//! A frame: what one write appends to a segment, whole or not at all.
//!
//! ```text
//! mark 4 | length 4 | synced 8 | reserved 8 | check of the body 8 | check of the 32 bytes before 8 | body
//! ```
//!
//! Both checks are seeded with the segment's nonce and the frame's place. So a frame counts only where
//! it was written, and nobody who does not know the nonce can publish bytes that look like one.

use sse_gateway_protocol::Seq;

use crate::encoding::Reader;
use crate::secret::Secret;

/// What stands before the body, in bytes.
pub(crate) const HEAD_BYTES: usize = 40;

const CHECKED_BYTES: usize = 32;

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Its body is records.
    Batch,
    /// The log was closed; everything before is on the disk.
    End,
}

const BATCH: [u8; 4] = *b"\xf5bat";
const END: [u8; 4] = *b"\xf5end";

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) mark: Mark,
    /// When it was written, the segment was known to be on the disk up to here.
    pub(crate) synced: u64,
    /// No number above this one has been given out.
    pub(crate) reserved_through: Seq,
}

/// A frame that was found whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Where it begins in its segment.
    pub(crate) at: usize,
    pub(crate) head: Head,
    pub(crate) body: &'a [u8],
}

impl Head {
    /// Fills in the head of a frame whose body stands after [`HEAD_BYTES`].
    pub(crate) fn seal(self, frame: &mut [u8], nonce: Secret, at: u64) {
        let (head, body) = frame.split_at_mut(HEAD_BYTES);
        let mark = if self.mark == Mark::Batch { BATCH } else { END };
        head[..4].copy_from_slice(&mark);
        head[4..8].copy_from_slice(&(body.len() as u32).to_le_bytes());
        head[8..16].copy_from_slice(&self.synced.to_le_bytes());
        head[16..24].copy_from_slice(&self.reserved_through.to_le_bytes());
        head[24..32].copy_from_slice(&nonce.check(body, at).to_le_bytes());
        let checked = nonce.check(&head[..CHECKED_BYTES], at);
        head[CHECKED_BYTES..].copy_from_slice(&checked.to_le_bytes());
    }

    /// Reads a head; also gives the length and the check of the body.
    fn read(bytes: &[u8], nonce: Secret, at: u64) -> Option<(Self, usize, u64)> {
        let mut reader = Reader::new(bytes);
        let mark = match reader.array()? {
            BATCH => Mark::Batch,
            END => Mark::End,
            _ => return None,
        };
        let length = u32::from_le_bytes(reader.array()?);
        let (synced, reserved_through) = (reader.fixed()?, reader.fixed()?);
        let (body, head) = (reader.fixed()?, reader.fixed()?);
        let whole = head == nonce.check(bytes.get(..CHECKED_BYTES)?, at);
        whole.then_some((Self { mark, synced, reserved_through }, length as usize, body))
    }
}

/// Walks the frames of a segment, up to the first that is not whole.
#[derive(Clone, Debug)]
pub(crate) struct Frames<'a> {
    segment: &'a [u8],
    nonce: Secret,
    at: usize,
}

impl<'a> Frames<'a> {
    /// Begins at a place of the segment; `segment` is cut where it counts no further.
    pub(crate) fn new(segment: &'a [u8], nonce: Secret, at: usize) -> Self {
        Self { segment, nonce, at }
    }

    /// Says where the next frame begins, or why there is none: this is the end, or it is not whole.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Tells whether a frame further on says that what stands here was on the disk.
    ///
    /// Then it is no write that a crash tore, and something was answered that is gone.
    pub(crate) fn is_missing_what_was_synced(&self) -> bool {
        let mut heads = (self.at + 1..self.segment.len()).filter_map(|at| {
            let bytes = self.segment.get(at..)?;
            Head::read(bytes, self.nonce, at as u64)
        });
        heads.any(|(head, ..)| head.synced > self.at as u64)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let rest = self.segment.get(self.at..)?;
        let at = self.at as u64;
        let (head, length, checked) = Head::read(rest, self.nonce, at)?;
        let end = HEAD_BYTES.checked_add(length)?;
        let body = rest.get(HEAD_BYTES..end)?;
        if self.nonce.check(body, at) != checked {
            return None;
        }
        let at = self.at;
        self.at += end;
        Some(Frame { at, head, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: Secret = Secret(0x1234_5678_9abc_def0);

    fn frame(body: &[u8], at: u64, synced: u64) -> Vec<u8> {
        let mut frame = vec![0; HEAD_BYTES];
        frame.extend_from_slice(body);
        Head { mark: Mark::Batch, synced, reserved_through: 99 }.seal(&mut frame, NONCE, at);
        frame
    }

    fn segment_of(bodies: &[&[u8]]) -> Vec<u8> {
        let mut segment = Vec::new();
        for body in bodies {
            let at = segment.len() as u64;
            segment.extend(frame(body, at, at));
        }
        segment
    }

    #[test]
    fn frames_are_found_one_after_the_other() {
        let segment = segment_of(&[b"one", b"", b"three"]);
        let mut frames = Frames::new(&segment, NONCE, 0);
        let bodies: Vec<_> = frames.by_ref().map(|frame| frame.body).collect();
        assert_eq!(bodies, [&b"one"[..], b"", b"three"]);
        assert_eq!(frames.at(), segment.len());
    }

    #[test]
    fn each_flipped_bit_is_detected() {
        let segment = segment_of(&[b"one", b"two"]);
        for bit in 0..segment.len() * 8 {
            let mut flipped = segment.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let whole: Vec<_> = Frames::new(&flipped, NONCE, 0).map(|frame| frame.body).collect();
            let first = bit / 8 < HEAD_BYTES + 3;
            assert_eq!(whole, if first { vec![] } else { vec![&b"one"[..]] }, "bit {bit}");
        }
    }

    #[test]
    fn a_frame_counts_only_in_its_place_and_segment() {
        let segment = frame(b"one", 0, 0);
        assert_eq!(Frames::new(&segment, Secret(NONCE.0 + 1), 0).count(), 0);
        let moved = [&[0; 8], &segment[..]].concat();
        assert_eq!(Frames::new(&moved, NONCE, 8).count(), 0);
    }

    #[test]
    fn a_tear_is_told_from_a_loss_by_what_was_synced_later() {
        let mut segment = segment_of(&[b"one", b"two", b"three"]);
        let second = HEAD_BYTES + 3;
        segment[second + 9] ^= 1;
        let mut frames = Frames::new(&segment, NONCE, 0);
        assert_eq!((frames.by_ref().count(), frames.at()), (1, second));
        assert!(frames.is_missing_what_was_synced(), "the third was written after the second was synced");
        segment.truncate(second + HEAD_BYTES + 3);
        let mut frames = Frames::new(&segment, NONCE, 0);
        frames.by_ref().for_each(drop);
        assert!(!frames.is_missing_what_was_synced());
    }
}
