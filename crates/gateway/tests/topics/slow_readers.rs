//! 2.2 and 2.4: readers that do not keep up.

use serde_json::{Value, json};
use sse_gateway_testkit::{Client, End, Endpoint, Subscriber};

use crate::setup::{Stage, expect_cursor};

const OUTBOX: (&str, &str) = ("OUTBOX_BYTES_MAX", "65536");
const KEEP_ALL: [(&str, &str); 2] = [("TOPIC_BYTES_MAX", "67108864"), ("TOPIC_EVENTS_MAX", "100000")];

/// More than the sockets between the gateway and a client that does not read can hold.
const EVENTS: usize = 1_000;
const EVENT_BYTES: usize = 10_000;

fn data(number: usize) -> String {
    number.to_string() + &"-".repeat(EVENT_BYTES)
}

fn number(text: &str) -> usize {
    text.split('-').next().and_then(|number| number.parse().ok()).expect("a number")
}

/// Opens a stream whose client reads its first bytes and then nothing until it is asked to.
async fn stuck(stage: &Stage, target: &str, topics: Value) -> Subscriber {
    stage.answer(target, json!({"topics": topics}));
    let mut client = Client::connect_with_receive_buffer(stage.gateway.address(), 4_096).await;
    client.ask(target).await;
    Subscriber::on(client).await
}

async fn publish_all(stage: &Stage) {
    for number in 0..EVENTS {
        stage.event("news", &data(number)).await;
    }
}

#[tokio::test]
async fn a_reader_that_lags_is_not_cut_off_and_gets_everything_later() {
    let stage = Stage::start_with(&[OUTBOX, KEEP_ALL[0], KEEP_ALL[1]]).await;
    let mut slow = stuck(&stage, "/slow", json!(["news"])).await;
    let mut healthy = stage.listen("/healthy", json!(["news"])).await;
    for number in 0..EVENTS {
        let body = json!({"topic": "news", "event": {"data": data(number)}});
        assert_eq!(stage.publish(body).await.1, 2, "a slow reader is a receiver");
        assert_eq!(healthy.next().await.text(), data(number), "nobody waits for the slow one");
    }
    assert!(stage.metric("outbox_bytes").await <= 65_536.0);
    expect_cursor(&mut slow).await;
    for number in 0..EVENTS {
        assert_eq!(slow.next().await.text(), data(number));
    }
    stage.event("news", "live again").await;
    assert_eq!(slow.next().await.text(), "live again");
}

/// Reads up to this event: each is the next one, or a gap came before it. Gives how many gaps.
async fn read_with_gaps(slow: &mut Subscriber, mut next: usize, last: usize) -> usize {
    let (mut gap, mut gaps) = (false, 0);
    while next <= last {
        let block = slow.next().await;
        match block.name.as_str() {
            "gap" => {
                let told = block.json();
                assert_eq!((&told["reason"], &told["topics"]), (&json!("expired"), &json!(["news"])));
                (gap, gaps) = (true, gaps + 1);
            }
            "cursor" => {}
            _ => {
                let number = number(block.text());
                assert!(number == next || gap && number > next, "{number} instead of {next}");
                (next, gap) = (number + 1, false);
            }
        }
    }
    gaps
}

#[tokio::test]
async fn a_reader_that_retention_overtakes_hears_of_it() {
    let stage = Stage::start_with(&[OUTBOX, ("TOPIC_EVENTS_MAX", "20")]).await;
    let mut slow = stuck(&stage, "/", json!(["news"])).await;
    publish_all(&stage).await;
    let gaps = read_with_gaps(&mut slow, 0, EVENTS - 1).await;
    assert!(gaps > 0, "more was published than all the sockets hold");
    stage.event("news", "live again").await;
    assert_eq!(slow.next().await.text(), "live again");
}

#[tokio::test]
async fn a_replay_that_retention_overtakes_hears_of_it() {
    let stage = Stage::start_with(&[OUTBOX, KEEP_ALL[0], ("TOPIC_EVENTS_MAX", "1000")]).await;
    publish_all(&stage).await;
    let mut slow = stuck(&stage, "/", json!([{"name": "news", "from": "start"}])).await;
    assert_eq!(slow.next().await.text(), data(0));
    for first in (EVENTS..3 * EVENTS).step_by(500) {
        let events: Vec<_> = (first..first + 500).map(|number| json!({"data": number.to_string()})).collect();
        stage.publish(json!({"topic": "news", "events": events})).await;
    }
    let gaps = read_with_gaps(&mut slow, 1, 3 * EVENTS - 1).await;
    assert!(gaps > 0, "more was dropped than all the sockets hold");
}

#[tokio::test]
async fn a_replay_of_1000_events_is_paced_by_its_reader() {
    let stage = Stage::start_with(&[OUTBOX, KEEP_ALL[0], KEEP_ALL[1]]).await;
    publish_all(&stage).await;
    let topics = json!([{"name": "news", "from": "start"}]);
    let mut slow = stuck(&stage, "/", topics).await;
    for number in 0..EVENTS {
        if number % 100 == 0 {
            let held = stage.metric("outbox_bytes").await;
            assert!(held <= 65_536.0, "{held} at {number}");
        }
        if number % 250 == 0 {
            stage.event("news", &data(EVENTS + number / 250)).await;
        }
        assert_eq!(slow.next().await.text(), data(number));
    }
    for number in EVENTS..EVENTS + 4 {
        assert_eq!(slow.next().await.text(), data(number), "what came meanwhile follows, once");
    }
}

#[tokio::test]
async fn replays_to_many_slow_readers_are_never_copied_whole_into_memory() {
    const READERS: usize = 40;
    let stage = Stage::start_with(&[OUTBOX, KEEP_ALL[0], KEEP_ALL[1]]).await;
    publish_all(&stage).await;
    let before = stage.gateway.memory_bytes();
    let topics = json!([{"name": "news", "from": "start"}]);
    let mut slow = Vec::new();
    for _ in 0..READERS {
        slow.push(stuck(&stage, "/", topics.clone()).await);
    }
    for reader in &mut slow {
        assert_eq!(reader.next().await.text(), data(0));
    }
    let grown = stage.gateway.memory_bytes().saturating_sub(before) as usize;
    assert!(grown < READERS * 3 * 65_536, "{grown} bytes for {READERS} readers of 10 MB");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_at_all_is_cut_off_in_the_end_and_may_come_back() {
    let settings = [OUTBOX, KEEP_ALL[0], KEEP_ALL[1], ("WRITE_TIMEOUT_SECONDS", "1")];
    let stage = Stage::start_with(&settings).await;
    let mut slow = stuck(&stage, "/", json!(["news"])).await;
    expect_cursor(&mut slow).await;
    let last_id = slow.last_id();
    publish_all(&stage).await;
    let token = stage.token("/").await;
    let disconnect = stage.callbacks.disconnect_of(&token).await;
    assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(true)));
    let mut again = stage.resume("/", json!(["news"]), &last_id).await;
    for number in 0..EVENTS {
        assert_eq!(again.next().await.text(), data(number));
    }
}

#[tokio::test]
async fn a_topic_that_is_deleted_under_a_replay_ends_it() {
    let stage = Stage::start_with(&[OUTBOX, KEEP_ALL[0], KEEP_ALL[1]]).await;
    publish_all(&stage).await;
    let mut slow = stuck(&stage, "/", json!([{"name": "news", "from": "start"}])).await;
    assert_eq!(slow.next().await.text(), data(0));
    let deleted = stage.sender.delete("/internal/topics/news").await;
    assert_eq!(deleted.status(), 200);
    let (blocks, end) = slow.rest().await;
    let (close, events) = blocks.split_last().expect("the ending");
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.text(), data(index + 1));
    }
    assert_eq!(
        (close.name.as_str(), close.json(), end),
        ("connection_close", json!({"reason": "deleted"}), End::Clean)
    );
    assert_eq!(deleted.json()["position"], close.position().to_string());
}
