//! The ends of a stream, each with exactly one disconnect if the backend accepted it.

use sse_gateway_protocol::Token;
use sse_gateway_protocol::callback::CloseReason;
use sse_gateway_protocol::sse::{Frame, Framing};

use super::Shard;
use crate::effect::Effect;
use crate::heartbeat::Place;
use crate::outbox::{Outbox, Pace};
use crate::stream::{Life, Stream};
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
                self.effects.push(Effect::Release(key));
                self.remove_and_tell(key, Loss::ClientLeft, CloseReason::ClientClosed, true);
            }
            Life::Draining { .. } => {
                self.effects.push(Effect::Release(key));
                self.remove(key);
            }
        }
    }

    /// Cuts a stream with a socket off; nothing more is written, not even the end.
    pub fn cut(&mut self, key: Key, cut: Cut) {
        match self.streams.get(key).map(|stream| &stream.life) {
            Some(Life::Open { .. } | Life::Ending { .. }) => {
                self.tally.cuts[cut as usize] += 1;
                self.effects.push(Effect::Cut(key));
                self.remove_and_tell(key, cut.loss(), CloseReason::Error, true);
            }
            Some(Life::Draining { .. }) => {
                self.effects.push(Effect::Cut(key));
                self.remove(key);
            }
            Some(Life::Opening(_)) | None => {}
        }
    }

    /// Ends every stream cleanly; those still opening, and those that still come, will not open.
    pub fn shut_down(&mut self) {
        // Nothing opens after the first time; a driver may ask again for each connection that it drops.
        if std::mem::replace(&mut self.shutting_down, true) {
            return;
        }
        for key in self.streams.keys() {
            match self.streams.get_mut(key).map(|stream| &mut stream.life) {
                Some(Life::Opening(kept)) => {
                    kept.departed.get_or_insert(CloseReason::ServerClosed);
                }
                Some(Life::Open { .. }) => self.end(key),
                _ => {}
            }
        }
    }

    /// Gives up what a shutdown could not finish in time; counts its events as lost and says how
    /// many streams nobody will be told about. No stream is left, and no effect comes of it.
    pub fn abandon(&mut self) -> usize {
        let mut untold = 0;
        let decided = self.effects.for_log();
        for key in self.streams.keys() {
            let stream = self.remove_and_count(key, Loss::Shutdown);
            untold += usize::from(stream.is_some_and(|stream| stream.held().is_some()));
        }
        self.effects.forget_for_log(decided);
        untold
    }

    /// Closes the fullest stream with a socket as slow; false when none holds anything.
    pub fn shed_fullest(&mut self) -> bool {
        match self.fullest() {
            Some((key, bytes)) if bytes > 0 => {
                self.cut(key, Cut::Slow);
                true
            }
            _ => false,
        }
    }

    /// Ends an open stream after what its outbox holds.
    pub(super) fn end(&mut self, key: Key) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        let Life::Open { outbox, heartbeat, standing } = &mut stream.life else { return };
        let (place, standing) = (*heartbeat, standing.take());
        let outbox = std::mem::replace(outbox, Outbox::new(Framing::Chunked));
        self.streams.enter(key, Life::Ending { outbox });
        self.leave_wheel(place);
        self.leave_lists(key, standing);
        self.push(key, Frame::last_chunk());
    }

    /// Everything is written: the disconnect goes out, and only the draining is left.
    pub(super) fn end_written(&mut self, key: Key, now: Time) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        let token = stream.token;
        let request = std::mem::take(&mut stream.request);
        self.streams.enter(key, Life::Draining { since: now });
        self.drains.insert((now, key));
        self.effects.push(Effect::ShutDownWrite(key));
        self.tell(token, CloseReason::ServerClosed, true, request);
    }

    /// Removes a stream, counts what it held as lost, and tells the backend.
    pub(super) fn remove_and_tell(&mut self, key: Key, loss: Loss, reason: CloseReason, opened: bool) {
        if let Some(stream) = self.remove_and_count(key, loss) {
            self.tell(stream.token, reason, opened, stream.request);
        }
    }

    pub(super) fn remove_and_count(&mut self, key: Key, loss: Loss) -> Option<Stream> {
        let stream = self.remove(key)?;
        self.tally.lose(loss, stream.held().map_or(0, Outbox::events));
        Some(stream)
    }

    fn tell(&mut self, token: Token, reason: CloseReason, opened: bool, request: Box<str>) {
        self.tally.closes[reason as usize] += 1;
        self.effects.push(Effect::Disconnect { token, reason, opened, request });
    }

    /// Takes a stream out of the map and out of everything that points to it.
    pub(super) fn remove(&mut self, key: Key) -> Option<Stream> {
        let mut stream = self.streams.remove(key)?;
        self.outbox_bytes -= stream.held().map_or(0, Outbox::bytes);
        if let Some(Pace::Blocked { progress }) = stream.outbox().map(Outbox::pace) {
            self.stalls.remove(&(progress, key));
        }
        match &mut stream.life {
            Life::Open { heartbeat, standing, .. } => {
                self.leave_wheel(*heartbeat);
                self.leave_lists(key, standing.take());
            }
            Life::Draining { since } => {
                self.drains.remove(&(*since, key));
            }
            Life::Opening(_) | Life::Ending { .. } => {}
        }
        Some(stream)
    }

    fn leave_wheel(&mut self, place: Place) {
        if let Some(moved) = self.heartbeats.remove(place)
            && let Some(key) = self.streams.key_of_slot(moved)
            && let Some(stream) = self.streams.get_mut(key)
            && let Life::Open { heartbeat, .. } = &mut stream.life
        {
            *heartbeat = place;
        }
    }
}
