//! Two shards, the log between them, and clients that read at their own pace.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use proptest::sample::Index;
use sse_gateway_engine::log::{Listener, Log, LogLimits, Offer, PageSize};
use sse_gateway_engine::{Attempt, Effect, Key, Limits, Shard, Tally, Time};
use sse_gateway_protocol::publish::Publish;
use sse_gateway_protocol::sse::Draft;
use sse_gateway_protocol::{Token, TopicName};

use super::heard::Heard;
use super::history::{DONE, History, Topic};
use super::{Place, Step, TOPICS, Wish, topic_name};
use crate::world::{epoch, event, heartbeat, limits};

pub(super) const SHARDS: usize = 2;
const PAGE: PageSize = PageSize { items_max: 3, bytes_max: 200 };

#[derive(Debug)]
pub(super) struct Client {
    pub(super) shard: usize,
    pub(super) key: Key,
    pub(super) token: Token,
    pub(super) wishes: Vec<Wish>,
    pub(super) cursor: Option<String>,
    pub(super) wire: Vec<u8>,
    pub(super) room: usize,
    pub(super) life: Life,
    /// It listens to these, or will when it gets to its changes; none of them twice.
    pub(super) topics: Vec<Topic>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Opening,
    Open,
    /// Told to go by its token, or cut, or gone.
    Over,
}

pub(super) struct Run {
    pub(super) shards: Vec<Shard>,
    pub(super) inboxes: [VecDeque<Offer>; SHARDS],
    pub(super) log: Log,
    pub(super) history: History,
    pub(super) clients: Vec<Client>,
    pub(super) by_key: HashMap<(usize, Key), usize>,
    pub(super) disk: bool,
    /// Whether retention drops nothing.
    pub(super) keeps_all: bool,
    /// Whether streams were changed or sent away: one that has not got to it yet may hear of a gap
    /// that lies behind.
    pub(super) disturbed: bool,
    pub(super) published: usize,
    pub(super) sent: u64,
    pub(super) now: Time,
}

impl Run {
    pub(super) fn new(disk: bool, topic_events_max: usize) -> Self {
        let limits = Limits {
            outbox_bytes_max: 500,
            outbox_bytes_total_max: 1 << 20,
            write_timeout: Duration::from_secs(3_000),
            page: PAGE,
            ..limits()
        };
        let log = LogLimits {
            topic_events_max,
            topic_bytes_max: 1 << 20,
            topic_age_max: Duration::from_secs(1 << 20),
            log_bytes_max: 1 << 30,
            topics_max: TOPICS,
            publish_bytes_max: 1 << 20,
        };
        let shard = |number| Shard::new(limits.clone(), heartbeat(), epoch(), number as u64);
        Self {
            shards: (0..SHARDS).map(shard).collect(),
            inboxes: Default::default(),
            log: Log::new(log, epoch(), 1),
            history: History::default(),
            clients: Vec::new(),
            by_key: HashMap::new(),
            disk,
            keeps_all: topic_events_max >= 1_000,
            disturbed: false,
            published: 0,
            sent: 0,
            now: Time::default(),
        }
    }

    pub(super) fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.shards.iter().map(Shard::tally)
    }

    pub(super) fn pick(&self, who: &Index) -> Option<usize> {
        (!self.clients.is_empty()).then(|| who.index(self.clients.len()))
    }

    pub(super) fn apply(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::Publish { topic, sizes, completes } => self.publish(*topic, sizes, *completes),
            Step::Commit => self.commit(),
            Step::Fail if self.disk => self.fail(),
            Step::Fail => {}
            Step::Connect { wishes, brings, room } => self.connect(wishes, brings, *room),
            Step::Answer(who) => self.answer(self.pick(who)?),
            Step::Change { who, add, remove } => self.change(self.pick(who)?, add, remove),
            Step::CloseTopic(topic) => self.close_topic(*topic),
            Step::CloseToken(who) => {
                let who = self.pick(who)?;
                let Client { shard, token, .. } = self.clients[who];
                if self.shards[shard].close(&token, "bye") {
                    self.clients[who].life = Life::Over;
                }
            }
            Step::Send(who) => self.send(self.pick(who)?),
            Step::Room { who, bytes } => {
                let who = self.pick(who)?;
                let client = &mut self.clients[who];
                client.room = client.room.saturating_add(*bytes);
                self.shards[client.shard].writable(client.key);
            }
            Step::Jam(who) => {
                let who = self.pick(who)?;
                self.clients[who].room = 0;
            }
            Step::Leave(who) => self.leave(self.pick(who)?),
            Step::Apply { shard, offers } => self.apply_offers(*shard, *offers),
            Step::Effects { shard, effects } => (0..*effects).for_each(|_| {
                self.carry_out_next(*shard);
            }),
            Step::Advance(millis) => self.advance(Duration::from_millis(*millis)),
        }
        Some(())
    }

    fn publish(&mut self, topic: Topic, sizes: &[usize], completes: bool) {
        let texts: Vec<String> = sizes
            .iter()
            .map(|size| {
                self.published += 1;
                format!("{} {} {}", topic_name(topic), self.published, "x".repeat(*size))
            })
            .collect();
        let events = texts.iter().map(|text| Draft::new(None, text)).collect();
        let publish = Publish::new(name(topic), events, None, completes.then(|| DONE.into()));
        if let Ok(published) = self.log.publish(&publish, self.now) {
            self.history.publish(topic, &texts, completes, published.position);
        } else {
            assert!(self.history.completion(topic).is_some(), "only a complete topic is refused");
        }
        self.commit_without_disk();
    }

    pub(super) fn commit_without_disk(&mut self) {
        if !self.disk {
            self.commit();
        }
    }

    pub(super) fn commit(&mut self) {
        self.log.commit(self.now);
        self.history.commit();
        self.take_offers();
    }

    fn fail(&mut self) {
        self.log.fail(self.now);
        self.history.fail();
        self.take_offers();
    }

    fn take_offers(&mut self) {
        while let Some((shard, offer)) = self.log.next_offer() {
            self.inboxes[shard].push_back(offer);
        }
    }

    fn send(&mut self, who: usize) {
        self.sent += 1;
        let Client { shard, token, .. } = self.clients[who];
        let frame = event(&format!("direct {}", self.sent));
        if self.shards[shard].send(&token, Some(&frame), false, Attempt::First)
            == sse_gateway_engine::Sent::WriteFirst(self.clients[who].key)
        {
            self.write(who, usize::MAX);
            self.shards[shard].send(&token, Some(&frame), false, Attempt::AfterWrite);
        }
    }

    fn leave(&mut self, who: usize) {
        let client = &mut self.clients[who];
        client.life = Life::Over;
        self.shards[client.shard].client_left(client.key);
    }

    pub(super) fn apply_offers(&mut self, shard: usize, offers: usize) {
        for _ in 0..offers {
            let Some(offer) = self.inboxes[shard].pop_front() else { return };
            self.shards[shard].apply(&offer);
        }
    }

    fn carry_out_next(&mut self, shard: usize) -> bool {
        let Some(effect) = self.shards[shard].next_effect() else { return false };
        match effect {
            Effect::Flush(key) => self.write(self.by_key[&(shard, key)], 120),
            Effect::Read(key) => {
                let Some(reading) = self.shards[shard].reading(key) else { return true };
                let page = self.log.read(Listener { shard, key }, reading, PAGE);
                self.shards[shard].replay(key, page);
            }
            Effect::Lag { since, topics } => self.log.lag(since, &topics),
            Effect::Leave { key, since, topics, live } => {
                self.log.leave(Listener { shard, key }, since, &topics, live, self.now);
            }
            Effect::Cut(key) => self.clients[self.by_key[&(shard, key)]].life = Life::Over,
            _ => {}
        }
        true
    }

    fn write(&mut self, who: usize, offered: usize) {
        let client = &mut self.clients[who];
        let shard = &mut self.shards[client.shard];
        let Some(pending) = shard.pending(client.key) else { return };
        let pending: Vec<u8> = pending.flatten().copied().collect();
        let offered = pending.len().min(offered);
        let taken = offered.min(client.room);
        client.wire.extend_from_slice(&pending[..taken]);
        client.room -= if client.room == usize::MAX { 0 } else { taken };
        shard.wrote(client.key, taken, taken < offered, self.now);
    }

    fn advance(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.shards.iter_mut().for_each(|shard| shard.tick(self.now));
    }

    /// What holds at any moment: what a client has heard is what it was to hear so far.
    pub(super) fn check(&self) {
        for who in 0..self.clients.len() {
            self.check_client(who, false);
        }
    }

    fn check_client(&self, who: usize, all: bool) {
        let client = &self.clients[who];
        let heard = Heard::read(&client.wire);
        let told = self.history.told(who);
        let missed = match heard.check(&told, all, !self.disturbed) {
            Ok(missed) => missed,
            Err(error) => panic!("stream {who}: {error}\n{heard:#?}\n{told:#?}"),
        };
        for (topic, seq) in missed {
            let retained = self.log.describe(&topic_name(topic)).and_then(|described| described.retained);
            assert!(
                retained.is_none_or(|(first, _)| seq < first),
                "{topic} still has {seq}, and {who} misses it"
            );
        }
        assert!(
            !self.keeps_all || client.cursor.is_some() || self.begins_in_the_future(who) || heard.gaps() == 0
        );
    }

    fn begins_in_the_future(&self, who: usize) -> bool {
        self.clients[who].wishes.iter().any(|wish| matches!(wish.from, Place::At(_)))
    }

    fn settle(&mut self) {
        let mut busy = true;
        while busy {
            busy = false;
            for shard in 0..SHARDS {
                busy |= !self.inboxes[shard].is_empty();
                self.apply_offers(shard, usize::MAX);
                while self.carry_out_next(shard) {
                    busy = true;
                }
            }
        }
    }

    /// Everybody reads on; then everybody goes.
    pub(super) fn finish(&mut self) {
        self.commit();
        for who in 0..self.clients.len() {
            self.answer(who);
            let client = &mut self.clients[who];
            client.room = usize::MAX;
            self.shards[client.shard].writable(client.key);
        }
        self.commit();
        self.settle();
        for who in 0..self.clients.len() {
            let kept_on = self.clients[who].life == Life::Open;
            self.check_client(who, kept_on);
        }
        for topic in 0..TOPICS {
            let listening = |who: &usize| {
                let client = &self.clients[*who];
                self.shards[client.shard].is_open(&client.token).is_some()
                    && client.topics.contains(&topic)
                    && !self.completion_heard(*who, topic)
            };
            let count = (0..self.clients.len()).filter(listening).count();
            assert_eq!(self.receivers(topic), count, "{topic}");
        }
        for who in 0..self.clients.len() {
            self.leave(who);
        }
        self.settle();
        assert_eq!((0..TOPICS).map(|topic| self.receivers(topic)).sum::<usize>(), 0);
        for shard in &self.shards {
            let tally = shard.tally();
            assert_eq!(tally.events_accepted, tally.events_written + tally.undelivered.iter().sum::<u64>());
            assert_eq!(shard.outbox_bytes(), 0);
        }
    }

    fn completion_heard(&self, who: usize, topic: Topic) -> bool {
        self.history
            .told(who)
            .iter()
            .any(|told| matches!(told, super::history::Told::TopicClose { topic: of, .. } if *of == topic))
    }

    fn receivers(&self, topic: Topic) -> usize {
        self.log.describe(&topic_name(topic)).map_or(0, |described| described.receivers)
    }
}

pub(super) fn name(topic: Topic) -> TopicName {
    TopicName::parse(&topic_name(topic)).expect("a topic name")
}
