//! Protocol 2.2: the end of a topic, as each of its streams hears it.

use sse_gateway_engine::Census;
use sse_gateway_protocol::callback::CloseReason::{ClientClosed, ServerClosed};

use crate::world::{WireEnd, World, now, position, start};

#[test]
fn the_end_of_its_only_topic_ends_a_stream_after_the_topics_last_events() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), None);
    world.complete("t", &["a", "b"], "done");
    world.settle();
    assert_eq!(world.heard(client), ["cursor@1", "a@2", "b@3", "connection_close done@4", "end"]);
    assert_eq!(world.ends(client), [WireEnd::WriteShutDown]);
    assert_eq!(world.told, [(client.token, ServerClosed, true)]);
}

#[test]
fn a_stream_with_other_topics_goes_on_without_the_one_that_ended() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t", "u"]), None);
    world.complete("t", &["a"], "done");
    world.publish("u", &["b"]);
    world.settle();
    let told = r#"topic_close {"topic":"t","reason":"done"}@3"#;
    assert_eq!(world.heard(client), ["cursor@1", "a@2", told, "b@4"]);
    assert_eq!((world.times_left(client.key), world.receivers("t")), (vec![1], 0));
}

#[test]
fn a_stream_ends_with_the_last_of_its_topics() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t", "u"]), None);
    world.complete("t", &[], "first");
    world.complete("u", &[], "second");
    world.settle();
    let told = r#"topic_close {"topic":"t","reason":"first"}@2"#;
    assert_eq!(world.heard(client), ["cursor@1", told, "connection_close second@3", "end"]);
}

#[test]
fn an_end_that_is_replayed_is_the_same() {
    let mut world = World::new();
    world.publish("t", &["a"]);
    world.complete("u", &["b"], "first");
    world.complete("t", &["c"], "second");
    let client = world.open_on(&start(&["t", "u"]), None);
    let told = r#"topic_close {"topic":"u","reason":"first"}@3"#;
    assert_eq!(world.heard(client), ["a@1", "b@2", told, "c@4", "connection_close second@5", "end"]);
    assert_eq!((world.receivers("t"), world.receivers("u")), (0, 0));
}

#[test]
fn an_end_that_is_all_there_is_places_the_client() {
    let mut world = World::new();
    world.complete("t", &["a"], "done");
    let client = world.open_on(&now(&["t"]), None);
    assert_eq!(world.heard(client), ["connection_close done@2", "end"]);
}

#[test]
fn an_end_is_heard_once_by_a_stream_that_read_it_before_it_was_offered() {
    let mut world = World::new();
    let client = world.connect();
    world.listen(client, &now(&["t", "u"]), None);
    world.complete("t", &["a"], "done");
    world.carry_out_effects();
    world.settle();
    let told = r#"topic_close {"topic":"t","reason":"done"}@3"#;
    assert_eq!(world.heard(client), ["cursor@1", "a@2", told]);
    assert_eq!(world.times_left(client.key), [1]);
}

#[test]
fn nothing_follows_the_end() {
    let mut world = World::new();
    let client = world.open_stuck_on("t");
    world.complete("t", &[], "done");
    world.apply_offers();
    assert_eq!(world.send(client, "late"), sse_gateway_engine::Sent::NotFound);
    world.publish("u", &["x"]);
    world.drain_kernel(client, usize::MAX);
    assert_eq!(world.heard(client), ["cursor@1", "connection_close done@2", "end"]);
}

#[test]
fn each_of_many_streams_hears_the_end_whatever_else_it_listens_to() {
    let mut world = World::new();
    let alone: Vec<_> = (0..5).map(|_| world.open_on(&now(&["t"]), None)).collect();
    let both: Vec<_> = (0..5).map(|_| world.open_on(&now(&["t", "u"]), None)).collect();
    world.complete("t", &[], "done");
    world.settle();
    assert!(alone.iter().all(|client| world.heard(*client).last().is_some_and(|last| last == "end")));
    world.complete("u", &[], "done");
    world.settle();
    assert!(both.iter().all(|client| world.heard(*client).len() == 4), "{:?}", world.heard(both[0]));
    assert_eq!((world.receivers("t"), world.receivers("u"), world.told.len()), (0, 0, 10));
}

#[test]
fn a_deleted_topic_ends_like_a_complete_one() {
    let mut world = World::new();
    let (live, replaying) = (world.open_on(&now(&["t"]), None), world.connect());
    world.listen(replaying, &start(&["t"]), None);
    world.log.delete("t").expect("it was there");
    world.commit();
    world.settle();
    assert_eq!(world.heard(live), ["cursor@1", "connection_close deleted@3", "end"]);
    assert_eq!(world.heard(replaying).last().map(String::as_str), Some("end"));
}

#[test]
fn when_all_was_over_at_the_clients_cursor_the_stream_does_not_open() {
    let mut world = World::new();
    let end = world.complete("t", &["a"], "done");
    let client = world.connect();
    world.send(client, "kept");
    world.listen(client, &now(&["t"]), Some(&position(end)));
    world.settle();
    assert!(!world.has_head(client));
    assert_eq!(world.told, [(client.token, ServerClosed, false)]);
    assert_eq!(world.shard.tally().undelivered, [1, 0, 0, 0]);
    assert_eq!(world.shard.census(), Census::default());
}

#[test]
fn a_client_that_left_before_it_heard_that_all_was_over_is_client_closed() {
    let mut world = World::new();
    let end = world.complete("t", &[], "done");
    let client = world.connect();
    world.shard.client_left(client.key);
    world.listen(client, &now(&["t"]), Some(&position(end)));
    world.settle();
    assert_eq!(world.told, [(client.token, ClientClosed, false)]);
}
