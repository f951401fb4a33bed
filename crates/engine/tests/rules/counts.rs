//! What is counted: nothing is lost without a cause, and what is held is known at any time.

use std::time::Duration;

use sse_gateway_engine::{Answer, Census, Cut};

use crate::world::{World, accepted, event, event_of};

#[test]
fn every_end_returns_the_outbox_bytes_to_zero() {
    let mut world = World::new();
    let clients: Vec<_> = (0..6).map(|_| world.open_stuck()).collect();
    for client in &clients {
        world.send_frame(*client, Some(&event_of(300)), false);
    }
    let opening: Vec<_> = (0..3).map(|_| world.connect()).collect();
    for client in &opening {
        world.send_frame(*client, Some(&event_of(300)), false);
    }
    world.settle();
    assert_eq!(world.shard.outbox_bytes(), 9 * (300 + "12c\r\n\r\n".len()));
    world.shard.client_left(clients[0].key);
    world.shard.cut(clients[1].key, Cut::Input);
    world.close(clients[2]);
    world.drain_kernel(clients[2], usize::MAX);
    world.send_frame(clients[3], Some(&event_of(900)), false);
    world.shard.shed_fullest();
    world.advance(Duration::from_secs(31));
    world.answer(opening[0], Answer::Refused);
    world.answer(opening[1], Answer::Unknown);
    world.shard.client_left(opening[2].key);
    world.accept(opening[2]);
    assert_eq!(world.shard.outbox_bytes(), 0);
    assert_eq!(world.shard.census(), Census::default());
    assert_eq!(world.told.len(), 8);
}

#[test]
fn accepted_events_are_written_or_counted_as_undelivered_the_answers_own_included() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, "kept");
    world.answer(client, accepted(Some(event("answer")), false));
    world.settle();
    world.wire_mut(client).room = 3;
    world.send(client, "cut in the middle");
    world.settle();
    world.shard.client_left(client.key);
    let tally = world.shard.tally();
    assert_eq!((tally.events_accepted, tally.events_written, tally.undelivered), (3, 2, [0, 1, 0, 0]));
}

#[test]
fn the_census_follows_each_stream_through_its_life() {
    let mut world = World::new();
    let count = |world: &World| {
        let Census { opening, open, ending, .. } = world.shard.census();
        (opening, open, ending)
    };
    let client = world.connect();
    assert_eq!(count(&world), (1, 0, 0));
    world.accept(client);
    assert_eq!(count(&world), (0, 1, 0));
    world.close(client);
    assert_eq!(count(&world), (0, 0, 1));
    world.settle();
    assert_eq!(count(&world), (0, 0, 1), "draining");
    world.advance(Duration::from_secs(5));
    assert_eq!(count(&world), (0, 0, 0));
}

#[test]
fn each_answer_to_a_send_is_counted_once() {
    let mut world = World::new();
    let (open, opening) = (world.open_stuck(), world.connect());
    world.send(opening, "buffered");
    world.send_frame(open, Some(&event_of(1_000)), false);
    world.send_frame(open, Some(&event_of(1_001)), false);
    world.send(open, "full");
    world.send(open, "not found");
    assert_eq!(world.shard.tally().sends, [1, 1, 1, 1, 1]);
}
