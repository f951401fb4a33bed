//! Protocol 1.3: what a send answers and where its events stand on the wire.

use sse_gateway_engine::{Attempt, Effect, Sent};
use sse_gateway_protocol::Token;
use sse_gateway_protocol::sse::Encoder;

use crate::world::{World, event};

#[test]
fn a_send_is_answered_ok_before_anything_is_written() {
    let mut world = World::new();
    let client = world.open();
    assert_eq!(world.shard.send(&client.token, Some(&event("1")), false, Attempt::First), Sent::Ok);
    assert_eq!(world.payload(client).0, "");
    world.settle();
    assert_eq!(world.payload(client).0, "data: 1\n\n");
}

#[test]
fn sends_keep_their_order_and_leave_in_one_flush() {
    let mut world = World::new();
    let client = world.open();
    for number in 0..16 {
        assert_eq!(world.send(client, &number.to_string()), Sent::Ok);
    }
    assert_eq!(world.shard.effects_waiting(), 1);
    world.settle();
    let expected: String = (0..16).map(|number| format!("data: {number}\n\n")).collect();
    assert_eq!(world.payload(client).0, expected);
}

#[test]
fn several_events_of_one_send_are_back_to_back_or_absent() {
    let mut encoder = Encoder::for_payload(0);
    encoder.event(Some("a"), "1");
    encoder.event(Some("b"), &"2".repeat(600));
    let batch = encoder.finish();
    let mut world = World::new();
    let client = world.open_stuck();
    assert_eq!(world.send_frame(client, Some(&batch), false), Sent::Ok);
    assert_eq!(world.send_frame(client, Some(&batch), false), Sent::Full);
    assert_eq!(world.shard.tally().undelivered, [0, 0, 2, 0]);
    assert_eq!(world.shard.tally().events_accepted, 2);
}

#[test]
fn a_token_alone_is_a_no_op_that_tells_whether_the_stream_lives() {
    let mut world = World::new();
    let opening = world.connect();
    assert_eq!(world.send_frame(opening, None, false), Sent::Buffered);
    let open = world.open();
    assert_eq!(world.send_frame(open, None, false), Sent::Ok);
    assert_eq!(world.shard.effects_waiting(), 0);
    let nobody = Token::from_random_bytes([9; 16]);
    assert_eq!(world.shard.send(&nobody, None, false, Attempt::First), Sent::NotFound);
}

#[test]
fn a_retry_with_a_kept_close_stands_in_the_last_block_before_the_end() {
    let mut encoder = Encoder::for_payload(0);
    encoder.event(None, "bye");
    encoder.retry(30_000);
    let mut world = World::new();
    let client = world.connect();
    world.send(client, "1");
    assert_eq!(world.send_frame(client, Some(&encoder.finish()), true), Sent::Buffered);
    world.accept(client);
    assert_eq!(world.payload(client), ("data: 1\n\ndata: bye\nretry: 30000\n\n".into(), true));
}

#[test]
fn one_streams_sends_never_reach_another() {
    let mut world = World::new();
    let (one, other) = (world.open(), world.open());
    world.send(one, "mine");
    world.settle();
    assert_eq!(world.payload(one).0, "data: mine\n\n");
    assert_eq!(world.payload(other).0, "");
}

#[test]
fn a_reused_slot_does_not_answer_to_the_key_before_it() {
    let mut world = World::new();
    let gone = world.open();
    world.shard.client_left(gone.key);
    world.settle();
    let next = world.open();
    assert_eq!(next.key.slot(), gone.key.slot());
    world.shard.client_left(gone.key);
    world.shard.wrote(gone.key, 100, false, world.now);
    assert!(world.shard.pending(gone.key).is_none());
    assert_eq!(world.send(next, "1"), Sent::Ok);
}

#[test]
fn at_most_one_flush_waits_for_a_stream() {
    let mut world = World::new();
    let client = world.open_stuck();
    for _ in 0..50 {
        // Each round fills the outbox, so that the driver writes before its turn comes.
        assert_eq!(world.send(client, &"x".repeat(900)), Sent::Ok);
        world.wire_mut(client).room = 10_000;
        world.shard.writable(client.key);
        world.shard.writable(client.key);
    }
    let mut flushes = 0;
    while let Some(effect) = world.shard.next_effect() {
        assert_eq!(effect, Effect::Flush(client.key));
        flushes += 1;
    }
    assert_eq!(flushes, 1);
}
