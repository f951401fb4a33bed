//! 2.4 in a storm: clients come, leave, come back and listen to something else while everything is published at
//! once. What each of them heard is compared with what was published.

use std::sync::Arc;

use serde_json::{Value, json};
use sse_gateway_testkit::{Endpoint, Position};
use tokio::task::JoinSet;

use crate::continuous::Continuous;
use crate::setup::Stage;

const TOPICS: u64 = 6;
const CLIENTS: u64 = 16;
const VISITS: u64 = 25;

/// The same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn topics(&mut self) -> Vec<u64> {
        let mut topics: Vec<_> = (0..TOPICS).filter(|_| self.below(2) == 0).collect();
        if topics.is_empty() {
            topics.push(self.below(TOPICS));
        }
        topics
    }
}

/// What one stream heard.
struct Heard {
    topics: Vec<u64>,
    /// Where it began: at the client's cursor or at that of the gateway.
    begin: Position,
    items: Vec<Item>,
}

enum Item {
    /// It misses something of these topics.
    Gap(Vec<u64>),
    Event(Position, String),
}

/// What was answered 200, in the order of the log: topic, position, data.
type Published = Vec<(u64, Position, String)>;

impl Heard {
    fn last(&self) -> &Position {
        let event = |item: &&Item| matches!(item, Item::Event(..));
        match self.items.iter().rfind(event) {
            Some(Item::Event(position, _)) => position,
            _ => &self.begin,
        }
    }

    /// Each event is the next one of all the topics, but for those that a gap named: of these the next may be any.
    fn assert_complete(&self, published: &Published) {
        let ours = |(topic, ..): &&(u64, Position, String)| self.topics.contains(topic);
        let mut following =
            published.iter().filter(ours).skip_while(|(_, position, _)| *position <= self.begin);
        let mut lost: Vec<u64> = Vec::new();
        for item in &self.items {
            match item {
                Item::Gap(topics) => lost.extend(topics),
                Item::Event(position, data) => loop {
                    let next = following.next().unwrap_or_else(|| panic!("{position} was never published"));
                    let (topic, at, expected) = next;
                    if at == position {
                        assert_eq!(data, expected);
                        lost.retain(|lost| lost != topic);
                        break;
                    }
                    assert!(at < position && lost.contains(topic), "{position} where {next:?} should be");
                },
            }
        }
    }
}

/// Listens to some topics for a while.
async fn visit(stage: &Stage, target: &str, random: &mut Random, last: Option<&Position>) -> Heard {
    let topics = random.topics();
    let names: Vec<_> = topics.iter().map(u64::to_string).collect();
    stage.answer(target, json!({"topics": names}));
    let mut subscriber = match last {
        Some(last) => stage.gateway.resume(target, &last.to_string()).await,
        None => stage.gateway.subscribe(target).await,
    };
    let (mut begin, mut items) = (last.cloned(), Vec::new());
    for _ in 0..1 + random.below(30) {
        let block = subscriber.next().await;
        match block.name.as_str() {
            "gap" => {
                let gap: Value = block.json();
                begin.get_or_insert_with(|| Position::read(gap["to"].as_str().expect("to")));
                let topics = gap["topics"].as_array().expect("topics").iter();
                let topics =
                    topics.map(|topic| topic.as_str().and_then(|name| name.parse().ok()).expect("ours"));
                items.push(Item::Gap(topics.collect()));
            }
            "cursor" => {
                begin.get_or_insert_with(|| block.position().clone());
            }
            _ => items.push(Item::Event(block.position().clone(), block.text().to_owned())),
        }
    }
    Heard { topics, begin: begin.expect("a cursor or a gap comes first"), items }
}

async fn come_and_go(stage: Arc<Stage>, client: u64) -> Vec<Heard> {
    let mut random = Random(1_000 + client);
    let mut all: Vec<Heard> = Vec::new();
    for number in 0..VISITS {
        let last = all.last().filter(|_| random.below(5) > 0).map(Heard::last);
        let heard = visit(&stage, &format!("/{client}/{number}"), &mut random, last).await;
        all.push(heard);
    }
    all
}

/// Gives how many gaps the streams heard of.
async fn storm(settings: &[(&str, &str)]) -> usize {
    let stage = Arc::new(Stage::start_with(settings).await);
    let publishers: Vec<_> =
        (0..TOPICS).map(|topic| (topic, Continuous::start(&stage, &topic.to_string()))).collect();
    let clients: JoinSet<_> = (0..CLIENTS).map(|client| come_and_go(Arc::clone(&stage), client)).collect();
    let heard = clients.join_all().await.into_iter().flatten().collect::<Vec<_>>();
    let mut published = Published::new();
    for (topic, publisher) in publishers {
        let answers = publisher.stop().await.into_iter().enumerate();
        published.extend(answers.map(|(number, (position, _))| (topic, position, number.to_string())));
    }
    published.sort_by_key(|(_, position, _)| position.seq);
    heard.iter().for_each(|heard| heard.assert_complete(&published));
    let gap = |item: &&Item| matches!(item, Item::Gap(_));
    heard.iter().flat_map(|heard| &heard.items).filter(gap).count()
}

#[tokio::test]
async fn nothing_is_missed_or_repeated_in_a_storm() {
    let gaps = storm(&[("SHARDS", "4"), ("TOPIC_EVENTS_MAX", "100000")]).await;
    assert_eq!(gaps, 0);
}

#[tokio::test]
async fn nothing_is_missed_silently_in_a_storm_when_little_is_retained() {
    let gaps = storm(&[("SHARDS", "4"), ("TOPIC_EVENTS_MAX", "3")]).await;
    assert!(gaps > 0, "somebody came too late");
}

#[tokio::test]
async fn nothing_is_missed_or_repeated_in_a_storm_over_a_log_on_the_disk() {
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().to_str().expect("UTF-8");
    let gaps = storm(&[("SHARDS", "4"), ("TOPIC_EVENTS_MAX", "100000"), ("LOG", log)]).await;
    assert_eq!(gaps, 0);
}
