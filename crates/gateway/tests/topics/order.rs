//! 2.2 and 2.4: one order for everybody, exactly once, whatever happens beside it.

use serde_json::{Value, json};
use sse_gateway_testkit::{Endpoint, Position, Sender, Subscriber};

use crate::continuous::Continuous;
use crate::setup::{Stage, expect_cursor, published};

const FOUR_SHARDS: (&str, &str) = ("SHARDS", "4");

/// What a publisher got through: where, to which topic, what.
type Published = Vec<(Position, usize, String)>;

async fn publish_round(sender: Sender, publisher: usize, topics: usize, count: usize) -> Published {
    let mut all = Vec::new();
    for number in 0..count {
        let (topic, data) = ((number * 7 + publisher) % topics, format!("{publisher}:{number}"));
        let body = json!({"topic": format!("topic {topic}"), "event": {"data": data}});
        all.push((published(&sender.publish(body).await).0, topic, data));
    }
    all
}

/// Each listens to some topics; all of them see what they have in common in the same order.
#[tokio::test]
async fn fifty_subscribers_see_two_publishers_in_one_order() {
    const TOPICS: usize = 4;
    let stage = Stage::start_with(&[FOUR_SHARDS]).await;
    let mut subscribers = Vec::new();
    for number in 0..50_usize {
        let listens = |topic: &usize| (number >> topic) & 1 == 1 || *topic == number % TOPICS;
        let topics: Vec<_> = (0..TOPICS).filter(listens).collect();
        let names: Vec<_> = topics.iter().map(|topic| format!("topic {topic}")).collect();
        subscribers.push((topics, stage.listen(&format!("/{number}"), json!(names)).await));
    }
    let publishers =
        [1, 2].map(|publisher| tokio::spawn(publish_round(stage.sender.clone(), publisher, TOPICS, 200)));
    let mut all = Vec::new();
    for publisher in publishers {
        all.extend(publisher.await.expect("every event was accepted"));
    }
    all.sort_by_key(|(position, ..)| position.seq);
    for (topics, mut subscriber) in subscribers {
        for (position, _, data) in all.iter().filter(|(_, topic, _)| topics.contains(topic)) {
            let block = subscriber.next().await;
            assert_eq!((block.text(), block.position()), (data.as_str(), position));
        }
    }
}

/// Its streams open while many publishers are at work, and each must have everything exactly once.
#[tokio::test]
async fn replay_and_live_meet_without_a_seam() {
    const PUBLISHERS: usize = 6;
    let stage = Stage::start_with(&[FOUR_SHARDS, ("TOPIC_EVENTS_MAX", "100000")]).await;
    stage.answer("/", json!({"topics": [{"name": "busy", "from": "start"}]}));
    let publishers: Vec<_> = (0..PUBLISHERS).map(|_| Continuous::start(&stage, "busy")).collect();
    let mut subscribers = Vec::new();
    for _ in 0..100 {
        subscribers.push(stage.gateway.subscribe("/").await);
    }
    let mut all = Vec::new();
    for publisher in publishers {
        let positions = publisher.stop().await.into_iter();
        all.extend(positions.enumerate().map(|(number, (position, _))| (position, number.to_string())));
    }
    all.sort_by_key(|(position, _)| position.seq);
    for mut subscriber in subscribers {
        let mut block = subscriber.next().await;
        if block.name == "cursor" {
            block = subscriber.next().await;
        }
        for (index, (position, data)) in all.iter().enumerate() {
            if index > 0 {
                block = subscriber.next().await;
            }
            assert_eq!((block.position(), block.text()), (position, data.as_str()));
        }
    }
}

/// Reads some events with ids of a stream that is left then, and notes them.
async fn read_some(subscriber: &mut Subscriber, count: usize, heard: &mut Vec<(Option<String>, bool)>) {
    let mut read = 0;
    while read < count {
        let block = subscriber.next().await;
        read += usize::from(block.id.is_some());
        match block.name.as_str() {
            "cursor" => {}
            "gap" => heard.push((None, true)),
            _ => heard.push((block.data, false)),
        }
    }
}

/// Leaves and comes back again and again while events are published; gives what was heard.
async fn come_and_go(settings: &[(&str, &str)]) -> (Vec<(Option<String>, bool)>, usize) {
    let stage = Stage::start_with(settings).await;
    let topics: Value = json!(["busy"]);
    let mut subscriber = stage.listen("/", topics.clone()).await;
    let publisher = Continuous::start(&stage, "busy");
    let mut heard = Vec::new();
    for round in 0..40 {
        read_some(&mut subscriber, 1 + round % 7, &mut heard).await;
        let last_id = subscriber.last_id();
        if round % 2 == 0 {
            drop(subscriber);
        }
        subscriber = stage.resume("/", topics.clone(), &last_id).await;
    }
    let count = publisher.stop().await.len();
    let last = (count - 1).to_string();
    while heard.last().is_none_or(|(data, _)| data.as_ref() != Some(&last)) {
        read_some(&mut subscriber, 1, &mut heard).await;
    }
    (heard, count)
}

#[tokio::test]
async fn who_comes_and_goes_hears_everything_exactly_once() {
    let (heard, count) = come_and_go(&[FOUR_SHARDS, ("TOPIC_EVENTS_MAX", "100000")]).await;
    let expected: Vec<_> = (0..count).map(|number| (Some(number.to_string()), false)).collect();
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn who_comes_back_too_late_hears_of_a_gap_and_never_misses_anything_silently() {
    let (heard, _) = come_and_go(&[FOUR_SHARDS, ("TOPIC_EVENTS_MAX", "2")]).await;
    let (mut next, mut gap) = (0, false);
    for (data, is_gap) in heard {
        gap |= is_gap;
        if let Some(data) = data {
            let number: usize = data.parse().expect("a number");
            assert!(number == next || gap && number > next, "{number} instead of {next}");
            (next, gap) = (number + 1, false);
        }
    }
}

#[tokio::test]
async fn streams_that_come_and_go_take_nothing_from_one_that_stays() {
    let stage = Stage::start_with(&[FOUR_SHARDS]).await;
    let mut staying = stage.listen("/staying", json!(["busy"])).await;
    stage.answer("/", json!({"topics": ["busy", {"name": "more", "from": "start"}]}));
    let publisher = Continuous::start(&stage, "busy");
    for _ in 0..100 {
        expect_cursor(&mut stage.gateway.subscribe("/").await).await;
    }
    let count = publisher.stop().await.len();
    for number in 0..count {
        assert_eq!(staying.next().await.text(), number.to_string());
    }
}

/// The cut may fall anywhere: what a browser has dispatched by then is a whole prefix, and its id is right.
#[tokio::test]
async fn an_id_never_runs_ahead_of_its_data() {
    let stage = Stage::start().await;
    let mut subscriber = stage.listen("/", json!(["news"])).await;
    stage.publish(json!({"topic": "news", "event": {"name": "n", "data": "a\nb"}})).await;
    stage.publish(json!({"topic": "news", "close": {"reason": "done"}})).await;
    subscriber.rest().await;
    let text = String::from_utf8(subscriber.client().chunks().concat()).expect("UTF-8");
    for block in text.split("\n\n").filter(|block| block.contains("id: ")) {
        let id = block.find("id: ").expect("just looked");
        assert!(block.rfind("data: ").is_some_and(|data| data < id), "{block}");
    }
}
