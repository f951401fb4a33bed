//! Protocol 1.1: from the GET to the first bytes.

use sse_gateway_engine::{Accepted, Answer, Attempt, Sent};
use sse_gateway_protocol::callback::CloseReason;
use sse_gateway_protocol::sse::Framing;

use crate::world::{Client, HEAD, LAST_CHUNK, World, accepted, event, opening};

fn payload_after(world: &World, client: Client) -> String {
    world.payload(client).0
}

#[test]
fn the_head_and_its_comment_are_the_first_bytes() {
    let mut world = World::new();
    let client = world.open();
    assert_eq!(world.text(client), HEAD);
}

#[test]
fn the_client_sees_no_byte_before_the_backend_has_answered() {
    let mut world = World::new();
    let client = world.connect();
    assert_eq!(world.send(client, "early"), Sent::Buffered);
    world.settle();
    assert!(world.shard.pending(client.key).is_none());
    assert!(!world.has_head(client));
}

#[test]
fn what_was_kept_follows_the_answers_event_in_arrival_order() {
    let mut world = World::new();
    let client = world.connect();
    for data in ["1", "2", "3"] {
        assert_eq!(world.send(client, data), Sent::Buffered);
    }
    world.answer(client, accepted(Some(event("answer")), false));
    assert_eq!(world.send(client, "4"), Sent::Ok);
    world.settle();
    let expected = "data: answer\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n";
    assert_eq!(payload_after(&world, client), expected);
}

#[test]
fn everything_kept_leaves_with_the_head_in_one_flush() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, "1");
    world.send(client, "2");
    world.answer(client, accepted(Some(event("answer")), true));
    assert_eq!(world.shard.effects_waiting(), 1);
}

#[test]
fn a_close_in_the_answer_ends_the_stream_after_everything_kept() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, "kept");
    world.answer(client, accepted(Some(event("answer")), true));
    assert_eq!(world.send(client, "late"), Sent::NotFound);
    world.settle();
    assert_eq!(world.payload(client), ("data: answer\n\ndata: kept\n\n".into(), true));
    assert_eq!(world.told, [(client.token, CloseReason::ServerClosed, true)]);
}

#[test]
fn a_kept_close_ends_the_stream_after_what_was_kept_before_it() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, "1");
    assert_eq!(world.send_frame(client, Some(&event("2")), true), Sent::Buffered);
    world.accept(client);
    assert_eq!(world.payload(client), ("data: 1\n\ndata: 2\n\n".into(), true));
}

#[test]
fn what_follows_a_kept_close_is_not_found() {
    let mut world = World::new();
    let client = world.connect();
    assert_eq!(world.close(client), Sent::Buffered);
    assert_eq!(world.send(client, "late"), Sent::NotFound);
    assert_eq!(world.close(client), Sent::NotFound);
    world.accept(client);
    assert_eq!(world.text(client), format!("{HEAD}{LAST_CHUNK}"));
}

#[test]
fn a_refused_connect_leaves_nothing_but_a_count() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, "1");
    world.send(client, "2");
    world.answer(client, Answer::Refused);
    world.settle();
    assert_eq!(world.send(client, "late"), Sent::NotFound);
    assert_eq!((world.forgotten, world.told), (vec![client.token], vec![]));
    assert_eq!(world.shard.tally().undelivered, [2, 0, 0, 0]);
    assert_eq!(world.shard.outbox_bytes(), 0);
}

#[test]
fn a_connect_whose_outcome_is_unknown_is_disconnected_as_an_error() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, "1");
    world.answer(client, Answer::Unknown);
    world.settle();
    assert_eq!(world.send(client, "late"), Sent::NotFound);
    assert_eq!(world.told, [(client.token, CloseReason::Error, false)]);
    assert_eq!(world.shard.tally().undelivered, [1, 0, 0, 0]);
}

#[test]
fn a_second_answer_changes_nothing() {
    let mut world = World::new();
    let client = world.open();
    for answer in [accepted(Some(event("again")), true), Answer::Refused, Answer::Unknown] {
        assert_eq!(world.shard.answered(client.key, answer, world.now), None);
    }
    world.settle();
    assert_eq!(world.text(client), HEAD);
    assert_eq!(world.send(client, "on"), Sent::Ok);
}

#[test]
fn an_unframed_stream_gets_the_payload_alone_and_ends_without_a_last_chunk() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, "kept");
    let unframed = Accepted { framing: Framing::Unframed, ..opening(None) };
    world.answer(client, Answer::Accepted(unframed));
    world.settle();
    world.send(client, "live");
    world.settle();
    assert_eq!(world.close(client), Sent::Ok);
    world.settle();
    assert_eq!(world.text(client), format!("{HEAD}data: kept\n\ndata: live\n\n"));
    assert_eq!(world.told, [(client.token, CloseReason::ServerClosed, true)]);
}

#[test]
fn the_event_of_the_answer_may_be_larger_than_the_outbox() {
    let mut world = World::new();
    let client = world.connect();
    let large = "x".repeat(5_000);
    world.answer(client, accepted(Some(event(&large)), false));
    world.wire_mut(client).room = 0;
    world.settle();
    assert_eq!(world.shard.send(&client.token, Some(&event("next")), false, Attempt::First), Sent::Ok);
    world.drain_kernel(client, usize::MAX);
    assert_eq!(world.payload(client).0, format!("data: {large}\n\ndata: next\n\n"));
}
