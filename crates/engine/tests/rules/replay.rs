//! Protocol 2.2 and 2.4: replay and live meet without a seam, in sequence order, at the reader's pace.

use sse_gateway_engine::Effect;
use sse_gateway_protocol::callback::From;

use crate::world::{Client, HEAD, World, now, position, start, wishes};

#[test]
fn what_is_retained_comes_first_and_then_what_is_published() {
    let mut world = World::new();
    world.publish("t", &["a", "b"]);
    let client = world.open_on(&start(&["t"]), None);
    world.publish("t", &["c"]);
    world.settle();
    assert_eq!(world.heard(client), ["a@1", "b@2", "c@4"]);
}

#[test]
fn a_client_that_comes_back_hears_what_it_has_missed_once() {
    let mut world = World::new();
    world.publish("t", &["a", "b", "c"]);
    let client = world.open_on(&now(&["t"]), Some(&position(1)));
    assert_eq!(world.heard(client), ["b@2", "c@3"]);
}

#[test]
fn what_is_published_between_the_pages_comes_once_and_in_order() {
    let mut world = World::new();
    for number in 1..=5 {
        world.publish("t", &[&number.to_string()]);
    }
    let client = world.connect();
    world.listen(client, &start(&["t"]), None);
    let mut published = 0;
    while let Some(effect) = world.shard.next_effect() {
        world.carry_out(effect);
        if published < 3 {
            published += 1;
            world.publish("t", &["between"]);
            world.apply_offers();
        }
    }
    let expected = ["1@1", "2@2", "3@3", "4@4", "5@5", "between@7", "between@8", "between@9"];
    assert_eq!(world.heard(client), expected);
}

#[test]
fn an_offer_that_waited_while_its_event_was_read_is_not_heard_twice() {
    let mut world = World::new();
    let client = world.connect();
    world.listen(client, &start(&["t"]), None);
    world.publish("t", &["a", "b"]);
    assert_eq!(world.inbox.len(), 1);
    world.carry_out_effects();
    world.settle();
    assert_eq!(world.heard(client), ["cursor@1", "a@2", "b@3"]);
}

#[test]
fn an_offer_that_a_replaying_stream_lets_pass_is_read() {
    let mut world = World::new();
    let client = world.connect();
    world.listen(client, &start(&["t"]), None);
    world.publish("t", &["a", "b"]);
    world.apply_offers();
    assert_eq!(world.shard.tally().events_accepted, 0);
    world.carry_out_effects();
    assert_eq!(world.heard(client), ["cursor@1", "a@2", "b@3"]);
}

#[test]
fn the_topics_of_a_stream_come_in_the_order_of_their_one_sequence() {
    let mut world = World::new();
    for topic in ["a", "b", "a", "c", "b", "a", "c"] {
        world.publish(topic, &[topic]);
    }
    let client = world.open_on(&start(&["a", "b", "c"]), None);
    world.publish("c", &["c"]);
    world.publish("a", &["a"]);
    world.settle();
    let expected = ["a@1", "b@2", "a@3", "c@4", "b@5", "a@6", "c@7", "c@9", "a@10"];
    assert_eq!(world.heard(client), expected);
}

#[test]
fn the_events_of_one_publish_leave_in_one_flush() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), None);
    world.publish("t", &["a", "b", "c"]);
    world.apply_offers();
    assert_eq!(world.shard.next_effect(), Some(Effect::Flush(client.key)));
    assert_eq!(world.shard.next_effect(), None);
}

#[test]
fn the_first_page_leaves_with_the_head_and_what_was_kept() {
    let mut world = World::new();
    world.publish("t", &["a"]);
    let client = world.connect();
    world.send(client, "kept");
    world.listen(client, &start(&["t"]), None);
    for expected in [Effect::Read(client.key), Effect::Flush(client.key)] {
        assert_eq!(world.shard.next_effect().as_ref(), Some(&expected));
        assert!(!world.has_head(client), "nothing is written before the flush");
        world.carry_out(expected);
    }
    assert_eq!(world.heard(client), ["kept", "a@1"]);
    assert_eq!(world.shard.next_effect(), None);
}

#[test]
fn the_head_leaves_with_a_page_that_brings_nothing_and_another_is_read() {
    let mut world = World::new();
    let client = world.connect();
    world.listen(client, &start(&["t"]), None);
    assert_eq!(world.shard.next_effect(), Some(Effect::Read(client.key)));
    world.shard.replay(client.key, sse_gateway_engine::log::Page::default());
    let flush = world.shard.next_effect().expect("a flush");
    world.carry_out(flush);
    assert!(world.has_head(client));
    assert_eq!(world.shard.next_effect(), Some(Effect::Read(client.key)));
}

/// A stream from the start of eight events, whose socket takes nothing after the head.
fn stuck_behind(world: &mut World) -> Client {
    for number in 1..=8 {
        world.publish("t", &[&number.to_string().repeat(80)]);
    }
    let client = world.connect();
    world.listen(client, &start(&["t"]), None);
    world.wire_mut(client).room = HEAD.len();
    world.settle();
    client
}

#[test]
fn a_page_waits_for_its_reader() {
    let mut world = World::new();
    let client = stuck_behind(&mut world);
    assert_eq!(world.shard.tally().replayed, 3, "one page");
    world.shard.wrote(client.key, 200, true, world.now);
    world.carry_out_effects();
    assert_eq!(world.shard.tally().replayed, 3, "a quarter of a page is more than what is left");
    world.shard.wrote(client.key, 40, true, world.now);
    world.carry_out_effects();
    assert_eq!(world.shard.tally().replayed, 6);
}

#[test]
fn at_most_one_read_of_a_stream_is_queued() {
    let mut world = World::new();
    let client = stuck_behind(&mut world);
    for _ in 0..3 {
        world.shard.wrote(client.key, 95, true, world.now);
    }
    world.shard.wrote(client.key, 1, true, world.now);
    assert_eq!(world.shard.next_effect(), Some(Effect::Read(client.key)));
    assert_eq!(world.shard.next_effect(), None);
}

#[test]
fn a_slow_reader_gets_everything_in_the_end() {
    let mut world = World::new();
    let client = stuck_behind(&mut world);
    for _ in 0..200 {
        world.drain_kernel(client, 7);
    }
    let heard: Vec<String> =
        (1..=8).map(|number| format!("{}@{number}", number.to_string().repeat(80))).collect();
    assert_eq!(world.heard(client), heard);
}

#[test]
fn nothing_is_read_for_a_stream_that_is_gone_or_live() {
    let mut world = World::new();
    let (gone, live) = (world.connect(), world.open_on(&now(&["t"]), None));
    world.listen(gone, &start(&["t"]), None);
    world.shard.client_left(gone.key);
    assert!(world.shard.reading(gone.key).is_none());
    assert!(world.shard.reading(live.key).is_none());
    world.shard.replay(live.key, sse_gateway_engine::log::Page::default());
    world.settle();
    assert_eq!(world.heard(live), ["cursor@1"]);
}

#[test]
fn what_the_disk_did_not_hold_when_a_stream_opened_comes_to_it_later() {
    let mut world = World::new();
    world.publish("both", &["old"]);
    world.disk_is_slow = true;
    world.publish("both", &["a"]);
    world.publish("later", &["b"]);
    let client = world.connect();
    world.listen(client, &[start(&["both"]), now(&["later"])].concat(), None);
    world.carry_out_effects();
    assert_eq!(world.heard(client), ["old@1"]);
    world.disk_is_slow = false;
    world.publish("later", &["c"]);
    world.publish("both", &["d"]);
    world.settle();
    assert_eq!(world.heard(client), ["old@1", "a@2", "c@5", "d@6"], "`later` is heard from now on");
}

#[test]
fn the_newest_event_alone_is_replayed_from_last() {
    let mut world = World::new();
    world.publish("t", &["a", "b"]);
    let client = world.open_on(&wishes(&["t"], &From::Last), None);
    world.publish("t", &["c"]);
    world.settle();
    assert_eq!(world.heard(client), ["b@2", "c@4"]);
}
