//! Protocol 2.1: `retry_ms` stands inside the first block that has data, once.

use sse_gateway_engine::{Accepted, Answer};
use sse_gateway_protocol::sse::{Encoder, Frame};

use crate::world::{Client, World, event, now, opening, start};

fn with_retry(first: Option<Frame>) -> Accepted {
    Accepted { retry_ms: Some(700), ..opening(first) }
}

fn connect_and_keep(world: &mut World, kept: &[&str]) -> Client {
    let client = world.connect();
    kept.iter().for_each(|data| {
        world.send(client, data);
    });
    client
}

#[test]
fn it_goes_with_the_event_of_the_answer() {
    let mut world = World::new();
    let client = connect_and_keep(&mut world, &["kept"]);
    world.listen_with(client, &now(&["t"]), None, with_retry(Some(event("answer"))));
    world.settle();
    assert_eq!(world.heard(client), ["answer~700", "kept", "cursor@1"]);
}

#[test]
fn it_goes_with_the_first_that_was_kept() {
    let mut world = World::new();
    let client = connect_and_keep(&mut world, &["1", "2"]);
    world.listen_with(client, &now(&["t"]), None, with_retry(None));
    world.settle();
    assert_eq!(world.heard(client), ["1~700", "2", "cursor@1"]);
}

#[test]
fn it_goes_with_the_cursor() {
    let mut world = World::new();
    let client = world.connect();
    world.listen_with(client, &now(&["t"]), None, with_retry(None));
    world.publish("u", &["x"]);
    world.settle();
    assert_eq!(world.heard(client), ["cursor@2~700"]);
}

#[test]
fn it_goes_with_the_first_replayed_event() {
    let mut world = World::new();
    world.publish("t", &["a", "b"]);
    let client = world.connect();
    world.listen_with(client, &start(&["t"]), None, with_retry(None));
    world.settle();
    assert_eq!(world.heard(client), ["a@1~700", "b@2"]);
}

#[test]
fn it_waits_for_a_send_when_there_is_nothing_else_and_heartbeats_do_not_take_it() {
    let mut world = World::new();
    let client = world.connect();
    world.answer(client, Answer::Accepted(with_retry(None)));
    world.advance(std::time::Duration::from_secs(20));
    world.send(client, "1");
    world.send(client, "2");
    world.settle();
    assert_eq!(world.heard(client), [": heartbeat", "1~700", "2"]);
}

#[test]
fn a_send_that_brings_its_own_keeps_it() {
    let mut world = World::new();
    let client = world.connect();
    world.answer(client, Answer::Accepted(with_retry(None)));
    let mut encoder = Encoder::for_payload(16);
    encoder.event(None, "bye");
    encoder.retry(9);
    world.send_frame(client, Some(&encoder.finish()), true);
    world.settle();
    assert_eq!(world.heard(client), ["bye~9", "end"]);
}
