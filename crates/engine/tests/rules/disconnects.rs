//! Protocol 1.4: exactly one disconnect for every connect that was accepted or may have been.

use std::time::Duration;

use sse_gateway_engine::{Answer, Cut};
use sse_gateway_protocol::callback::CloseReason::{ClientClosed, Error, ServerClosed};

use crate::world::{Client, World, accepted, event};

/// What ends a stream.
type End = fn(&mut World, Client);

#[test]
fn each_end_of_an_open_stream_has_its_reason() {
    let ends: [(&str, End, _); 7] = [
        ("client left", |world, client| world.shard.client_left(client.key), ClientClosed),
        ("close", close, ServerClosed),
        ("shutdown", |world, _| world.shard.shut_down(), ServerClosed),
        ("slow", |world, client| world.shard.cut(client.key, Cut::Slow), Error),
        ("write deadline", stall, Error),
        ("vanished", |world, client| world.shard.cut(client.key, Cut::Vanished), Error),
        ("our failure", |world, client| world.shard.cut(client.key, Cut::Input), Error),
    ];
    for (name, end, reason) in ends {
        let mut world = World::new();
        let client = world.open();
        end(&mut world, client);
        world.settle();
        // Whatever comes after the end must not be told again.
        world.shard.client_left(client.key);
        world.shard.cut(client.key, Cut::Vanished);
        world.shard.shut_down();
        world.advance(Duration::from_secs(120));
        assert_eq!(world.told, [(client.token, reason, true)], "{name}");
        assert!(world.forgotten.is_empty(), "{name}");
        assert_eq!(world.shard.census(), sse_gateway_engine::Census::default(), "{name}");
        assert_eq!(world.shard.next_deadline(), None, "{name}: nothing is left to wait for");
    }
}

fn close(world: &mut World, client: Client) {
    world.close(client);
}

fn stall(world: &mut World, client: Client) {
    world.wire_mut(client).room = 0;
    world.send(client, "unread");
    world.settle();
    world.advance(Duration::from_secs(31));
}

#[test]
fn each_outcome_of_a_connect_that_did_not_open_has_its_disconnect() {
    let left: End = |world, client| world.shard.client_left(client.key);
    let shut: End = |world, _| world.shard.shut_down();
    let stayed: End = |_, _| {};
    let yes = || accepted(Some(event("1")), true);
    let outcomes = [
        ("refused", stayed, Answer::Refused, None),
        ("unknown", stayed, Answer::Unknown, Some(Error)),
        ("left, accepted", left, yes(), Some(ClientClosed)),
        ("left, refused", left, Answer::Refused, None),
        ("left, unknown", left, Answer::Unknown, Some(Error)),
        ("shutdown, accepted", shut, yes(), Some(ServerClosed)),
        ("shutdown, refused", shut, Answer::Refused, None),
        ("shutdown, unknown", shut, Answer::Unknown, Some(Error)),
    ];
    for (name, before, answer, reason) in outcomes {
        let mut world = World::new();
        let client = world.connect();
        before(&mut world, client);
        world.settle();
        assert!(world.told.is_empty(), "{name}: nothing is told before the outcome is known");
        world.answer(client, answer);
        world.settle();
        let told: Vec<_> = reason.map(|reason| (client.token, reason, false)).into_iter().collect();
        assert_eq!(world.told, told, "{name}");
        assert_eq!(world.forgotten.len(), usize::from(reason.is_none()), "{name}");
        assert!(!world.has_head(client), "{name}");
    }
}

#[test]
fn what_happens_first_while_opening_decides_the_reason() {
    let mut world = World::new();
    let (left, shut) = (world.connect(), world.connect());
    world.shard.client_left(left.key);
    world.shard.shut_down();
    world.shard.client_left(shut.key);
    world.accept(left);
    world.accept(shut);
    assert_eq!(world.told, [(left.token, ClientClosed, false), (shut.token, ServerClosed, false)]);
}

#[test]
fn a_client_that_leaves_before_the_end_is_written_is_client_closed() {
    let mut world = World::new();
    let client = world.open_stuck();
    world.send_frame(client, Some(&event("bye")), true);
    world.settle();
    world.shard.client_left(client.key);
    world.settle();
    assert_eq!(world.told, [(client.token, ClientClosed, true)]);
    assert_eq!(world.shard.tally().undelivered, [0, 1, 0, 0]);
}
