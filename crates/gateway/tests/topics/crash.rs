//! 2.4 for a log on the disk: kill -9 in the middle of everything.

use std::path::Path;

use serde_json::json;
use sse_gateway_testkit::{Gateway, Position, Sender, Signal, free_port, within};

use crate::disk::{Restart, log_in, newest_file, start_on_disk, texts_from_start};
use crate::setup::{NDJSON, Stage, published};

/// Publishes with keys until each is answered 200, whatever happens to the gateway meanwhile.
async fn publish_through(sender: Sender, count: usize) {
    for number in 0..count {
        let body = json!({"topic": "news", "event": {"data": number.to_string()}, "id": number.to_string()});
        let accepted = async {
            loop {
                if let Some(answer) = sender.try_publish(body.clone()).await {
                    break published(&answer);
                }
            }
        };
        within("the gateway takes a publish", accepted).await;
    }
}

/// Reads from there on until so much was heard or the connection is lost; gives the last id.
async fn hear(stage: &Stage, mut last_id: String, heard: &mut Vec<String>, count: usize) -> String {
    let mut subscriber = stage.resume("/", json!(["news"]), &last_id).await;
    while heard.len() < count {
        let Ok(block) = subscriber.try_next().await else { break };
        assert_ne!(block.name, "gap");
        last_id = subscriber.last_id();
        if block.name != "cursor" {
            heard.push(block.text().to_owned());
        }
    }
    last_id
}

/// Kill -9 again and again while events are published: each acknowledged one arrives exactly once, in order.
#[tokio::test]
async fn nothing_acknowledged_is_lost_or_repeated_by_kill_9_again_and_again() {
    const EVENTS: usize = 400;
    const KILLS: usize = 6;
    let (mut stage, _directory) = start_on_disk(&[]).await;
    let mut heard = Vec::new();
    let mut last_id = stage.listen("/", json!(["news"])).await.last_id();
    let publisher = tokio::spawn(publish_through(stage.sender.clone(), EVENTS));
    for kill in 1..=KILLS {
        let until = EVENTS * kill / (KILLS + 1);
        last_id = hear(&stage, last_id, &mut heard, until).await;
        stage.restart(Restart::Killed).await;
    }
    while heard.len() < EVENTS {
        last_id = hear(&stage, last_id, &mut heard, EVENTS).await;
    }
    publisher.await.expect("every event was accepted");
    let expected: Vec<_> = (0..EVENTS).map(|number| number.to_string()).collect();
    assert_eq!(heard, expected);
    assert_eq!(texts_from_start(&stage, "news", EVENTS).await, expected);
}

#[tokio::test]
async fn a_publish_that_was_not_answered_is_there_once_or_not_at_all() {
    let (mut stage, _directory) = start_on_disk(&[]).await;
    for round in 0..4 {
        let mut publishing = stage.begin("?topic=news", NDJSON).await;
        for number in 0..50 {
            publishing.write(json!({"data": format!("{round}:{number}")}).to_string() + "\n").await;
        }
        stage.restart(Restart::Killed).await;
    }
    stage.event("news", "end").await;
    let mut subscriber = stage.subscribe("/", json!([{"name": "news", "from": "start"}])).await;
    let mut next = [0; 4];
    loop {
        let block = subscriber.next().await;
        let Some((round, number)) = block.text().split_once(':') else { break };
        let next = &mut next[round.parse::<usize>().expect("a round")];
        assert_eq!(number, next.to_string(), "a prefix of what was sent, in order, once");
        *next += 1;
    }
}

/// Changes the file of the log that was written last while the gateway is down; it gets what is in the file up to
/// the last byte that is not 0, for room may follow that was asked for ahead.
async fn damage(stage: &mut Stage, directory: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    stage.gateway.signal(Signal::KILL);
    stage.gateway.wait_exit().await;
    let file = newest_file(directory);
    let mut bytes = std::fs::read(&file).expect("a readable file");
    let length = bytes.len();
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(written);
    change(&mut bytes);
    bytes.resize(length.max(bytes.len()), 0);
    std::fs::write(file, bytes).expect("a writable file");
}

/// A write that the crash cut short was never answered: it is left out, and nothing before it.
#[tokio::test]
async fn a_torn_tail_is_left_out() {
    for torn in [&b"\x01"[..], &[0xff; 37], b"data: never\n\n"] {
        let (mut stage, directory) = start_on_disk(&[]).await;
        stage.events("news", &["1", "2", "3"]).await;
        damage(&mut stage, directory.path(), |bytes| bytes.extend_from_slice(torn)).await;
        stage.gateway.start_again().await;
        stage.event("news", "4").await;
        assert_eq!(texts_from_start(&stage, "news", 4).await, ["1", "2", "3", "4"]);
    }
}

/// What the disk has changed by itself is no end of the log: nobody is given other bytes, or less without a word.
#[tokio::test]
async fn a_log_that_is_damaged_in_the_middle_is_refused() {
    let (mut stage, directory) = start_on_disk(&[]).await;
    stage.events("news", &["the first", "the second", "the third"]).await;
    let mut found = false;
    damage(&mut stage, directory.path(), |bytes| {
        let place = bytes.windows(9).position(|window| window == b"the first");
        found = place.map(|place| bytes[place] ^= 1).is_some();
    })
    .await;
    assert!(found, "the event stands in the newest file as it is");
    let log = log_in(&directory);
    let port = free_port().to_string();
    let exit = Gateway::run(&[], [("LOG", log.as_str()), ("PORT", &port)]).await;
    assert_eq!(exit.code, Some(1), "{}", exit.output);
}

#[tokio::test]
async fn many_publishers_at_once_are_all_answered_and_in_one_order() {
    let (mut stage, _directory) = start_on_disk(&[("SHARDS", "4")]).await;
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..32 {
        let sender = stage.sender.clone();
        publishers.spawn(async move {
            let mut all: Vec<(Position, String)> = Vec::new();
            for number in 0..20 {
                let data = format!("{publisher}:{number}");
                let body = json!({"topic": "news", "event": {"data": data}});
                all.push((published(&sender.publish(body).await).0, data));
            }
            all
        });
    }
    let mut all = publishers.join_all().await.concat();
    all.sort_by_key(|(position, _)| position.seq);
    stage.restart(Restart::Killed).await;
    let mut subscriber = stage.subscribe("/", json!([{"name": "news", "from": "start"}])).await;
    for (position, data) in all {
        let block = subscriber.next().await;
        assert_eq!((block.position(), block.text()), (&position, data.as_str()));
    }
}
