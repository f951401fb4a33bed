//! The ends of a stream, each with exactly one disconnect if the backend accepted it.

use sse_gateway_protocol::Token;
use sse_gateway_protocol::callback::CloseReason;
use sse_gateway_protocol::sse::{Frame, Framing};

use super::Shard;
use crate::effect::Effect;
use crate::outbox::{Outbox, Pace};
use crate::stream::Life;
use crate::tally::{Cut, Loss};
use crate::{Key, Time};

impl Shard {
    /// The client left: its FIN or RST was seen, or a write failed because of one.
    ///
    /// While opening this is only remembered: the backend's answer decides what it means.
    pub fn client_left(&mut self, key: Key) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        match &mut stream.life {
            Life::Opening(kept) => {
                kept.departed.get_or_insert(CloseReason::ClientClosed);
            }
            Life::Open { .. } | Life::Ending { .. } => {
                self.drop_outbox(key, Loss::ClientLeft);
                self.effects.push_back(Effect::Release(key));
                self.disconnect(key, CloseReason::ClientClosed, true);
            }
            Life::Draining => {
                self.streams.remove(key);
                self.effects.push_back(Effect::Release(key));
            }
        }
    }

    /// Cuts a stream with a socket off; nothing more is written, not even the end.
    pub fn cut(&mut self, key: Key, cut: Cut) {
        match self.streams.get(key).map(|stream| &stream.life) {
            Some(Life::Open { .. } | Life::Ending { .. }) => {
                self.tally.cuts[cut as usize] += 1;
                self.drop_outbox(key, cut.loss());
                self.effects.push_back(Effect::Cut(key));
                self.disconnect(key, CloseReason::Error, true);
            }
            Some(Life::Draining) => {
                self.streams.remove(key);
                self.effects.push_back(Effect::Cut(key));
            }
            Some(Life::Opening(_)) | None => {}
        }
    }

    /// Ends every stream cleanly; those still opening will not open.
    pub fn shut_down(&mut self) {
        self.shutting_down = true;
        let keys: Vec<Key> = self.streams.iter().map(|(key, _)| key).collect();
        for key in keys {
            match self.streams.get_mut(key).map(|stream| &mut stream.life) {
                Some(Life::Opening(kept)) => {
                    kept.departed.get_or_insert(CloseReason::ServerClosed);
                }
                Some(Life::Open { .. }) => self.end(key),
                _ => {}
            }
        }
    }

    /// Gives up what a shutdown could not finish in time; counts it and says how many streams it was.
    pub fn abandon(&mut self) -> usize {
        let mut streams = 0;
        let mut events = 0;
        for (_, stream) in self.streams.iter() {
            match &stream.life {
                Life::Opening(kept) => events += kept.outbox.events(),
                Life::Open { outbox, .. } | Life::Ending { outbox } => events += outbox.events(),
                Life::Draining => continue,
            }
            streams += 1;
        }
        self.tally.lose(Loss::Shutdown, events);
        streams
    }

    /// Closes the fullest stream with a socket as slow; false when none holds anything.
    pub fn shed_fullest(&mut self) -> bool {
        let fullest = self.streams.iter().filter(|(_, stream)| !matches!(stream.life, Life::Opening(_)));
        let fullest = fullest.max_by_key(|(_, stream)| stream.held_bytes());
        match fullest {
            Some((key, stream)) if stream.held_bytes() > 0 => {
                self.cut(key, Cut::Slow);
                true
            }
            _ => false,
        }
    }

    /// Ends an open stream after what its outbox holds.
    pub(super) fn end(&mut self, key: Key) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        let Life::Open { outbox, heartbeat } = &mut stream.life else { return };
        let place = *heartbeat;
        let outbox = std::mem::replace(outbox, Outbox::new(Framing::Chunked));
        stream.life = Life::Ending { outbox };
        self.leave_wheel(place);
        self.push(key, Frame::last_chunk());
        self.flush_even_if_empty(key);
    }

    /// An unframed stream has no last chunk: its end must be noticed with nothing to write.
    fn flush_even_if_empty(&mut self, key: Key) {
        let Some(outbox) = self.streams.get_mut(key).and_then(|stream| stream.outbox()) else { return };
        if outbox.pace == Pace::Idle {
            outbox.pace = Pace::Due;
            self.effects.push_back(Effect::Flush(key));
        }
    }

    /// Everything is written: the disconnect goes out, and only the draining is left.
    pub(super) fn end_written(&mut self, key: Key, now: Time) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        stream.life = Life::Draining;
        let token: Token = stream.token;
        let request = std::mem::take(&mut stream.request);
        self.effects.push_back(Effect::ShutDownWrite(key));
        self.drains.push_back((now, key));
        self.issue(token, CloseReason::ServerClosed, true, request);
    }

    /// Removes a stream and tells the backend.
    pub(super) fn disconnect(&mut self, key: Key, reason: CloseReason, opened: bool) {
        let Some(stream) = self.streams.remove(key) else { return };
        if let Life::Open { heartbeat, .. } = stream.life {
            self.leave_wheel(heartbeat);
        }
        self.issue(stream.token, reason, opened, stream.request);
    }

    fn issue(&mut self, token: Token, reason: CloseReason, opened: bool, request: Box<str>) {
        self.tally.closes[reason as usize] += 1;
        self.effects.push_back(Effect::Disconnect { token, reason, opened, request });
    }

    fn drop_outbox(&mut self, key: Key, loss: Loss) {
        let Some(outbox) = self.streams.get_mut(key).and_then(|stream| stream.outbox()) else { return };
        let dropped = std::mem::replace(outbox, Outbox::new(Framing::Chunked));
        self.outbox_bytes -= dropped.bytes();
        self.tally.lose(loss, dropped.events());
    }

    fn leave_wheel(&mut self, place: crate::heartbeat::Place) {
        if let Some(moved) = self.heartbeats.remove(place)
            && let Some(key) = self.streams.key_of_slot(moved)
            && let Some(stream) = self.streams.get_mut(key)
            && let Life::Open { heartbeat, .. } = &mut stream.life
        {
            *heartbeat = place;
        }
    }
}
