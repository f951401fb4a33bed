//! A send: kept, taken into the outbox, or refused.

use sse_gateway_protocol::Token;
use sse_gateway_protocol::sse::Frame;

use super::Shard;
use crate::Key;
use crate::stream::{Kept, Life};
use crate::tally::Cut;

/// How a send came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// In the outbox of an open stream, in order.
    Ok,
    /// Kept until the backend has answered the stream's connect.
    Buffered,
    /// No stream has this token, or it has ended for senders.
    NotFound,
    /// Larger than the outbox bound; nothing has happened.
    TooLarge,
    /// The outbox has no room; an open stream was cut off as slow.
    Full,
    /// The outbox has no room: write to this stream, report it, then send again with
    /// [`Attempt::AfterWrite`].
    WriteFirst(Key),
}

/// Whether the driver has tried to make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It has not.
    First,
    /// It wrote as much as the socket takes.
    AfterWrite,
}

impl Shard {
    /// Sends to a stream: all of the frame or nothing, then maybe the end.
    pub fn send(&mut self, token: &Token, frame: Option<&Frame>, close: bool, attempt: Attempt) -> Sent {
        let sent = self.try_send(token, frame, close, attempt);
        let place = match sent {
            Sent::Ok => 0,
            Sent::Buffered => 1,
            Sent::NotFound => 2,
            Sent::TooLarge => 3,
            Sent::Full => 4,
            Sent::WriteFirst(_) => return sent,
        };
        self.tally.sends[place] += 1;
        if matches!(sent, Sent::Ok | Sent::Buffered) {
            self.tally.events_accepted += frame.map_or(0, |frame| u64::from(frame.events()));
        }
        sent
    }

    fn try_send(&mut self, token: &Token, frame: Option<&Frame>, close: bool, attempt: Attempt) -> Sent {
        let Some(key) = self.streams.find(token) else { return Sent::NotFound };
        let Some(stream) = self.streams.get_mut(key) else { return Sent::NotFound };
        let too_large = frame.is_some_and(|frame| frame.payload().len() > self.limits.outbox_bytes_max);
        match &mut stream.life {
            Life::Opening(Kept { close: true, .. }) | Life::Ending { .. } | Life::Draining { .. } => {
                Sent::NotFound
            }
            Life::Opening(_) | Life::Open { .. } if too_large => Sent::TooLarge,
            Life::Opening(_) => self.keep(key, frame, close),
            Life::Open { outbox, .. } => {
                if frame.is_none_or(|frame| outbox.has_room(frame, self.limits.outbox_bytes_max)) {
                    self.accept(key, frame, close);
                    return Sent::Ok;
                }
                if attempt == Attempt::First {
                    return Sent::WriteFirst(key);
                }
                self.cut(key, Cut::Slow);
                Sent::Full
            }
        }
    }

    /// Keeps a frame until the answer; an opening stream has no socket to close as slow.
    fn keep(&mut self, key: Key, frame: Option<&Frame>, close: bool) -> Sent {
        // Past the bound, not up to it: the driver sheds only then, so slow readers just below it
        // cannot lock every opening stream out.
        let past_total = self.outbox_bytes + self.elsewhere_bytes > self.limits.outbox_bytes_total_max;
        let Some(Life::Opening(kept)) = self.streams.get_mut(key).map(|stream| &mut stream.life) else {
            return Sent::NotFound;
        };
        if let Some(frame) = frame {
            if past_total || !kept.outbox.has_room(frame, self.limits.outbox_bytes_max) {
                return Sent::Full;
            }
            self.outbox_bytes += kept.outbox.push(frame.clone());
        }
        kept.close = close;
        Sent::Buffered
    }

    fn accept(&mut self, key: Key, frame: Option<&Frame>, close: bool) {
        if let Some(frame) = frame {
            self.push(key, frame.clone());
        }
        if close {
            self.end(key);
        }
    }
}
