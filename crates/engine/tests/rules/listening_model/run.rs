//! Two shards, the log between them, and clients that read at their own pace.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use proptest::sample::Index;
use sse_gateway_engine::log::{Listened, Listener, Log, LogLimits, Offer, PageSize};
use sse_gateway_engine::{Accepted, Answer, Attempt, Effect, Key, Limits, Shard, Tally, Then, Time};
use sse_gateway_protocol::callback::{From, TopicWish};
use sse_gateway_protocol::publish::Publish;
use sse_gateway_protocol::sse::Draft;
use sse_gateway_protocol::{Epoch, Position, Seq, Token, TopicName};

use super::heard::Heard;
use super::history::{CLOSED, DONE, History, Topic};
use super::{Brings, Place, Step, TOPICS, Wish, topic_name};
use crate::world::{epoch, event, heartbeat, limits, opening};

pub(super) const SHARDS: usize = 2;
const PAGE: PageSize = PageSize { items_max: 3, bytes_max: 200 };

#[derive(Debug)]
struct Client {
    shard: usize,
    key: Key,
    token: Token,
    wishes: Vec<Wish>,
    cursor: Option<String>,
    wire: Vec<u8>,
    room: usize,
    life: Life,
    /// It listens to these, or will when it gets to its changes; none of them twice.
    topics: Vec<Topic>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Opening,
    Open,
    /// Told to go by its token, or cut, or gone.
    Over,
}

pub(super) struct Run {
    shards: Vec<Shard>,
    inboxes: [VecDeque<Offer>; SHARDS],
    log: Log,
    history: History,
    clients: Vec<Client>,
    by_key: HashMap<(usize, Key), usize>,
    disk: bool,
    /// Whether retention drops nothing.
    keeps_all: bool,
    /// Whether streams were changed or sent away: one that has not got to it yet may hear of a gap
    /// that lies behind.
    disturbed: bool,
    published: usize,
    sent: u64,
    now: Time,
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

    fn pick(&self, who: &Index) -> Option<usize> {
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

    fn commit_without_disk(&mut self) {
        if !self.disk {
            self.calm();
        }
    }

    fn commit(&mut self) {
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

    fn connect(&mut self, wishes: &[Wish], brings: &Brings, room: usize) {
        let number = self.clients.len();
        let mut bytes = [0x5a; 16];
        bytes[8..].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let token = Token::from_random_bytes(bytes);
        let shard = number % SHARDS;
        let key = self.shards[shard].connect(token, "".into());
        let cursor = self.cursor(brings);
        let mut wanted: Vec<Wish> = Vec::new();
        for wish in wishes {
            if wanted.iter().all(|other| other.topic != wish.topic) {
                wanted.push(wish.clone());
            }
        }
        self.by_key.insert((shard, key), number);
        let (wire, life, topics) = (Vec::new(), Life::Opening, Vec::new());
        self.clients.push(Client { shard, key, token, wishes: wanted, cursor, wire, room, life, topics });
    }

    fn cursor(&self, brings: &Brings) -> Option<String> {
        let at = |seq| Position { epoch: epoch(), seq }.to_string();
        Some(match brings {
            Brings::Nothing => return None,
            Brings::LastOf(who) => at(Heard::read(&self.clients[self.pick(who)?].wire).last_id()?),
            Brings::At(index) => at(index.index(self.log.newest() as usize + 1) as Seq),
            Brings::Future => at(1 << 40),
            Brings::OtherLife => Position { epoch: Epoch::from_random(7), seq: 1 }.to_string(),
            Brings::Nonsense => "nonsense".into(),
        })
    }

    fn answer(&mut self, who: usize) {
        let Client { shard, key, .. } = self.clients[who];
        let was_open = self.clients[who].life == Life::Opening;
        let subscribes = self.shards[shard].awaits_answer(key) && !self.clients[who].wishes.is_empty();
        let then = if subscribes { self.listen(who) } else { Ok(Then::Stay) };
        let answer = match then {
            Ok(then) => Answer::Accepted(Accepted { then, ..opening(None) }),
            Err(over) => over,
        };
        if self.shards[shard].answered(key, answer, self.now).is_some() && was_open {
            self.clients[who].life = Life::Open;
        }
        self.commit_without_disk();
    }

    /// Subscribes a stream, and says above which numbers it is to hear its topics.
    fn listen(&mut self, who: usize) -> Result<Then, Answer> {
        if self.clients[who].wishes.iter().any(|wish| wish.exclusive || self.history.is_held(wish.topic)) {
            self.calm();
        }
        let newest = self.log.newest();
        let client = &self.clients[who];
        let cursor = client.cursor.clone();
        let places: Vec<From> = client
            .wishes
            .iter()
            .map(|wish| match place(&wish.from, newest) {
                From::At(position)
                    if self.history.completion(wish.topic).is_some_and(|seq| seq <= position.seq) =>
                {
                    From::Now
                }
                other => other,
            })
            .collect();
        let wishes: Vec<TopicWish> = client
            .wishes
            .iter()
            .zip(&places)
            .map(|(wish, from)| TopicWish {
                name: name(wish.topic),
                from: from.clone(),
                exclusive: wish.exclusive,
                if_missing: None,
            })
            .collect();
        let listener = Listener { shard: client.shard, key: client.key };
        let listened = self.log.listen(&wishes, cursor.as_deref().map(str::as_bytes), listener, self.now);
        let since = self.log.newest();
        let at = cursor.map(|cursor| Position::parse(cursor.as_bytes()));
        let mut topics = Vec::new();
        let mut exclusive = Vec::new();
        for (wish, from) in client.wishes.iter().zip(&places) {
            let completion = self.history.completion(wish.topic);
            let now_is = completion.map_or(since, |seq| since.min(seq - 1));
            let after = match (&at, from) {
                (Some(None), _) => 0,
                (Some(Some(position)), _) if position.epoch != epoch() => 0,
                (Some(Some(position)), _) if position.seq > newest => now_is,
                (Some(Some(position)), _) if completion.is_some_and(|seq| seq <= position.seq) => continue,
                (Some(Some(position)), _) => position.seq,
                (None, From::Start) => 0,
                (None, From::Last) => self.history.newest(wish.topic).map_or(now_is, |seq| seq - 1),
                (None, From::At(position)) => position.seq.min(now_is),
                (None, _) => now_is,
            };
            topics.push((wish.topic, after));
            exclusive.extend(wish.exclusive.then_some(wish.topic));
        }
        match listened {
            Ok(Listened::Listening(start)) => {
                assert_eq!(start.since, since);
                self.clients[who].topics = topics.iter().map(|(topic, _)| *topic).collect();
                self.history.listen(who, since, topics, &exclusive);
                self.disturbed |= !exclusive.is_empty();
                Ok(Then::Listen(start))
            }
            Ok(Listened::Over) => {
                assert!(topics.is_empty(), "something is left to hear: {topics:?}");
                Err(Answer::Over)
            }
            other => panic!("{other:?}"),
        }
    }

    fn change(&mut self, who: usize, add: &[Topic], remove: &[Topic]) {
        let client = &mut self.clients[who];
        let remove: Vec<Topic> =
            remove.iter().copied().filter(|topic| client.topics.contains(topic)).collect();
        let fresh = |topic: &Topic| !client.topics.contains(topic);
        let mut add: Vec<Topic> = add.iter().copied().filter(fresh).collect();
        add.sort_unstable();
        add.dedup();
        if self.shards[client.shard].is_open(&client.token) != Some(client.key) {
            return;
        }
        if add.iter().any(|topic| self.history.is_held(*topic)) {
            self.calm();
        }
        let client = &mut self.clients[who];
        let wishes: Vec<TopicWish> = add.iter().map(|topic| TopicWish::to(name(*topic))).collect();
        let names: Vec<TopicName> = remove.iter().map(|topic| name(*topic)).collect();
        let listener = Listener { shard: client.shard, key: client.key };
        if let Ok(at) = self.log.change(listener, &wishes, &names, self.now) {
            client.topics.retain(|topic| !remove.contains(topic));
            client.topics.extend(&add);
            self.history.change(who, at, add, remove);
            self.disturbed = true;
        }
        self.commit_without_disk();
    }

    fn calm(&mut self) {
        self.commit();
        (0..SHARDS).for_each(|shard| self.apply_offers(shard, usize::MAX));
    }

    fn close_topic(&mut self, topic: Topic) {
        self.calm();
        if self.log.close_listeners(&topic_name(topic), &CLOSED.into(), self.now).is_ok() {
            self.history.close(topic, self.log.newest());
            self.disturbed = true;
        }
        self.commit_without_disk();
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

    fn apply_offers(&mut self, shard: usize, offers: usize) {
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

fn name(topic: Topic) -> TopicName {
    TopicName::parse(&topic_name(topic)).expect("a topic name")
}

fn place(place: &Place, newest: Seq) -> From {
    match place {
        Place::Now => From::Now,
        Place::Start => From::Start,
        Place::Last => From::Last,
        Place::At(index) => {
            From::At(Position { epoch: epoch(), seq: index.index(newest as usize + 1) as Seq })
        }
    }
}
