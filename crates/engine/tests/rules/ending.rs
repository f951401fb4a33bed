//! Protocol 1.4: how a stream ends on the wire.

use std::time::Duration;

use sse_gateway_engine::{Cut, Effect, Sent};
use sse_gateway_protocol::callback::CloseReason;

use crate::world::{HEAD, LAST_CHUNK, WireEnd, World, event, event_of};

#[test]
fn a_close_writes_the_event_then_the_last_chunk_then_shuts_the_write_side_down() {
    let mut world = World::new();
    let client = world.open();
    assert_eq!(world.send_frame(client, Some(&event("bye")), true), Sent::Ok);
    world.settle();
    assert_eq!(world.payload(client), ("data: bye\n\n".into(), true));
    assert_eq!(world.ends(client), [WireEnd::WriteShutDown]);
}

#[test]
fn a_close_alone_writes_the_last_chunk() {
    let mut world = World::new();
    let client = world.open();
    world.close(client);
    world.settle();
    assert_eq!(world.text(client), format!("{HEAD}{LAST_CHUNK}"));
}

#[test]
fn a_second_close_is_not_found_from_the_moment_of_the_first() {
    let mut world = World::new();
    let client = world.open();
    assert_eq!(world.close(client), Sent::Ok);
    assert_eq!(world.close(client), Sent::NotFound);
    assert_eq!(world.send(client, "late"), Sent::NotFound);
    world.settle();
    assert_eq!(world.close(client), Sent::NotFound);
}

#[test]
fn the_disconnect_waits_for_the_end_to_be_written_and_not_for_the_drain() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.send_frame(client, Some(&event("bye")), true);
    world.settle();
    assert!(world.told.is_empty(), "the end is not written yet");
    world.drain_kernel(client, usize::MAX);
    assert_eq!(world.told, [(client.token, CloseReason::ServerClosed, true)]);
    assert_eq!(world.ends(client), [WireEnd::WriteShutDown], "the drain goes on");
}

#[test]
fn the_drain_ends_with_the_clients_end() {
    let mut world = World::new();
    let client = world.open();
    world.close(client);
    world.settle();
    world.shard.client_left(client.key);
    world.settle();
    assert_eq!(world.ends(client), [WireEnd::WriteShutDown, WireEnd::Released]);
    assert_eq!(world.told.len(), 1);
    assert_eq!(world.shard.next_deadline(), None, "nothing is left to wait for");
}

#[test]
fn the_drain_ends_after_its_limit() {
    let mut world = World::new();
    let client = world.open();
    world.close(client);
    world.settle();
    world.advance(Duration::from_micros(4_999_999));
    assert_eq!(world.ends(client), [WireEnd::WriteShutDown]);
    world.advance(Duration::from_micros(1));
    assert_eq!(world.ends(client), [WireEnd::WriteShutDown, WireEnd::Released]);
    assert_eq!(world.told.len(), 1);
}

#[test]
fn a_client_that_sends_too_much_while_draining_is_cut_and_not_told_twice() {
    let mut world = World::new();
    let client = world.open();
    world.close(client);
    world.settle();
    world.shard.cut(client.key, Cut::Input);
    world.settle();
    assert_eq!(world.ends(client), [WireEnd::WriteShutDown, WireEnd::Cut]);
    assert_eq!(world.told, [(client.token, CloseReason::ServerClosed, true)]);
}

#[test]
fn an_error_end_drops_the_outbox_and_cuts_without_a_last_chunk() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.send_frame(client, Some(&event_of(100)), false);
    world.shard.cut(client.key, Cut::Vanished);
    world.wire_mut(client).room = usize::MAX;
    world.settle();
    assert_eq!(world.text(client), HEAD);
    assert_eq!(world.ends(client), [WireEnd::Cut]);
    assert_eq!(world.shard.tally().undelivered, [0, 1, 0, 0]);
    assert_eq!(world.shard.outbox_bytes(), 0);
}

#[test]
fn an_ended_stream_hears_no_heartbeat() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.send_frame(client, Some(&event("bye")), true);
    world.advance(Duration::from_secs(20));
    world.drain_kernel(client, usize::MAX);
    assert_eq!(world.payload(client), ("data: bye\n\n".into(), true));
}

#[test]
fn a_cut_off_while_opening_is_no_end() {
    let mut world = World::new();
    let client = world.connect();
    world.shard.cut(client.key, Cut::Input);
    assert!(world.shard.next_effect().is_none());
    world.accept(client);
    assert_eq!(world.send(client, "on"), Sent::Ok);
}

#[test]
fn the_disconnect_carries_the_request_of_the_connect() {
    let mut world = World::new();
    let client = world.open();
    world.close(client);
    let mut requests = Vec::new();
    while let Some(effect) = world.shard.next_effect() {
        if let Effect::Flush(key) = effect {
            let pending = world.shard.pending(key).expect("open").map(<[u8]>::len).sum();
            world.shard.wrote(key, pending, false, world.now);
        }
        if let Effect::Disconnect { request, .. } = effect {
            requests.push(request);
        }
    }
    assert_eq!(requests, ["request 1".into()]);
}
