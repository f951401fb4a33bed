//! What the data of an event says: its number on its stream, and when it was sent.

/// Digits of the number.
const NUMBER_DIGITS: usize = 8;
/// Digits of the time.
const TIME_DIGITS: usize = 16;
/// Of a number, what counts on its lane; the rest is the lane.
const LANE_SHIFT: u32 = 25;
/// The shortest data that says both.
pub(crate) const BYTES_MIN: usize = NUMBER_DIGITS + TIME_DIGITS + 2;

/// Number and time of an event, and how long its data is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    /// Counts from 0 on each stream, or on each lane of it.
    pub(crate) number: u32,
    /// Nanoseconds of the load's clock.
    pub(crate) sent_at: u64,
}

impl Payload {
    /// How many lanes a stream can have.
    pub(crate) const LANES: u32 = 1 << (u32::BITS - LANE_SHIFT);

    /// An event of a stream that several connections publish to: each is a lane, with an order of its own.
    pub(crate) fn on_lane(lane: u32, number: u32, sent_at: u64) -> Self {
        debug_assert!(lane < Self::LANES && number >> LANE_SHIFT == 0);
        Self { number: lane << LANE_SHIFT | number, sent_at }
    }

    /// The lane, and the number on it.
    pub(crate) fn place(self) -> (usize, u32) {
        ((self.number >> LANE_SHIFT) as usize, self.number & ((1 << LANE_SHIFT) - 1))
    }

    /// Writes data of a length, at least [`BYTES_MIN`]; no character in it needs an escape anywhere.
    pub(crate) fn write(self, bytes: usize, out: &mut Vec<u8>) {
        let end = out.len() + bytes.max(BYTES_MIN);
        hexadecimal(u64::from(self.number), NUMBER_DIGITS, out);
        out.push(b' ');
        hexadecimal(self.sent_at, TIME_DIGITS, out);
        out.push(b' ');
        out.resize(end, b'x');
    }

    /// Reads what [`write`](Self::write) wrote.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        let number = number(data.get(..NUMBER_DIGITS)?)?;
        let sent_at = number_at(data, NUMBER_DIGITS + 1, TIME_DIGITS)?;
        Some(Self { number: u32::try_from(number).ok()?, sent_at })
    }
}

fn number_at(data: &[u8], from: usize, digits: usize) -> Option<u64> {
    number(data.get(from..from + digits)?)
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | u64::from(char::from(*digit).to_digit(16)?)))
}

fn hexadecimal(value: u64, digits: usize, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend((0..digits).rev().map(|place| DIGITS[(value >> (4 * place)) as usize & 15]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_has_its_length() {
        let payload = Payload { number: 0xfeed, sent_at: 0x0123_4567_89ab };
        let mut data = Vec::new();
        payload.write(100, &mut data);
        assert_eq!(data.len(), 100);
        assert_eq!(Payload::read(&data), Some(payload));
        assert_eq!(Payload::read(&data[..20]), None);
    }
}
