//! Protocol 1.3: the outbox bounds, of one stream and of all together.

use sse_gateway_engine::{Attempt, Cut, Limits, Sent};
use sse_gateway_protocol::callback::CloseReason;

use crate::world::{WireEnd, World, accepted, event, event_of, limits};

#[test]
fn an_event_of_exactly_the_bound_fits() {
    let mut world = World::new();
    let client = world.open_stuck();
    assert_eq!(world.send_frame(client, Some(&event_of(1_000)), false), Sent::Ok);
    let opening = world.connect();
    assert_eq!(world.send_frame(opening, Some(&event_of(1_000)), false), Sent::Buffered);
}

#[test]
fn an_event_over_the_bound_is_refused_and_closes_nothing() {
    let mut world = World::new();
    let (open, opening) = (world.open(), world.connect());
    for client in [open, opening] {
        assert_eq!(world.send_frame(client, Some(&event_of(1_001)), true), Sent::TooLarge);
    }
    assert_eq!(world.send(open, "on"), Sent::Ok);
    assert_eq!(world.send(opening, "on"), Sent::Buffered);
    assert!(world.told.is_empty());
}

#[test]
fn an_event_over_the_bound_for_an_unknown_token_is_not_found() {
    let mut world = World::new();
    let client = world.open();
    world.close(client);
    assert_eq!(world.send_frame(client, Some(&event_of(1_001)), false), Sent::NotFound);
}

#[test]
fn the_head_and_the_answers_event_take_no_room_from_sends() {
    let mut world = World::new();
    let client = world.connect();
    world.answer(client, accepted(Some(event_of(900)), false));
    let first_try = |world: &mut World, bytes| {
        world.shard.send(&client.token, Some(&event_of(bytes)), false, Attempt::First)
    };
    assert_eq!(first_try(&mut world, 1_000), Sent::Ok);
    assert_eq!(first_try(&mut world, 20), Sent::WriteFirst(client.key));
}

#[test]
fn the_last_chunk_needs_no_room() {
    let mut world = World::new();
    let client = world.open_stuck();
    assert_eq!(world.send_frame(client, Some(&event_of(1_000)), true), Sent::Ok);
    world.drain_kernel(client, usize::MAX);
    assert!(world.payload(client).1);
}

#[test]
fn a_full_outbox_is_written_before_a_send_is_refused() {
    let mut world = World::new();
    let client = world.open();
    for _ in 0..20 {
        assert_eq!(world.send_frame(client, Some(&event_of(600)), false), Sent::Ok);
    }
    world.settle();
    assert_eq!(world.payload(client).0.len(), 20 * 600);
}

#[test]
fn a_send_that_finds_no_room_closes_an_open_stream_as_slow() {
    let mut world = World::new();
    let client = world.open_stuck();
    assert_eq!(world.send_frame(client, Some(&event_of(600)), false), Sent::Ok);
    assert_eq!(world.send_frame(client, Some(&event_of(600)), false), Sent::Full);
    assert_eq!(world.send(client, "late"), Sent::NotFound);
    world.settle();
    assert_eq!(world.ends(client), [WireEnd::Cut]);
    assert_eq!(world.told, [(client.token, CloseReason::Error, true)]);
    assert_eq!(world.shard.tally().undelivered, [0, 0, 1, 0]);
    assert_eq!(world.shard.tally().cuts[Cut::Slow as usize], 1);
    assert_eq!(world.shard.outbox_bytes(), 0);
}

#[test]
fn a_close_that_comes_with_an_event_without_room_is_refused_with_it() {
    let mut world = World::new();
    let opening = world.connect();
    assert_eq!(world.send_frame(opening, Some(&event_of(600)), false), Sent::Buffered);
    assert_eq!(world.send_frame(opening, Some(&event_of(600)), true), Sent::Full);
    world.accept(opening);
    assert_eq!(world.payload(opening), ("data: ".to_owned() + &"x".repeat(592) + "\n\n", false));
    assert_eq!(world.send(opening, "on"), Sent::Ok);
}

#[test]
fn a_close_alone_needs_no_room() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.send_frame(client, Some(&event_of(1_000)), false);
    assert_eq!(world.close(client), Sent::Ok);
}

#[test]
fn what_is_kept_while_opening_is_bounded_and_the_stream_stays() {
    let mut world = World::new();
    let client = world.connect();
    let mut kept = 0;
    while world.send_frame(client, Some(&event_of(90)), false) == Sent::Buffered {
        kept += 1;
    }
    assert_eq!(kept, 10);
    assert_eq!(world.send(client, "small"), Sent::Buffered);
    world.accept(client);
    assert!(world.payload(client).0.ends_with("data: small\n\n"));
    assert!(world.told.is_empty());
}

fn small_total() -> World {
    World::with(Limits { outbox_bytes_total_max: 2_000, ..limits() })
}

#[test]
fn past_the_total_what_is_kept_while_opening_is_refused() {
    let mut world = small_total();
    let opening: Vec<_> = (0..4).map(|_| world.connect()).collect();
    let answers: Vec<Sent> =
        opening.iter().map(|client| world.send_frame(*client, Some(&event_of(900)), false)).collect();
    // The third is taken at 1,800 bytes and goes past the bound; the fourth finds it passed.
    assert_eq!(answers, [Sent::Buffered, Sent::Buffered, Sent::Buffered, Sent::Full]);
    world.answer(opening[0], sse_gateway_engine::Answer::Refused);
    assert_eq!(world.send(opening[3], "small"), Sent::Buffered);
}

#[test]
fn slow_readers_just_below_the_total_do_not_lock_opening_streams_out() {
    let mut world = small_total();
    for _ in 0..2 {
        let slow = world.open_stuck();
        assert_eq!(world.send_frame(slow, Some(&event_of(980)), false), Sent::Ok);
    }
    let opening = world.connect();
    assert_eq!(world.send_frame(opening, Some(&event_of(500)), false), Sent::Buffered);
    assert!(world.shard.outbox_bytes() > 2_000, "so that the driver sheds the fullest");
}

#[test]
fn what_other_shards_hold_counts_against_the_total() {
    let mut world = small_total();
    let client = world.connect();
    world.shard.set_elsewhere_bytes(2_001);
    assert_eq!(world.send(client, "1"), Sent::Full);
    world.shard.set_elsewhere_bytes(2_000);
    assert_eq!(world.send(client, "1"), Sent::Buffered);
}

#[test]
fn shedding_closes_the_fullest_stream_with_a_socket_as_slow() {
    let mut world = World::new();
    let opening = world.connect();
    world.send_frame(opening, Some(&event_of(900)), false);
    let (fuller, full) = (world.open_stuck(), world.open_stuck());
    world.send_frame(full, Some(&event_of(100)), false);
    world.send_frame(fuller, Some(&event_of(200)), true);
    assert_eq!(world.shard.fullest_bytes(), 200 + "c8\r\n\r\n".len() + "0\r\n\r\n".len());
    assert!(world.shard.shed_fullest());
    assert!(world.shard.shed_fullest());
    assert!(!world.shard.shed_fullest(), "the opening stream has no socket to cut");
    assert_eq!(world.shard.fullest_bytes(), 0);
    world.settle();
    let slow = |client: crate::world::Client| (client.token, CloseReason::Error, true);
    assert_eq!(world.told, [slow(fuller), slow(full)]);
    assert_eq!(world.send(opening, "on"), Sent::Buffered);
}

#[test]
fn one_event_of_the_bound_behind_a_heartbeat_is_taken_after_a_write() {
    let mut world = World::new();
    let client = world.open();
    let beat = world.shard.next_deadline().expect("a heartbeat");
    world.now = beat;
    world.shard.tick(beat);
    assert_eq!(world.send_frame(client, Some(&event_of(1_000)), false), Sent::Ok);
    world.settle();
    assert!(world.payload(client).0.starts_with(": heartbeat\n\ndata: x"));
    assert_eq!(world.send_frame(client, Some(&event("on")), false), Sent::Ok);
}
