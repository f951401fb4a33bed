//! The whole log against a list: random publishes, streams that come and go, slow readers, a clock.
//!
//! A stream's driver in here is as dumb as a shard may be: it reads pages until it is live, then takes
//! offers above its cursor. Whatever happens, it must see just what the list holds above its start, or
//! be told of a gap.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use proptest::sample::Index;
use sse_gateway_engine::log::{Heard, Listener, LogLimits, Offer, Subscription, TopicId};
use sse_gateway_protocol::Seq;
use sse_gateway_protocol::callback::From;

use crate::desk::{Desk, Stream, completing, exclusive, from, limits, number, position, publish, text};

const TOPICS: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug)]
enum Step {
    Publish {
        topic: usize,
        events: usize,
        close: bool,
    },
    Listen {
        topics: Vec<usize>,
        from: u8,
        cursor: Option<Index>,
        exclusive: bool,
    },
    Read {
        who: Index,
        items_max: usize,
    },
    /// The shard applies what it was offered.
    Apply,
    Lag(Index),
    Leave(Index),
    /// It comes back with its cursor.
    Return(Index),
    /// It listens to one topic more.
    Add {
        who: Index,
        topic: usize,
    },
    Delete(usize),
    Fail {
        topic: usize,
    },
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let topic = || 0..TOPICS.len();
    prop_oneof![
        6 => (topic(), 0..4usize, prop::bool::weighted(0.05))
            .prop_map(|(topic, events, close)| Step::Publish { topic, events, close }),
        3 => (
            prop::sample::subsequence((0..TOPICS.len()).collect::<Vec<_>>(), 1..3),
            0..4u8,
            prop::option::weighted(0.3, any::<Index>()),
            prop::bool::weighted(0.2)
        )
            .prop_map(|(topics, from, cursor, exclusive)| Step::Listen { topics, from, cursor, exclusive }),
        6 => (any::<Index>(), 1..5usize).prop_map(|(who, items_max)| Step::Read { who, items_max }),
        4 => Just(Step::Apply),
        1 => any::<Index>().prop_map(Step::Lag),
        1 => any::<Index>().prop_map(Step::Leave),
        2 => any::<Index>().prop_map(Step::Return),
        2 => (any::<Index>(), topic()).prop_map(|(who, topic)| Step::Add { who, topic }),
        1 => topic().prop_map(Step::Delete),
        1 => topic().prop_map(|topic| Step::Fail { topic }),
        1 => (1..400u64).prop_map(Step::Wait),
    ]
}

/// A stream as its shard sees it, and what it may rely on.
#[derive(Debug)]
struct Client {
    stream: Stream,
    live: bool,
    gone: bool,
    /// The topics that it still listens to, with the bound that was promised when it began.
    topics: BTreeMap<TopicId, (&'static str, Seq)>,
    /// Every number that it has seen, and the numbers through which a gap was reported.
    seen: Vec<Seq>,
}

struct World {
    desk: Desk,
    /// Every event that took effect, by topic life.
    history: HashMap<TopicId, Vec<Seq>>,
    clients: Vec<Client>,
    texts: u64,
}

impl World {
    fn new() -> Self {
        let limits = LogLimits { topic_events_max: 6, topics_max: 4, ..limits() };
        Self { desk: Desk::with(limits), history: HashMap::new(), clients: Vec::new(), texts: 0 }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Publish { topic, events, close } => self.publish(topic, events, close),
            Step::Listen { topics, from, cursor, exclusive } => self.listen(&topics, from, cursor, exclusive),
            Step::Read { who, items_max } => self.with_replaying(&who, |world, at| world.read(at, items_max)),
            Step::Apply => self.apply(),
            Step::Lag(who) => self.lag(&who),
            Step::Leave(who) => self.with_present(&who, Self::leave),
            Step::Return(who) => self.with_present(&who, |world, at| {
                world.leave(at);
                world.come_back(at);
            }),
            Step::Add { who, topic } => self.with_present(&who, |world, at| {
                let listener = world.clients[at].stream.listener;
                let wish = from(TOPICS[topic], From::Now);
                let _ = world.desk.log.change(listener, &[wish], &[], &Heard::default(), world.desk.now);
                world.desk.log.commit(world.desk.now);
            }),
            Step::Delete(topic) => {
                if self.desk.log.describe(TOPICS[topic]).is_some() {
                    // What is deleted may be missed.
                    let id = self.id_of(topic);
                    self.history.remove(&id);
                }
                let _ = self.desk.log.delete(TOPICS[topic]);
                self.desk.log.commit(self.desk.now);
            }
            Step::Fail { topic } => {
                let _ = self.desk.log.publish(&publish(TOPICS[topic], &["lost"]), self.desk.now);
                self.desk.log.fail(self.desk.now);
            }
            Step::Wait(seconds) => self.desk.wait(seconds),
        }
        self.collect_offers_if_nobody_applies();
    }

    fn publish(&mut self, topic: usize, events: usize, close: bool) {
        let texts: Vec<String> = (0..events).map(|_| self.next_text()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let what = if close { completing(TOPICS[topic], &texts) } else { publish(TOPICS[topic], &texts) };
        let Ok(published) = self.desk.try_publish(&what) else { return };
        // A completion takes the last number, a publish of nothing its own.
        let last = published.position - u64::from(close || events == 0);
        let id = self.id_of(topic);
        let numbers = (0..events as u64).map(|back| last - back);
        let mut numbers: Vec<Seq> = numbers.collect();
        numbers.reverse();
        self.history.entry(id).or_default().extend(numbers);
    }

    fn next_text(&mut self) -> String {
        self.texts += 1;
        self.texts.to_string()
    }

    fn id_of(&self, topic: usize) -> TopicId {
        self.desk.log.find(TOPICS[topic]).expect("it was just published to")
    }

    fn listen(&mut self, topics: &[usize], at: u8, cursor: Option<Index>, alone: bool) {
        let newest = self.desk.log.newest();
        let cursor = cursor.map(|cursor| position(cursor.index(newest as usize + 1) as Seq));
        let wish = |topic: &usize| {
            let from_ = [From::Now, From::Start, From::Last, From::Undelivered][usize::from(at)].clone();
            if alone { exclusive(TOPICS[*topic], from_) } else { from(TOPICS[*topic], from_) }
        };
        let wishes: Vec<_> = topics.iter().map(wish).collect();
        let (listener, listened) = self.desk.try_listen(&wishes, cursor.as_deref());
        if let Ok(sse_gateway_engine::log::Listened::Listening(start)) = listened {
            self.enter(Stream { listener, cursor: start.cursor, start });
        }
    }

    fn enter(&mut self, stream: Stream) {
        let topics = stream.start.topics.iter().map(|it| {
            let known = TOPICS.iter().find(|topic| **topic == it.name.as_str()).expect("one of ours");
            (it.topic, (*known, it.after.max(stream.start.cursor)))
        });
        let topics = topics.collect();
        self.clients.push(Client { stream, live: false, gone: false, topics, seen: Vec::new() });
    }

    fn with_present(&mut self, who: &Index, act: impl FnOnce(&mut Self, usize)) {
        let present: Vec<usize> = (0..self.clients.len()).filter(|at| !self.clients[*at].gone).collect();
        if !present.is_empty() {
            let at = *who.get(&present);
            act(self, at);
        }
    }

    fn with_replaying(&mut self, who: &Index, act: impl FnOnce(&mut Self, usize)) {
        self.with_present(who, |world, at| {
            if !world.clients[at].live {
                act(world, at);
            }
        });
    }

    fn read(&mut self, at: usize, items_max: usize) {
        let client = &mut self.clients[at];
        client.stream.start.topics.retain(|topic| client.topics.contains_key(&topic.topic));
        let page = self.desk.read_page(&mut client.stream, items_max);
        client.live |= page.live_from.is_some();
        for (topic, through) in &page.dropped {
            let (_, bound) = client.topics.get_mut(topic).expect("its own topic");
            assert!(*bound < *through, "a gap where there is none");
            *bound = *through;
        }
        let mut ended = Vec::new();
        for item in &page.items {
            match item {
                sse_gateway_engine::log::Item::Event { seq, .. } => client.see(*seq, &text(item)),
                sse_gateway_engine::log::Item::Completed { topic, .. } => ended.push((*topic, number(item))),
            }
        }
        for (topic, at_seq) in ended {
            self.end_topic(at, topic, at_seq);
        }
    }

    fn end_topic(&mut self, at: usize, topic: TopicId, seq: Seq) {
        self.check_complete(at, topic, seq);
        let client = &mut self.clients[at];
        client.topics.remove(&topic);
        let (listener, since, live) = (client.stream.listener, client.stream.start.since, client.live);
        client.gone = client.topics.is_empty();
        self.desk.log.leave(listener, since, &[topic], live, self.desk.now);
    }

    /// Everything of the topic between the client's bound and here was seen.
    fn check_complete(&self, at: usize, topic: TopicId, through: Seq) {
        let client = &self.clients[at];
        let Some((name, after)) = client.topics.get(&topic) else { return };
        let history = self.history.get(&topic).map(Vec::as_slice).unwrap_or_default();
        for seq in history.iter().filter(|seq| **seq > *after && **seq <= through) {
            assert!(client.seen.contains(seq), "{name} {seq} was lost (after {after}, through {through})");
        }
    }

    fn take_offers(&mut self, mut act: impl FnMut(Offer)) {
        for (shard, offer) in self.desk.offers() {
            act(offer.clone());
            self.apply_one(shard, &offer);
        }
    }

    fn apply(&mut self) {
        self.take_offers(|_| {});
    }

    fn collect_offers_if_nobody_applies(&mut self) {
        if self.clients.iter().all(|client| client.gone) {
            self.apply();
        }
    }

    fn apply_one(&mut self, shard: usize, offer: &Offer) {
        if let Offer::Changed { key, at, add, .. } = offer {
            return self.change(Listener { shard, key: *key }, *at, add);
        }
        for at in 0..self.clients.len() {
            let client = &self.clients[at];
            if client.gone || client.stream.listener.shard != shard {
                continue;
            }
            match offer {
                Offer::Published(entry) if client.topics.contains_key(&entry.topic) && client.live => {
                    let above = client.stream.cursor;
                    for (seq, _) in entry.events.iter().filter(|(seq, _)| *seq > above) {
                        self.clients[at].see(*seq, "");
                        self.clients[at].stream.cursor = *seq;
                    }
                    if let Some(completion) = entry.completion.as_ref().filter(|it| it.seq > above) {
                        self.clients[at].stream.cursor = completion.seq;
                        self.end_topic(at, entry.topic, completion.seq);
                    }
                }
                Offer::Replaced { topic, at: number } | Offer::Closed { topic, at: number, .. }
                    if client.topics.contains_key(topic) && client.stream.start.since < *number =>
                {
                    self.leave(at);
                }
                _ => {}
            }
        }
    }

    /// What is added is read from there on; a topic that it has already is given back once.
    fn change(&mut self, listener: Listener, seq: Seq, add: &[Subscription]) {
        let Some(at) = self.clients.iter().position(|it| it.stream.listener == listener && !it.gone) else {
            let topics: Vec<TopicId> = add.iter().map(|added| added.topic).collect();
            return self.desk.log.leave(listener, seq, &topics, false, self.desk.now);
        };
        self.fall_behind(at);
        let client = &mut self.clients[at];
        client.stream.start.since = seq;
        for added in add {
            let known = TOPICS.iter().find(|topic| **topic == added.name.as_str()).expect("one of ours");
            match client.topics.entry(added.topic) {
                Entry::Occupied(_) => {
                    self.desk.log.leave(listener, seq, &[added.topic], false, self.desk.now);
                }
                Entry::Vacant(place) => {
                    place.insert((known, added.after));
                    client.stream.start.topics.push(added.clone());
                }
            }
        }
    }

    fn fall_behind(&mut self, at: usize) {
        let client = &mut self.clients[at];
        if std::mem::take(&mut client.live) {
            let topics: Vec<TopicId> = client.topics.keys().copied().collect();
            self.desk.log.lag(client.stream.start.since, &topics);
        }
    }

    fn lag(&mut self, who: &Index) {
        self.with_present(who, Self::fall_behind);
    }

    fn leave(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.gone = true;
        let topics: Vec<TopicId> = client.topics.keys().copied().collect();
        let (listener, since, live) = (client.stream.listener, client.stream.start.since, client.live);
        self.desk.log.leave(listener, since, &topics, live, self.desk.now);
    }

    fn come_back(&mut self, at: usize) {
        let client = &self.clients[at];
        let cursor = position(client.seen.last().copied().unwrap_or(client.stream.cursor));
        // A deleted topic and the one made after it have one name.
        let names: BTreeSet<&str> = client.topics.values().map(|(topic, _)| *topic).collect();
        let wishes: Vec<_> = names.into_iter().map(|topic| from(topic, From::Now)).collect();
        let (listener, listened) = self.desk.try_listen(&wishes, Some(&cursor));
        if let Ok(sse_gateway_engine::log::Listened::Listening(start)) = listened {
            assert_eq!(start.gap, None, "its cursor is of this life");
            self.enter(Stream { listener, cursor: start.cursor, start });
        }
    }

    /// At the end of everything each client reads and applies to the head, and has missed nothing.
    fn settle(&mut self) {
        self.apply();
        for at in 0..self.clients.len() {
            while !self.clients[at].gone && !self.clients[at].live {
                self.read(at, 3);
            }
        }
        let head = self.desk.log.newest();
        for at in 0..self.clients.len() {
            let topics: Vec<TopicId> = self.clients[at].topics.keys().copied().collect();
            for topic in topics.iter().filter(|_| !self.clients[at].gone) {
                self.check_complete(at, *topic, head);
            }
        }
        for at in 0..self.clients.len() {
            if !self.clients[at].gone {
                self.leave(at);
            }
        }
        for topic in TOPICS {
            assert_eq!(self.desk.receivers(topic), 0, "{topic} has a listener that is gone");
        }
        self.desk.wait(10_000);
        self.desk.wait(10_000);
        assert_eq!((self.desk.log.census().topics, self.desk.log.census().bytes), (0, 0));
    }
}

impl Client {
    fn see(&mut self, seq: Seq, _text: &str) {
        assert!(self.seen.last().is_none_or(|last| *last < seq), "{seq} after {:?}", self.seen.last());
        self.seen.push(seq);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn every_stream_gets_all_above_its_start_once_and_in_order_or_a_gap(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
        }
        world.settle();
    }
}
