//! 1.2: heartbeats.

use std::time::{Duration, Instant};

use sse_gateway_protocol::sse::Item;
use sse_gateway_testkit::{Callbacks, Client, Endpoint, Gateway};
use tokio::task::JoinSet;

use crate::setup::{open, start_with};

const STREAMS: usize = 8;
const HEARTBEATS: usize = 3;
const INTERVAL: Duration = Duration::from_secs(1);
/// What the median of many intervals may lose or gain between the gateway's clock and the test's.
const SLACK: Duration = Duration::from_millis(20);

async fn start() -> (Callbacks, Gateway) {
    start_with(&[("HEARTBEAT_INTERVAL_SECONDS", "1")]).await
}

/// The times between the opening and some heartbeats; events are passed over.
async fn intervals(mut client: Client) -> Vec<Duration> {
    let mut last = Instant::now();
    let mut intervals = Vec::new();
    while intervals.len() < HEARTBEATS {
        match client.next_item().await {
            Item::Comment(text) => {
                assert_eq!(text, "heartbeat");
                intervals.push(last.elapsed());
                last = Instant::now();
            }
            Item::Event { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    intervals
}

/// A busy machine spoils some intervals, a wrong gateway all of them.
fn assert_regular(mut intervals: Vec<Duration>) {
    intervals.sort_unstable();
    let median = intervals[intervals.len() / 2];
    let allowed = INTERVAL.mul_f64(0.9) - SLACK..=INTERVAL.mul_f64(1.1) + SLACK;
    assert!(allowed.contains(&median), "{intervals:?}");
}

#[tokio::test]
async fn a_heartbeat_comes_every_interval_from_the_opening_on() {
    let (callbacks, gateway) = start().await;
    let mut streams = JoinSet::new();
    for number in 0..STREAMS {
        let (client, _) = open(&callbacks, &gateway, &format!("/{number}")).await;
        streams.spawn(intervals(client));
        // Opening in the middle of others' intervals is the stimulus: each stream has its own beginning.
        tokio::time::sleep(INTERVAL / STREAMS as u32).await;
    }
    let all = streams.join_all().await;
    assert_regular(all.iter().map(|intervals| intervals[0]).collect());
    assert_regular(all.iter().flat_map(|intervals| &intervals[1..]).copied().collect());
}

#[tokio::test]
async fn heartbeats_come_whatever_else_is_written() {
    let (callbacks, gateway) = start().await;
    let (client, token) = open(&callbacks, &gateway, "/").await;
    let sender = gateway.sender();
    let chatter = tokio::spawn(async move {
        let mut beat = tokio::time::interval(INTERVAL / 20);
        loop {
            beat.tick().await;
            sender.event(&token, "chatter", "").await;
        }
    });
    assert_regular(intervals(client).await);
    chatter.abort();
}

#[tokio::test]
async fn a_heartbeat_is_a_chunk_of_its_own() {
    let (callbacks, gateway) = start().await;
    let (mut client, _) = open(&callbacks, &gateway, "/").await;
    assert_eq!(client.next_comment().await, "heartbeat");
    assert!(client.received().ends_with(b"\r\nd\r\n: heartbeat\n\n\r\n"));
}
