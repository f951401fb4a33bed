//! The races of PITFALLS.md that the engine makes impossible, each forced, by its number there.

use sse_gateway_engine::{Answer, Attempt, Effect, Sent};
use sse_gateway_protocol::callback::CloseReason;

use crate::world::{World, accepted, event};

#[test]
fn race_1_a_close_is_answered_before_its_disconnect_is_even_issued() {
    let mut world = World::new();
    let client = world.open();
    assert_eq!(world.shard.send(&client.token, None, true, Attempt::First), Sent::Ok);
    assert_eq!(world.shard.next_effect(), Some(Effect::Flush(client.key)));
    assert_eq!(world.shard.next_effect(), None);
}

#[test]
fn race_4_what_a_stream_kept_and_never_opened_is_counted_and_never_called_delivered() {
    for (answer, cause) in [(Answer::Refused, 0), (Answer::Unknown, 0), (accepted(None, false), 1)] {
        let mut world = World::new();
        let client = world.connect();
        world.send(client, "1");
        if cause == 1 {
            world.shard.client_left(client.key);
        }
        world.answer(client, answer);
        world.settle();
        assert_eq!(world.shard.tally().undelivered[cause], 1);
        assert_eq!(world.shard.tally().events_written, 0);
        assert!(world.told.iter().all(|(.., opened)| !opened), "`opened` tells the backend");
    }
}

#[test]
fn race_5_sends_during_the_callback_are_answered_without_waiting_for_it() {
    let mut world = World::new();
    let client = world.connect();
    for number in 0..50 {
        assert_eq!(world.send(client, &number.to_string()), Sent::Buffered);
    }
    world.accept(client);
    let expected: String = (0..50).map(|number| format!("data: {number}\n\n")).collect();
    assert_eq!(world.payload(client).0, expected);
}

#[test]
fn race_6_a_send_to_a_replaced_stream_touches_only_that_stream() {
    let mut world = World::new();
    let (old, new) = (world.open(), world.open());
    world.close(old);
    world.settle();
    assert_eq!(world.send(old, "stale"), Sent::NotFound);
    assert_eq!(world.send(new, "live"), Sent::Ok);
    world.settle();
    assert_eq!(world.payload(new).0, "data: live\n\n");
}

#[test]
fn race_7_nothing_comes_between_the_events_of_a_send_and_its_end() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.send(client, "before");
    assert_eq!(world.send_frame(client, Some(&event("terminal")), true), Sent::Ok);
    assert_eq!(world.send(client, "after"), Sent::NotFound);
    world.advance(std::time::Duration::from_secs(16));
    world.drain_kernel(client, usize::MAX);
    assert_eq!(world.payload(client), ("data: before\n\ndata: terminal\n\n".into(), true));
}

#[test]
fn race_8_no_disconnect_is_issued_before_the_connect_is_answered() {
    let mut world = World::new();
    let client = world.connect();
    world.close(client);
    world.shard.client_left(client.key);
    world.shard.shut_down();
    world.advance(std::time::Duration::from_secs(60));
    assert!(world.told.is_empty());
    world.accept(client);
    assert_eq!(world.told, [(client.token, CloseReason::ClientClosed, false)]);
}

#[test]
fn race_9_a_client_that_leaves_during_the_callback_is_told_whichever_comes_first() {
    let mut world = World::new();
    let (before, after) = (world.connect(), world.connect());
    world.shard.client_left(before.key);
    world.answer(before, accepted(None, false));
    world.answer(after, accepted(None, false));
    world.shard.client_left(after.key);
    world.settle();
    let told = |client: crate::world::Client, opened| (client.token, CloseReason::ClientClosed, opened);
    assert_eq!(world.told, [told(before, false), told(after, true)]);
}
