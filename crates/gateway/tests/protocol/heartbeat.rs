//! 1.2: heartbeats.

use std::time::{Duration, Instant};

use sse_gateway_protocol::sse::Item;
use sse_gateway_testkit::{Client, Endpoint};

use crate::setup::{open, start_with};

const HEARTBEATS: u32 = 4;
/// What a busy machine may add to the first or the last time stamp.
const SLACK: Duration = Duration::from_millis(400);

/// The time from `begin` to the last of some heartbeats; other items are passed over.
async fn heartbeats(client: &mut Client, begin: Instant) -> Duration {
    let mut seen = 0;
    while seen < HEARTBEATS {
        match client.next_item().await {
            Item::Comment(text) => {
                assert_eq!(text, "heartbeat");
                seen += 1;
            }
            Item::Event { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    begin.elapsed()
}

fn assert_regular(took: Duration) {
    let expected = Duration::from_secs(HEARTBEATS.into());
    assert!(took >= expected.mul_f64(0.9) - SLACK, "{took:?}");
    assert!(took <= expected.mul_f64(1.1) + SLACK, "{took:?}");
}

#[tokio::test]
async fn a_heartbeat_comes_every_interval_from_the_opening_on() {
    let (callbacks, gateway) = start_with(&[("HEARTBEAT_INTERVAL_SECONDS", "1")]).await;
    let (mut early, _) = open(&callbacks, &gateway, "/early").await;
    let early_begin = Instant::now();
    // In the middle of the other's interval: each stream has its own beginning.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (mut late, _) = open(&callbacks, &gateway, "/late").await;
    let late_begin = Instant::now();
    let (early_took, late_took) =
        tokio::join!(heartbeats(&mut early, early_begin), heartbeats(&mut late, late_begin));
    assert_regular(early_took);
    assert_regular(late_took);
    assert!(early.received().ends_with(b"d\r\n: heartbeat\n\n\r\n"));
}

#[tokio::test]
async fn heartbeats_come_whatever_else_is_written() {
    let (callbacks, gateway) = start_with(&[("HEARTBEAT_INTERVAL_SECONDS", "1")]).await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let begin = Instant::now();
    let sender = gateway.sender();
    let chatter = tokio::spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_millis(50));
        loop {
            beat.tick().await;
            sender.event(&token, "chatter", "").await;
        }
    });
    assert_regular(heartbeats(&mut client, begin).await);
    chatter.abort();
}
