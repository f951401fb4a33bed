//! Who listens to a topic, as far as the log must know: how many on which shard.

use sse_gateway_protocol::Seq;

use super::types::Listener;

/// Counts the listeners of one topic; their names are the shards' business.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// Only shards that have some.
    by_shard: Vec<(usize, usize)>,
    /// How many of them get offers, and do not replay.
    live: usize,
    /// How many of them have their removal on the way: they count no more for publishers.
    leaving: usize,
    /// The only one, if it listens exclusively.
    holder: Option<Listener>,
    /// At which numbers everybody was sent away, and how many of those are still to leave; oldest first.
    sent_away: Vec<(Seq, usize)>,
}

impl Listeners {
    /// Counts those who would get what is published now.
    pub(super) fn receivers(&self) -> usize {
        self.count() - self.leaving
    }

    pub(super) fn count(&self) -> usize {
        self.by_shard.iter().map(|(_, count)| count).sum()
    }

    /// Tells whether there is nobody, not even one that was sent away and has not left yet.
    pub(super) fn is_empty(&self) -> bool {
        self.by_shard.is_empty() && self.sent_away.is_empty()
    }

    pub(super) fn shards(&self) -> impl Iterator<Item = usize> + '_ {
        self.by_shard.iter().map(|(shard, _)| *shard)
    }

    /// Tells whether somebody gets what is published now as an offer. Those who are about to leave may
    /// or may not be live: rather than lose an event for `undelivered`, it is given twice.
    pub(super) fn has_live(&self) -> bool {
        self.live > self.leaving
    }

    /// Tells when a stream that has listened since then was sent away, if it was.
    pub(super) fn sent_away(&self, since: Seq) -> Option<Seq> {
        self.sent_away.iter().find(|(at, _)| since < *at).map(|(at, _)| *at)
    }

    /// Tells whether a newcomer makes those who listen go.
    pub(super) fn gives_way_to(&self, newcomer: Listener, exclusive: bool) -> bool {
        let others = match self.holder {
            Some(holder) => holder != newcomer,
            None => exclusive,
        };
        others && !self.by_shard.is_empty()
    }

    pub(super) fn enter(&mut self, listener: Listener, exclusive: bool) {
        match self.by_shard.iter_mut().find(|(shard, _)| *shard == listener.shard) {
            Some((_, count)) => *count += 1,
            None => self.by_shard.push((listener.shard, 1)),
        }
        if exclusive {
            self.holder = Some(listener);
        }
    }

    /// Everybody is told to go and does not count any more.
    pub(super) fn send_away(&mut self, at: Seq) {
        let mut sent_away = std::mem::take(&mut self.sent_away);
        let count = self.count();
        if count > 0 {
            sent_away.push((at, count));
        }
        *self = Self { sent_away, ..Self::default() };
    }

    /// The removal of a listener is on its way to it; false when it has been sent away.
    pub(super) fn begin_to_leave(&mut self, listener: Listener, since: Seq) -> bool {
        let counts = self.sent_away(since).is_none();
        self.leaving += usize::from(counts);
        self.holder.take_if(|holder| *holder == listener);
        counts
    }

    /// A listener is gone, maybe because it was removed; false when it did not count.
    pub(super) fn leave(&mut self, listener: Listener, since: Seq, live: bool, removed: bool) -> bool {
        if let Some(place) = self.sent_away.iter().position(|(at, _)| since < *at) {
            self.sent_away[place].1 -= 1;
            if self.sent_away[place].1 == 0 {
                self.sent_away.remove(place);
            }
            return false;
        }
        let place = self.by_shard.iter().position(|(shard, _)| *shard == listener.shard);
        let Some(place) = place else { return false };
        self.leaving -= usize::from(removed);
        self.by_shard[place].1 -= 1;
        if self.by_shard[place].1 == 0 {
            self.by_shard.swap_remove(place);
        }
        self.live -= usize::from(live);
        if self.by_shard.is_empty() {
            // A holder is alone; one that leaves a topic which it had asked for twice still holds it.
            self.holder = None;
            self.by_shard = Vec::new();
        }
        true
    }

    /// A listener has everything, and gets offers from now on.
    pub(super) fn catch_up(&mut self, since: Seq) {
        if self.sent_away(since).is_none() {
            self.live += 1;
        }
    }

    /// A live listener reads too slowly and replays again.
    pub(super) fn fall_behind(&mut self, since: Seq) {
        if self.sent_away(since).is_none() {
            self.live -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    #[test]
    fn who_was_sent_away_is_forgotten_when_all_of_them_have_left() {
        let mut listeners = Listeners::default();
        let listener = |bits| Listener { shard: 0, key: Key::from_bits(bits) };
        for (bits, at) in [(1, 10), (2, 20), (3, 30)] {
            listeners.enter(listener(bits), true);
            listeners.send_away(at);
        }
        for (bits, since) in [(2, 15), (1, 5), (3, 25)] {
            assert!(!listeners.leave(listener(bits), since, true, false));
        }
        assert!(listeners.is_empty());
    }
}
