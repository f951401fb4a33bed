//! Who listens to what, and from where.

use std::sync::Arc;

use sse_gateway_protocol::callback::{From, TopicWish};
use sse_gateway_protocol::control::GapReason;
use sse_gateway_protocol::{Position, Seq};

use super::staging::{Appended, Staged};
use super::topic::Topic;
use super::types::{Listened, Listener, Offer, Start, Subscription, TopicId};
use super::{Log, Refused};
use crate::Time;

/// What a client's cursor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cursor {
    /// It brought none.
    None,
    /// It has everything up to here.
    At(Seq),
    /// It names nothing of this log.
    Lost(GapReason),
}

/// A cursor is quoted in a gap up to here; a longer one names no position.
const CURSOR_QUOTED_BYTES_MAX: usize = 64;

impl Log {
    /// Subscribes a stream that is about to open to its topics, each by its `from` or, if the client
    /// brought a cursor, all from there. Topics that are missing are made.
    ///
    /// # Errors
    /// That there are too many topics.
    pub fn listen(
        &mut self,
        wishes: &[TopicWish],
        cursor: Option<&[u8]>,
        listener: Listener,
        now: Time,
    ) -> Result<Listened, Refused> {
        let missing = |wish: &&TopicWish| self.topics.find(wish.name.as_str()).is_none();
        if let Some(told) = wishes.iter().filter(missing).find_map(|wish| wish.if_missing.clone()) {
            return Ok(Listened::Missing(told));
        }
        let at = self.read_cursor(cursor);
        let wishes: Vec<&TopicWish> = wishes.iter().filter(|wish| !self.is_behind(wish, at)).collect();
        if wishes.is_empty() {
            return Ok(Listened::Over);
        }
        self.check_room(&wishes)?;
        let newest = self.newest();
        let since = self.number();
        let mut start = Start {
            since,
            cursor: if let Cursor::At(seq) = at { seq } else { 0 },
            topics: Vec::with_capacity(wishes.len()),
            gap: if let Cursor::Lost(reason) = at { Some(reason) } else { None },
            asked: cursor.filter(|_| at != Cursor::None).map(quoted),
        };
        for wish in wishes {
            let topic = self.enter(wish, listener, since, now)?;
            // The client's cursor wins over what the backend says.
            let begins = match (at, &wish.from) {
                (Cursor::None, From::At(position)) => {
                    let at = self.judge(position, newest);
                    if let Cursor::Lost(reason) = at {
                        start.gap.get_or_insert(reason);
                        start.asked.get_or_insert_with(|| position.to_string().into());
                    }
                    at
                }
                _ => at,
            };
            let after = self.topics.get(topic).map_or(since, |topic| {
                let after = begins_after(topic, &wish.from, begins, since);
                // Only a client that has heard the end of a topic is not told again.
                if at == Cursor::None { after.min(topic.now_is(since)) } else { after }
            });
            start.topics.push(Subscription { topic, name: wish.name.clone(), after });
        }
        Ok(Listened::Listening(start))
    }

    /// Closes every stream that listens to a topic; the topic goes on. Gives how many that are.
    ///
    /// # Errors
    /// That there is no such topic.
    pub fn close_listeners(&mut self, name: &str, reason: &Arc<str>, now: Time) -> Result<usize, Refused> {
        let id = self.topics.find(name).ok_or(Refused::NotFound)?;
        let count = self.topics.get(id).map_or(0, |topic| topic.listeners.receivers());
        let at = self.number();
        let offer = Offer::Closed { topic: id, at, reason: Arc::clone(reason) };
        self.send_away(id, at, &offer, now);
        Ok(count)
    }

    /// A stream does not listen to these topics any more; one that was sent away before is not counted
    /// twice. `live` tells whether it had caught up.
    pub fn leave(&mut self, listener: Listener, since: Seq, topics: &[TopicId], live: bool, now: Time) {
        self.changing.applied(listener, since);
        for id in topics {
            let removed = self.changing.has_left(listener, *id, since);
            let Some(topic) = self.topics.get_mut(*id) else { continue };
            if topic.listeners.leave(listener, since, live, removed) {
                topic.touch(now);
            }
            self.topics.watch_or_forget(*id, &self.limits);
        }
    }

    /// A live stream has fallen behind: it reads pages again.
    pub fn lag(&mut self, since: Seq, topics: &[TopicId]) {
        for id in topics {
            if let Some(topic) = self.topics.get_mut(*id) {
                topic.listeners.fall_behind(since);
            }
        }
    }

    pub(super) fn enter(
        &mut self,
        wish: &TopicWish,
        listener: Listener,
        at: Seq,
        now: Time,
    ) -> Result<TopicId, Refused> {
        let id = match self.topics.find(wish.name.as_str()) {
            Some(id) => id,
            None => self.make_topic(&wish.name, now)?,
        };
        let gives_way = |topic: &Topic| topic.listeners.gives_way_to(listener, wish.exclusive);
        if self.topics.get(id).is_some_and(gives_way) {
            self.send_away(id, at, &Offer::Replaced { topic: id, at }, now);
        }
        if let Some(topic) = self.topics.get_mut(id) {
            topic.touch(now);
            topic.listeners.enter(listener, wish.exclusive);
        }
        self.expect_staged(id, listener.shard);
        Ok(id)
    }

    /// A newcomer reads what has taken effect; what is staged comes to it as an offer, if it wants it.
    fn expect_staged(&mut self, id: TopicId, shard: usize) {
        for staged in &mut self.staged {
            if let Staged::Published(Appended { entry, shards, .. }) = staged
                && entry.topic == id
                && !shards.contains(&shard)
            {
                shards.push(shard);
            }
        }
    }

    fn send_away(&mut self, id: TopicId, at: Seq, offer: &Offer, now: Time) {
        let Some(topic) = self.topics.get_mut(id) else { return };
        topic.touch(now);
        let shards: Vec<usize> = topic.listeners.shards().collect();
        topic.listeners.send_away(at);
        self.stage_offers(shards, offer);
        self.topics.watch(id, &self.limits);
    }

    pub(super) fn check_room(&self, wishes: &[&TopicWish]) -> Result<(), Refused> {
        let missing = wishes.iter().filter(|wish| self.topics.find(wish.name.as_str()).is_none()).count();
        let fits = missing == 0 || self.topics.len() + missing <= self.limits.topics_max;
        if fits { Ok(()) } else { Err(Refused::TopicsFull) }
    }

    fn is_behind(&self, wish: &TopicWish, at: Cursor) -> bool {
        let found = self.topics.find(wish.name.as_str()).and_then(|id| self.topics.get(id));
        match (at, found.and_then(Topic::completion)) {
            (Cursor::At(cursor), Some(completion)) => completion.seq <= cursor,
            _ => false,
        }
    }

    fn read_cursor(&self, cursor: Option<&[u8]>) -> Cursor {
        match cursor {
            None | Some(b"") => Cursor::None,
            Some(text) => match Position::parse(text) {
                None => Cursor::Lost(GapReason::Unknown),
                Some(position) => self.judge(&position, self.newest()),
            },
        }
    }

    fn judge(&self, position: &Position, newest: Seq) -> Cursor {
        if position.epoch != self.epoch {
            Cursor::Lost(GapReason::Epoch)
        } else if position.seq > newest {
            Cursor::Lost(GapReason::Future)
        } else {
            Cursor::At(position.seq)
        }
    }
}

/// Says what a topic has that is not for this stream, or that its cursor does not say.
fn begins_after(topic: &Topic, from: &From, at: Cursor, since: Seq) -> Seq {
    match (at, from) {
        (Cursor::At(seq), _) => seq,
        // The log went backwards: nothing that it has is known to be new.
        (Cursor::Lost(GapReason::Future), _) => topic.now_is(since),
        (Cursor::Lost(_), _) => topic.dropped_through(),
        (Cursor::None, From::Start) => topic.inherited(),
        (Cursor::None, From::Undelivered) => topic.inherited().max(topic.handed_through()),
        (Cursor::None, From::Last) => topic.before_newest(since),
        (Cursor::None, From::Now | From::At(_)) => topic.now_is(since),
    }
}

/// Quotes a cursor that may be anything.
fn quoted(cursor: &[u8]) -> Box<str> {
    let text = String::from_utf8_lossy(&cursor[..cursor.len().min(CURSOR_QUOTED_BYTES_MAX)]);
    text.into_owned().into()
}
