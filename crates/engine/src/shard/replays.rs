//! A stream that has missed something reads it from the log, page by page, as its client takes it.

use std::collections::VecDeque;

use sse_gateway_protocol::control::{self, GapReason};
use sse_gateway_protocol::{Position, Seq};

use super::Shard;
use crate::Key;
use crate::effect::Effect;
use crate::log::{Item, Page, PageSize, Reading, Start, Subscription, TopicId};
use crate::standing::{Later, Listening, Mode, Opening, Replay};
use crate::stream::Life;

/// The next page is read when the outbox holds less than this part of one.
const PAGE_PARTS: usize = 4;
/// A page is this part of itself when the outboxes are crowded.
const CROWDED_PAGE_PARTS: usize = 64;

impl Shard {
    /// A stream that opens begins to listen.
    pub(super) fn listen(&mut self, key: Key, start: Start) {
        let topics = start.topics.iter().enumerate();
        let topics: Vec<_> =
            topics.map(|(nth, subscription)| self.enter_topic(key, nth, subscription)).collect();
        if topics.is_empty() {
            return;
        }
        let mode = Mode::Replaying(Replay::opening(Opening { gap: start.gap, asked: start.asked }));
        let listening = Listening { since: start.since, cursor: start.cursor, topics, mode };
        self.set_listening(key, listening);
        self.ask_for_page(key);
    }

    pub(super) fn set_listening(&mut self, key: Key, listening: Listening) {
        if let Some(Life::Open { standing, .. }) = self.streams.get_mut(key).map(|stream| &mut stream.life) {
            standing.get_or_insert_default().listening = Some(listening);
        }
    }

    /// Says how much the next read may bring: little when the outboxes are crowded.
    #[must_use]
    pub fn page(&self) -> PageSize {
        let PageSize { items_max, bytes_max } = self.limits.page;
        let parts = if self.is_crowded() { CROWDED_PAGE_PARTS } else { 1 };
        PageSize { items_max: items_max.div_ceil(parts), bytes_max: bytes_max.div_ceil(parts) }
    }

    /// Queues a read for a replaying stream whose outbox has run low.
    pub(super) fn ask_for_page(&mut self, key: Key) {
        let page = self.page();
        let Some(stream) = self.streams.get_mut(key) else { return };
        let Life::Open { outbox, standing: Some(standing), .. } = &mut stream.life else { return };
        let low = outbox.bytes() <= page.bytes_max / PAGE_PARTS;
        if low
            && let Some(replay) = standing.listening.as_mut().and_then(Listening::replay_mut)
            && !std::mem::replace(&mut replay.read_queued, true)
        {
            self.effects.push(Effect::Read(key));
        }
    }

    pub(super) fn reads_next(&self, key: Key) -> bool {
        self.listening(key).and_then(Listening::replay).is_some_and(|replay| replay.read_queued)
    }

    /// Gives what a replaying stream has and wants, for the log; `None` when there is no such stream
    /// any more. The page that the log gives goes to [`replay`](Shard::replay), before anything else
    /// happens to the shard.
    pub fn reading(&mut self, key: Key) -> Option<Reading<'_>> {
        let listening = self.streams.get(key)?.standing()?.listening.as_ref()?;
        if listening.is_live() {
            return None;
        }
        let (since, cursor) = (listening.since, listening.cursor);
        self.asked.clear();
        self.asked.extend(listening.topics.iter().map(|listed| {
            let topic = self.listeners.name(listed.place.list);
            Subscription { topic: topic.id, name: topic.name.clone(), after: listed.after }
        }));
        Some(Reading { since, cursor, topics: &self.asked })
    }

    /// Takes a page of the log: a gap, if there is one, what comes next, and maybe the head.
    ///
    /// The next page is asked for when this one is written.
    pub fn replay(&mut self, key: Key, page: Page) {
        let Some(replay) = self.listening(key).and_then(Listening::replay) else { return };
        let opens = replay.opening.is_some();
        self.queue_flush(key);
        let first = page.items.first().map(number_of);
        let gap_to = self.tell_gap(key, &page.dropped, first, page.live_from);
        if opens {
            self.tell_start(key, gap_to, first);
        }
        for item in page.items {
            self.replay_item(key, item);
        }
        if let Some(head) = page.live_from {
            self.go_live(key, head);
        }
    }

    fn replay_item(&mut self, key: Key, item: Item) {
        if self.listening(key).is_none() {
            return;
        }
        self.advance(key, number_of(&item));
        match item {
            Item::Event { frame, .. } => {
                self.tally.replayed += 1;
                self.deliver(key, frame);
            }
            Item::Completed { topic, completion } => {
                if let Some(nth) = self.nth(key, topic)
                    && let Some(list) = self.listeners.find(&topic)
                {
                    let ending = self.ending(list, &completion);
                    self.complete(key, nth, &ending);
                }
            }
        }
    }

    /// What it gets next carries an id, which the client can resume from.
    fn advance(&mut self, key: Key, seq: Seq) {
        let Some(listening) = self.listening_mut(key) else { return };
        listening.cursor = listening.cursor.max(seq);
        if let Some(replay) = listening.replay_mut() {
            replay.placed = true;
        }
    }

    /// Says once for all that was lost what the client must know; gives where what follows begins.
    fn tell_gap(
        &mut self,
        key: Key,
        through: &[(TopicId, Seq)],
        first: Option<Seq>,
        head: Option<Seq>,
    ) -> Option<Seq> {
        let listening = self.streams.get_mut(key)?.listening_mut()?;
        let own = Position { epoch: self.epoch.clone(), seq: listening.cursor };
        let to = match first {
            Some(first) => first - 1,
            None => listening.caught_up_at(head.unwrap_or_default()),
        };
        let mut dropped = Vec::new();
        for listed in &mut listening.topics {
            let topic = self.listeners.name(listed.place.list);
            if let Some((_, through)) = through.iter().find(|(id, _)| *id == topic.id) {
                listed.after = listed.after.max(*through);
                dropped.push(topic.name.clone());
            }
        }
        let replay = listening.replay_mut()?;
        let (lost, asked) = match replay.opening.take() {
            Some(Opening { gap, asked }) => (gap, asked),
            None => (None, Some(own.to_string().into())),
        };
        if lost.is_none() && dropped.is_empty() {
            return None;
        }
        replay.placed = false;
        if lost.is_some() {
            let names =
                listening.topics.iter().map(|listed| self.listeners.name(listed.place.list).name.clone());
            dropped = names.collect();
        }
        let reason = lost.unwrap_or(GapReason::Expired);
        self.tally.gaps[reason as usize] += 1;
        self.deliver(key, control::gap(reason, &dropped, asked.as_deref(), (&self.epoch, to)));
        Some(to)
    }

    /// What was published after the stream began is live, though it is read: the client is told first
    /// where it stands.
    fn tell_start(&mut self, key: Key, gap_to: Option<Seq>, first: Option<Seq>) {
        let Some(since) = self.listening(key).map(|listening| listening.since) else { return };
        if first.is_some_and(|first| first > since) {
            self.place_at(key, gap_to.unwrap_or(since));
        }
    }

    /// Everything up to the head is in its outbox: what comes next is offered, or has waited.
    fn go_live(&mut self, key: Key, head: Seq) {
        let Some(listening) = self.listening_mut(key) else { return };
        let at = listening.caught_up_at(head);
        listening.cursor = at;
        let Mode::Replaying(replay) = std::mem::replace(&mut listening.mode, Mode::Live) else { return };
        if !replay.placed {
            self.place_at(key, at);
        }
        if !replay.later.is_empty() {
            self.get_to(key, replay.later);
        }
    }

    /// The first has its turn. Offers behind it have passed the stream by, so it reads on before the next.
    fn get_to(&mut self, key: Key, later: VecDeque<Later>) {
        self.changing.remove(&key);
        let mut later = later.into_iter();
        later.by_ref().take(1).for_each(|first| self.at_once(key, first));
        self.read_on(key);
        later.for_each(|next| self.in_order(key, next));
    }

    fn read_on(&mut self, key: Key) {
        if self.listening(key).is_some_and(Listening::is_live) {
            self.replay_again(key);
            self.ask_for_page(key);
        }
    }

    /// Tells the client where it stands, before an event does.
    pub(super) fn place_at(&mut self, key: Key, seq: Seq) {
        self.advance(key, seq);
        self.deliver(key, control::cursor((&self.epoch, seq)));
    }

    /// A live stream reads pages again, from where it stands; the log counts it out until then.
    pub(super) fn replay_again(&mut self, key: Key) {
        let Some(listening) = self.listening_mut(key) else { return };
        listening.mode = Mode::Replaying(Replay::again());
        let Some(listening) = self.listening(key) else { return };
        let lag = Effect::Lag { since: listening.since, topics: self.topic_ids(listening) };
        self.effects.push(lag);
    }
}

fn number_of(item: &Item) -> Seq {
    match item {
        Item::Event { seq, .. } => *seq,
        Item::Completed { completion, .. } => completion.seq,
    }
}
