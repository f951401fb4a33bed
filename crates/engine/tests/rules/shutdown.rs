//! Protocol 1.5 and PITFALLS 24: a shutdown ends cleanly, calls back, and counts what it cuts off.

use sse_gateway_engine::{Answer, Sent};
use sse_gateway_protocol::callback::CloseReason::ServerClosed;

use crate::world::{WireEnd, World, event};

#[test]
fn a_shutdown_ends_open_streams_after_what_they_hold() {
    let mut world = World::new();
    let clients: Vec<_> = (0..3).map(|_| world.open()).collect();
    for client in &clients {
        world.send(*client, "last");
    }
    world.shard.shut_down();
    assert_eq!(world.send(clients[0], "late"), Sent::NotFound);
    world.settle();
    for client in &clients {
        assert_eq!(world.payload(*client), ("data: last\n\n".into(), true));
        assert_eq!(world.ends(*client), [WireEnd::WriteShutDown]);
        assert!(world.told.contains(&(client.token, ServerClosed, true)));
    }
    assert_eq!(world.told.len(), 3);
}

#[test]
fn a_stream_still_opening_is_told_once_its_callback_has_answered() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, "kept");
    world.shard.shut_down();
    world.settle();
    assert!(world.told.is_empty());
    world.accept(client);
    assert!(!world.has_head(client));
    assert_eq!(world.told, [(client.token, ServerClosed, false)]);
    assert_eq!(world.shard.tally().undelivered, [0, 0, 0, 1]);
}

#[test]
fn a_connect_that_comes_during_a_shutdown_does_not_open() {
    let mut world = World::new();
    world.shard.shut_down();
    let client = world.connect();
    world.accept(client);
    assert!(!world.has_head(client));
    assert_eq!(world.told, [(client.token, ServerClosed, false)]);
}

#[test]
fn a_second_shutdown_changes_nothing() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.shard.shut_down();
    world.shard.shut_down();
    world.drain_kernel(client, usize::MAX);
    assert_eq!(world.payload(client), (String::new(), true));
    assert_eq!(world.told.len(), 1);
}

#[test]
fn what_the_budget_cuts_off_is_counted_once() {
    let mut world = World::new();
    let (opening, stuck, ending, drained) =
        (world.connect(), world.open_stuck(), world.open_stuck(), world.open());
    world.send(opening, "1");
    world.send(stuck, "2");
    world.send_frame(ending, Some(&event("3")), true);
    world.close(drained);
    world.settle();
    assert_eq!(world.shard.abandon(), 3, "the drained one was told already");
    assert_eq!(world.shard.abandon(), 0);
    assert_eq!(world.shard.tally().undelivered, [0, 0, 0, 3]);
    assert_eq!(world.shard.outbox_bytes(), 0);
    assert_eq!(world.shard.next_deadline(), None);
    world.answer(opening, Answer::Refused);
    assert_eq!(world.shard.tally().undelivered, [0, 0, 0, 3]);
}
