//! Protocol 1.2: a comment every interval, within a tenth of it.

use std::time::Duration;

use proptest::prelude::*;
use sse_gateway_engine::Time;

use crate::world::{Client, World, limits};

const INTERVAL: Duration = Duration::from_secs(15);

fn beats(world: &World, client: Client) -> usize {
    world.payload(client).0.matches(": heartbeat\n\n").count()
}

/// Advances until the client hears one more heartbeat and gives the time it took.
fn next_beat(world: &mut World, client: Client) -> Duration {
    let (start, heard) = (world.now, beats(world, client));
    while beats(world, client) == heard {
        assert!(world.now < start + INTERVAL * 3, "no heartbeat in three intervals");
        let deadline = world.shard.next_deadline().expect("a heartbeat is due");
        world.advance(deadline.since_origin() - world.now.since_origin());
    }
    world.now.since_origin() - start.since_origin()
}

fn assert_an_interval(took: Duration) {
    assert!(took >= INTERVAL * 9 / 10 && took <= INTERVAL * 11 / 10, "a heartbeat after {took:?}");
}

proptest! {
    #[test]
    fn each_heartbeat_comes_within_a_tenth_of_the_interval(opened_after in prop::collection::vec(0..40_000u64, 1..12)) {
        let mut world = World::new();
        let mut clients = Vec::new();
        for millis in opened_after {
            world.advance(Duration::from_millis(millis));
            let client = world.open();
            clients.push((client, world.now));
        }
        for round in 1..4u32 {
            for (client, opened) in &clients {
                let at = *opened + INTERVAL * round * 11 / 10;
                if at > world.now {
                    world.advance(at.since_origin() - world.now.since_origin());
                }
                let lasted = world.now.since_origin() - opened.since_origin();
                let heard = beats(&world, *client) as u128;
                prop_assert!(heard >= lasted.as_micros() * 10 / (INTERVAL.as_micros() * 11));
                prop_assert!(heard <= lasted.as_micros() * 10 / (INTERVAL.as_micros() * 9));
            }
        }
    }
}

#[test]
fn the_first_heartbeat_comes_one_interval_after_opening_and_the_next_ones_after_each_other() {
    let mut world = World::new();
    let client = world.open();
    for _ in 0..5 {
        assert_an_interval(next_beat(&mut world, client));
    }
}

#[test]
fn heartbeats_come_whatever_else_is_written() {
    let mut world = World::new();
    let client = world.open();
    for _ in 0..60 {
        world.send(client, "busy");
        world.advance(Duration::from_secs(1));
    }
    assert!((3..=4).contains(&beats(&world, client)));
}

#[test]
fn a_stream_that_opens_while_the_driver_is_late_waits_a_whole_interval_too() {
    let mut world = World::new();
    let _elder = world.open();
    // The driver slept: no tick for most of an interval.
    world.now = world.now + Duration::from_secs(10);
    let late = world.open();
    assert_an_interval(next_beat(&mut world, late));
}

#[test]
fn a_clock_that_jumps_gives_each_stream_one_heartbeat() {
    let mut world = World::new();
    let client = world.open();
    world.now = world.now + Duration::from_secs(3_600);
    world.shard.tick(world.now);
    world.settle();
    assert_eq!(beats(&world, client), 1);
    assert_an_interval(next_beat(&mut world, client));
}

#[test]
fn streams_that_leave_take_no_other_streams_heartbeat_away() {
    let mut world = World::new();
    let clients: Vec<Client> = (0..20).map(|_| world.open()).collect();
    for client in clients.iter().step_by(3) {
        world.shard.client_left(client.key);
    }
    world.settle();
    world.advance(INTERVAL);
    for (number, client) in clients.iter().enumerate() {
        assert_eq!(beats(&world, *client), usize::from(number % 3 != 0), "stream {number}");
    }
}

#[test]
fn a_shard_of_idle_streams_sleeps_from_heartbeat_to_heartbeat() {
    let mut world = World::new();
    let _clients: Vec<Client> = (0..50).map(|_| world.open()).collect();
    let mut turns = 0;
    let end = world.now + INTERVAL * 4;
    while let Some(deadline) = world.shard.next_deadline().filter(|deadline: &Time| *deadline <= end) {
        world.now = deadline;
        world.shard.tick(deadline);
        world.settle();
        turns += 1;
    }
    assert_eq!(turns, 4);
}

#[test]
fn an_interval_of_a_second_is_kept_as_well() {
    let second = Duration::from_secs(1);
    let mut world = World::with(sse_gateway_engine::Limits { heartbeat_interval: second, ..limits() });
    let client = world.open();
    world.advance(Duration::from_secs(60));
    assert!((58..=62).contains(&beats(&world, client)), "{}", beats(&world, client));
}
