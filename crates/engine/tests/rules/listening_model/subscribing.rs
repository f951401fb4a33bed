//! Streams open, change and are sent away, at the log and in the history.

use sse_gateway_engine::log::{Listened, Listener};
use sse_gateway_engine::{Accepted, Answer, Then};
use sse_gateway_protocol::callback::{From, TopicWish};
use sse_gateway_protocol::{Epoch, Position, Seq, Token, TopicName};

use super::heard::Heard;
use super::history::{CLOSED, Topic};
use super::run::{Client, Life, Run, SHARDS, name};
use super::{Brings, Place, Wish, topic_name};
use crate::world::{epoch, opening};

impl Run {
    pub(super) fn connect(&mut self, wishes: &[Wish], brings: &Brings, room: usize) {
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

    pub(super) fn answer(&mut self, who: usize) {
        let Client { shard, key, .. } = self.clients[who];
        let was_open = self.clients[who].life == Life::Opening;
        let subscribes = self.shards[shard].awaits_answer(key) && !self.clients[who].wishes.is_empty();
        let then = if subscribes { self.listen(who) } else { Some(Then::Stay) };
        let answer = match then {
            Some(then) => Answer::Accepted(Accepted { then, ..opening(None) }),
            None => Answer::Over,
        };
        if self.shards[shard].answered(key, answer, self.now).is_some() && was_open {
            self.clients[who].life = Life::Open;
        }
        self.commit_without_disk();
    }

    /// Subscribes a stream, and says above which numbers it is to hear its topics; `None` when all that
    /// is over.
    fn listen(&mut self, who: usize) -> Option<Then> {
        let newest = self.log.newest();
        let client = &self.clients[who];
        let cursor = client.cursor.clone();
        let places: Vec<From> = client.wishes.iter().map(|wish| place(&wish.from, newest)).collect();
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
                Some(Then::Listen(start))
            }
            Ok(Listened::Over) => {
                assert!(topics.is_empty(), "something is left to hear: {topics:?}");
                None
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn change(&mut self, who: usize, add: &[Topic], remove: &[Topic]) {
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
        let wishes: Vec<TopicWish> = add.iter().map(|topic| TopicWish::to(name(*topic))).collect();
        let names: Vec<TopicName> = remove.iter().map(|topic| name(*topic)).collect();
        let listener = Listener { shard: client.shard, key: client.key };
        let heard = self.shards[client.shard].heard(client.key);
        if let Ok(at) = self.log.change(listener, &wishes, &names, &heard, self.now) {
            client.topics.retain(|topic| !remove.contains(topic));
            client.topics.extend(&add);
            self.history.change(who, at, add, remove);
            self.disturbed = true;
        }
        self.commit_without_disk();
    }

    pub(super) fn close_topic(&mut self, topic: Topic) {
        if self.log.close_listeners(&topic_name(topic), &CLOSED.into(), self.now).is_ok() {
            self.history.close(topic, self.log.newest());
            self.disturbed = true;
        }
        self.commit_without_disk();
    }
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
