//! A live stream that has no room for what is offered reads it from the log instead.

use std::time::Duration;

use sse_gateway_engine::{Cut, Limits, Sent};
use sse_gateway_protocol::callback::CloseReason::Error;

use crate::world::{Client, World, event_of, limits, now};

fn text(number: usize) -> String {
    number.to_string().repeat(250)
}

/// Publishes events of 250 bytes to a stream whose outbox has room for three.
fn lag(world: &mut World, events: usize) -> Client {
    let client = world.open_stuck_on("t");
    for number in 1..=events {
        world.publish("t", &[&text(number)]);
        world.settle();
    }
    client
}

#[test]
fn it_loses_nothing_and_is_not_cut_off() {
    let mut world = World::new();
    let client = lag(&mut world, 7);
    assert!(world.told.is_empty());
    for _ in 0..3_000 {
        world.drain_kernel(client, 1);
    }
    world.publish("t", &["live"]);
    world.settle();
    let mut expected = vec!["cursor@1".to_owned()];
    expected.extend((1..=7).map(|number| format!("{}@{}", text(number), number + 1)));
    expected.push("live@9".into());
    assert_eq!(world.heard(client), expected);
}

#[test]
fn it_holds_no_more_than_its_bound_meanwhile_and_is_counted_once() {
    let mut world = World::new();
    lag(&mut world, 7);
    assert!(world.shard.outbox_bytes() <= 1_000, "{}", world.shard.outbox_bytes());
    assert_eq!((world.shard.tally().lags, world.shard.tally().replayed), (1, 0));
}

/// 30 streams may hold 1,000 bytes each, but 6,000 together.
#[test]
fn many_that_are_slow_lag_before_they_crowd_the_others_out() {
    let mut world = World::with(Limits { outbox_bytes_total_max: 6_000, ..limits() });
    let clients: Vec<Client> = (0..30).map(|_| world.open_stuck_on("t")).collect();
    let before = world.shard.outbox_bytes();
    for number in 1..=9 {
        world.publish("t", &[&text(number)]);
        world.settle();
    }
    assert!(world.shard.tally().lags > 0);
    // Half of the bound, and one page of one event that each had asked for before.
    assert!(world.shard.outbox_bytes() - before <= 3_000 + 30 * 350, "{}", world.shard.outbox_bytes());
    assert!(world.told.is_empty(), "nobody is cut off");
    for client in clients {
        for _ in 0..4_000 {
            world.drain_kernel(client, 1);
        }
        let texts = (1..=9).map(|number| format!("{}@{}", text(number), number + 30));
        assert!(world.heard(client).ends_with(&texts.collect::<Vec<_>>()), "nothing is lost");
    }
}

#[test]
fn it_reads_again_as_soon_as_its_outbox_has_run_low() {
    let mut world = World::new();
    let client = lag(&mut world, 5);
    world.drain_kernel(client, 100);
    assert_eq!(world.shard.tally().replayed, 0);
    world.drain_kernel(client, 700);
    assert!(world.shard.tally().replayed > 0);
}

#[test]
fn events_larger_than_an_outbox_together_come_in_pages() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), None);
    let texts: Vec<String> = (1..=6).map(text).collect();
    world.publish("t", &texts.iter().map(String::as_str).collect::<Vec<_>>());
    world.settle();
    let heard = world.heard(client);
    assert_eq!(heard.len(), 7);
    assert_eq!(heard.last(), Some(&format!("{}@7", text(6))));
}

#[test]
fn the_end_of_its_topic_comes_after_what_it_missed() {
    let mut world = World::new();
    let client = lag(&mut world, 5);
    world.complete("t", &["last"], "done");
    world.settle();
    world.drain_kernel(client, usize::MAX);
    let heard = world.heard(client);
    assert_eq!(heard[heard.len() - 3..], ["last@7", "connection_close done@8", "end"]);
    assert_eq!(world.times_left(client.key), [1]);
}

#[test]
fn it_is_counted_as_live_again_when_it_has_caught_up() {
    let mut world = World::new();
    let client = lag(&mut world, 5);
    world.drain_kernel(client, usize::MAX);
    world.shard.client_left(client.key);
    world.settle();
    assert!(matches!(&world.left[..], [(_, _, true)]));
    let other = lag(&mut world, 5);
    world.shard.client_left(other.key);
    world.settle();
    assert!(matches!(&world.left[..], [_, (_, _, false)]));
}

#[test]
fn one_that_takes_nothing_is_cut_at_the_write_deadline() {
    let mut world = World::new();
    let client = lag(&mut world, 5);
    world.advance(Duration::from_secs(31));
    assert_eq!(world.told, [(client.token, Error, true)]);
    assert_eq!((world.shard.tally().cuts[Cut::Stalled as usize], world.receivers("t")), (1, 0));
}

#[test]
fn a_direct_send_without_room_still_cuts_it_off() {
    let mut world = World::new();
    let client = lag(&mut world, 5);
    assert_eq!(world.send_frame(client, Some(&event_of(900)), false), Sent::Full);
    world.settle();
    assert_eq!((world.told.len(), world.times_left(client.key)), (1, vec![1]));
}
