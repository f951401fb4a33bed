//! Protocol 2.1: a client knows where it stands before its first event.

use crate::world::{World, now, position, start};

#[test]
fn a_stream_hears_where_it_listens_from_before_anything_live() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), None);
    world.publish("t", &["a"]);
    world.settle();
    assert_eq!(world.heard(client), ["cursor@1", "a@2"]);
}

#[test]
fn what_was_published_after_it_began_is_live_also_when_it_is_read() {
    let mut world = World::new();
    world.publish("t", &["before"]);
    let (now, start_of) = (now(&["t"]), start(&["t"]));
    let (from_now, from_start) = (world.connect(), world.connect());
    world.listen(from_now, &now, None);
    world.listen(from_start, &start_of, None);
    world.publish("t", &["a"]);
    world.carry_out_effects();
    assert_eq!(world.heard(from_now), ["cursor@2", "a@4"]);
    assert_eq!(world.heard(from_start), ["before@1", "a@4"]);
}

#[test]
fn a_replayed_event_takes_the_place_of_the_cursor() {
    let mut world = World::new();
    world.publish("t", &["a"]);
    let client = world.open_on(&start(&["t"]), None);
    assert_eq!(world.heard(client), ["a@1"]);
}

#[test]
fn a_client_that_has_missed_nothing_hears_a_cursor() {
    let mut world = World::new();
    world.publish("t", &["a"]);
    let client = world.open_on(&now(&["t"]), Some(&position(1)));
    assert_eq!(world.heard(client), ["cursor@2"]);
}

#[test]
fn a_direct_send_has_no_id_and_takes_no_cursors_place() {
    let mut world = World::new();
    let client = world.connect();
    world.send(client, "kept");
    world.listen(client, &now(&["t"]), None);
    world.settle();
    world.send(client, "direct");
    world.settle();
    assert_eq!(world.heard(client), ["kept", "cursor@1", "direct"]);
}

#[test]
fn a_client_that_leaves_before_its_first_event_resumes_without_a_hole() {
    let mut world = World::new();
    world.publish("t", &["before"]);
    let first = world.open_on(&now(&["t"]), None);
    assert_eq!(world.heard(first), ["cursor@2"]);
    world.shard.client_left(first.key);
    world.publish("t", &["meanwhile"]);
    let second = world.open_on(&now(&["t"]), Some(&position(2)));
    assert_eq!(world.heard(second), ["meanwhile@3"]);
}

#[test]
fn a_cursor_stands_before_what_the_disk_does_not_hold_yet() {
    let mut world = World::new();
    world.publish("t", &["a"]);
    world.disk_is_slow = true;
    world.publish("t", &["b"]);
    let client = world.connect();
    world.listen(client, &now(&["t"]), Some(&position(1)));
    world.carry_out_effects();
    assert_eq!(world.heard(client), ["cursor@1"], "from 3 it would miss b");
    world.disk_is_slow = false;
    world.commit();
    world.settle();
    assert_eq!(world.heard(client), ["cursor@1", "b@2"]);
}

#[test]
fn a_stream_from_now_stands_at_its_subscription_although_the_disk_is_behind() {
    let mut world = World::new();
    world.disk_is_slow = true;
    world.publish("t", &["before"]);
    let client = world.connect();
    world.listen(client, &now(&["t"]), None);
    world.carry_out_effects();
    assert_eq!(world.heard(client), ["cursor@2"]);
}

#[test]
fn a_stream_without_topics_hears_no_cursor() {
    let mut world = World::new();
    let client = world.open();
    assert!(world.heard(client).is_empty());
}
