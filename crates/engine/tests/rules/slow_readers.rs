//! PITFALLS 22: a client that reads slowly, or not at all, costs bounded memory and time.

use std::time::Duration;

use sse_gateway_engine::{Cut, Sent};
use sse_gateway_protocol::callback::CloseReason;

use crate::world::{WireEnd, World, event_of};

#[test]
fn a_write_without_progress_for_the_limit_cuts_the_stream() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.send(client, "unread");
    world.settle();
    world.advance(Duration::from_micros(29_999_999));
    assert!(world.told.is_empty());
    world.advance(Duration::from_micros(1));
    assert_eq!(world.told, [(client.token, CloseReason::Error, true)]);
    assert_eq!(world.ends(client), [WireEnd::Cut]);
    assert_eq!(world.shard.tally().cuts[Cut::Stalled as usize], 1);
    assert_eq!(world.shard.tally().undelivered, [0, 0, 1, 0]);
}

#[test]
fn a_reader_that_takes_one_byte_in_time_stays() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.send_frame(client, Some(&event_of(900)), false);
    world.settle();
    for _ in 0..20 {
        world.advance(Duration::from_secs(29));
        world.drain_kernel(client, 1);
    }
    assert!(world.told.is_empty());
    world.advance(Duration::from_secs(30));
    assert_eq!(world.told.len(), 1, "progress only postpones the limit");
}

#[test]
fn readiness_that_takes_no_byte_is_no_progress() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.send(client, "unread");
    world.settle();
    world.advance(Duration::from_secs(20));
    world.drain_kernel(client, 0);
    world.advance(Duration::from_secs(10));
    assert_eq!(world.told.len(), 1);
}

#[test]
fn a_stream_that_became_writable_while_the_driver_slept_is_written_and_not_cut() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.send(client, "late");
    world.settle();
    world.now = world.now + Duration::from_secs(100);
    world.wire_mut(client).room = usize::MAX;
    world.shard.writable(client.key);
    world.shard.tick(world.now);
    world.settle();
    assert!(world.payload(client).0.contains("data: late\n\n"));
    assert!(world.told.is_empty());
}

#[test]
fn an_idle_stream_never_stalls() {
    let mut world = World::new();
    let client = world.open();
    world.advance(Duration::from_secs(3_600));
    assert_eq!(world.send(client, "still here"), Sent::Ok);
}

#[test]
fn an_end_that_cannot_be_written_is_cut_as_an_error() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.close(client);
    world.settle();
    world.advance(Duration::from_secs(30));
    assert_eq!(world.told, [(client.token, CloseReason::Error, true)]);
    assert_eq!(world.ends(client), [WireEnd::Cut]);
}

#[test]
fn a_blocked_reader_gets_no_pile_of_heartbeats() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.send_frame(client, Some(&event_of(500)), false);
    world.settle();
    let held = world.shard.outbox_bytes();
    world.advance(Duration::from_secs(29));
    assert_eq!(world.shard.outbox_bytes(), held);
    world.drain_kernel(client, usize::MAX);
    world.advance(Duration::from_secs(15));
    assert!(world.payload(client).0.ends_with(": heartbeat\n\n"), "they come again");
}

#[test]
fn a_stuck_reader_delays_nobody_else() {
    let mut world = World::new();
    let (stuck, other) = (world.open_stuck(), world.open());
    world.send(stuck, "unread");
    world.send(other, "read");
    world.settle();
    assert_eq!(world.payload(other).0, "data: read\n\n");
}

#[test]
fn a_write_that_the_driver_cut_short_gets_another_turn() {
    let mut world = World::new();
    let client = world.open_stuck();
    for _ in 0..5 {
        world.send_frame(client, Some(&event_of(100)), false);
    }
    let flush = world.shard.next_effect();
    assert_eq!(flush, Some(sse_gateway_engine::Effect::Flush(client.key)));
    world.shard.wrote(client.key, 150, false, world.now);
    assert_eq!(world.shard.next_effect(), flush);
    let rest: usize = world.shard.pending(client.key).expect("open").map(<[u8]>::len).sum();
    assert_eq!(rest, 5 * (100 + "64\r\n\r\n".len()) - 150);
}
