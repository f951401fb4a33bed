//! Protocol 2.3: a close by token, topic or subject tells why, and ends what listens.

use sse_gateway_engine::{Accepted, Answer, Sent, Then};
use sse_gateway_protocol::callback::From;

use crate::world::{Client, World, event, exclusive, now, opening, start};

#[test]
fn a_close_by_token_tells_why_and_ends_the_stream() {
    let mut world = World::new();
    let (original, listening) = (world.open(), world.open_on(&now(&["t"]), None));
    for client in [original, listening] {
        assert!(world.shard.close(&client.token, "bye"));
        assert_eq!(world.send(client, "late"), Sent::NotFound);
        assert!(!world.shard.close(&client.token, "again"));
    }
    world.settle();
    assert_eq!(world.heard(original), ["connection_close bye", "end"]);
    assert_eq!(world.heard(listening), ["cursor@1", "connection_close bye", "end"]);
    assert_eq!(world.receivers("t"), 0);
}

#[test]
fn a_close_by_token_while_opening_follows_what_was_kept() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, "kept");
    assert!(world.shard.close(&client.token, "bye"));
    assert!(!world.shard.close(&client.token, "again"));
    assert_eq!(world.send(client, "late"), Sent::NotFound);
    world.listen_with(client, &start(&["t"]), None, opening(Some(event("answer"))));
    world.settle();
    assert_eq!(world.heard(client), ["answer", "kept", "connection_close bye", "end"]);
    assert_eq!((world.times_left(client.key), world.receivers("t")), (vec![1], 0));
}

#[test]
fn a_close_that_was_kept_counts_and_returns_its_bytes() {
    let mut world = World::new();
    let (refused, opened) = (world.connect(), world.connect());
    for client in [refused, opened] {
        assert!(world.shard.close(&client.token, "bye"));
    }
    world.answer(refused, Answer::Refused);
    world.accept(opened);
    let tally = world.shard.tally();
    assert_eq!((tally.events_accepted, tally.events_written, tally.undelivered[0]), (2, 1, 1));
    assert_eq!(world.shard.outbox_bytes(), 0);
}

#[test]
fn a_close_by_topic_ends_those_who_listen_and_not_who_comes_after() {
    let mut world = World::new();
    let (first, both, other) = (
        world.open_on(&now(&["t"]), None),
        world.open_on(&now(&["u", "t"]), None),
        world.open_on(&now(&["u"]), None),
    );
    world.log.close_listeners("t", &"bye".into(), world.now).expect("there is one");
    let after = world.connect();
    world.listen(after, &now(&["t"]), None);
    world.settle();
    for client in [first, both] {
        assert!(world.heard(client).ends_with(&["connection_close bye".into(), "end".into()]));
    }
    world.publish("t", &["t"]);
    world.publish("u", &["u"]);
    world.settle();
    assert_eq!(
        (world.heard(after), world.heard(other)),
        (vec!["cursor@5".into(), "t@6".into()], vec!["cursor@3".into(), "u@7".into()])
    );
    assert_eq!((world.receivers("t"), world.receivers("u")), (1, 1));
}

#[test]
fn a_close_by_topic_ends_a_replaying_stream_at_its_place_in_the_sequence() {
    let mut world = World::new();
    world.publish("t", &["a"]);
    let client = world.connect();
    world.listen(client, &start(&["t"]), None);
    world.log.close_listeners("t", &"bye".into(), world.now).expect("there is one");
    world.publish("t", &["b"]);
    world.carry_out_effects();
    world.settle();
    assert_eq!(world.heard(client), ["a@1", "connection_close bye", "end"]);
}

fn open_of(world: &mut World, subject: &str, topics: &[&str]) -> Client {
    let client = world.connect();
    let accepted = Accepted { subject: Some(subject.into()), ..opening(None) };
    if topics.is_empty() {
        world.answer(client, Answer::Accepted(accepted));
    } else {
        world.listen_with(client, &now(topics), None, accepted);
    }
    world.settle();
    client
}

#[test]
fn a_close_by_subject_ends_all_its_streams_and_no_other() {
    let mut world = World::new();
    let mine =
        [open_of(&mut world, "me", &[]), open_of(&mut world, "me", &["t"]), open_of(&mut world, "me", &[])];
    let yours = open_of(&mut world, "you", &["t"]);
    world.close(mine[0]);
    assert_eq!(world.shard.close_subject("me", "bye"), 2);
    assert_eq!(world.shard.close_subject("me", "bye"), 0);
    assert_eq!(world.shard.close_subject("nobody", "bye"), 0);
    world.settle();
    assert_eq!(world.heard(mine[0]), ["end"]);
    assert_eq!(world.heard(mine[2]), ["connection_close bye", "end"]);
    assert_eq!((world.told.len(), world.receivers("t")), (3, 1));
    assert_eq!(world.send(yours, "on"), Sent::Ok);
}

#[test]
fn a_subject_loses_exactly_the_streams_that_end() {
    let mut world = World::new();
    let clients: Vec<Client> = (0..7).map(|_| open_of(&mut world, "me", &["t"])).collect();
    for client in [clients[0], clients[6], clients[3]] {
        world.shard.client_left(client.key);
    }
    world.settle();
    assert_eq!((world.shard.close_subject("me", "bye"), world.receivers("t")), (4, 4));
}

#[test]
fn a_missing_topic_ends_the_stream_with_what_the_answer_says() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, "kept");
    let then = Then::Close { last: Some(event("no such task")), reason: "not_found".into() };
    world.answer(client, Answer::Accepted(Accepted { then, retry_ms: Some(5), ..opening(None) }));
    world.settle();
    assert_eq!(world.heard(client), ["kept~5", "no such task", "connection_close not_found", "end"]);
    assert!(world.left.is_empty());
}

#[test]
fn an_open_stream_is_found_by_its_token() {
    let mut world = World::new();
    let (open, opening, ended) =
        (world.open_on(&exclusive("t", From::Now), None), world.connect(), world.open());
    world.close(ended);
    let found = [open, opening, ended].map(|client| world.shard.is_open(&client.token));
    assert_eq!(found, [Some(open.key), None, None]);
    assert_eq!(
        (world.shard.topics_after(open.key, &[], &[]), world.shard.topics_after(ended.key, &[], &[])),
        (1, 0)
    );
}
