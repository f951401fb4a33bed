//! Protocol 2.2: what a client misses it is told, once, before what follows.

use std::time::Duration;

use sse_gateway_engine::Tally;
use sse_gateway_protocol::callback::From;

use crate::world::{HEAD, World, now, position, start, wishes};

fn gap(reason: &str, topics: &str, from: Option<&str>, to: u64) -> String {
    let from = from.map_or("null".to_owned(), |from| format!("\"{from}\""));
    format!(r#"gap {{"reason":"{reason}","topics":[{topics}],"from":{from},"to":"{}"}}"#, position(to))
}

/// Publishes one event more for each text than a topic keeps.
fn overflow(world: &mut World, topic: &str, dropped: usize) {
    (0..8 + dropped).for_each(|number| {
        world.publish(topic, &[&format!("{topic}{number}")]);
    });
}

#[test]
fn a_cursor_before_what_was_dropped_is_told_a_gap_and_then_all_that_is_retained() {
    let mut world = World::new();
    overflow(&mut world, "t", 2);
    let client = world.open_on(&now(&["t"]), Some(&position(1)));
    let heard = world.heard(client);
    assert_eq!(heard[0], gap("expired", r#""t""#, Some(&position(1)), 2));
    assert_eq!((heard[1].as_str(), heard.len()), ("t2@3", 9));
    assert_eq!(world.shard.tally().gaps, [1, 0, 0, 0]);
}

#[test]
fn a_cursor_at_what_was_dropped_is_no_gap() {
    let mut world = World::new();
    overflow(&mut world, "t", 2);
    let client = world.open_on(&now(&["t"]), Some(&position(2)));
    assert_eq!(world.heard(client)[0], "t2@3");
}

#[test]
fn a_resume_at_the_end_of_a_gap_gives_just_what_followed() {
    let mut world = World::new();
    overflow(&mut world, "t", 2);
    let told = world.open_on(&now(&["t"]), Some(&position(1)));
    let resumed = world.open_on(&now(&["t"]), Some(&position(2)));
    assert_eq!(world.heard(told)[1..], world.heard(resumed));
}

#[test]
fn a_gap_names_the_topics_that_it_concerns() {
    let mut world = World::new();
    world.publish("whole", &["w"]);
    overflow(&mut world, "t", 1);
    overflow(&mut world, "u", 1);
    let client = world.open_on(&now(&["whole", "t", "u"]), Some(&position(1)));
    let heard = world.heard(client);
    assert_eq!(heard[0], gap("expired", r#""t","u""#, Some(&position(1)), 2));
    assert_eq!(heard.iter().filter(|block| block.starts_with("gap")).count(), 1);
}

#[test]
fn a_cursor_that_names_no_position_is_unknown_and_gets_all_that_is_retained() {
    for cursor in ["nonsense", "life1-", "life1-007", &"x".repeat(65)] {
        let mut world = World::new();
        world.publish("t", &["a", "b"]);
        let client = world.open_on(&now(&["t", "u"]), Some(cursor));
        let asked = &cursor[..cursor.len().min(64)];
        let expected = [gap("unknown", r#""t","u""#, Some(asked), 0), "a@1".into(), "b@2".into()];
        assert_eq!(world.heard(client), expected);
        assert_eq!(world.shard.tally().gaps[3], 1);
    }
}

#[test]
fn a_cursor_of_another_life_gets_all_that_is_retained() {
    let mut world = World::new();
    world.publish("t", &["a"]);
    let client = world.open_on(&now(&["t"]), Some("life0-1"));
    assert_eq!(world.heard(client), [gap("epoch", r#""t""#, Some("life0-1"), 0), "a@1".into()]);
}

#[test]
fn a_cursor_of_the_future_goes_on_live_and_is_placed_by_a_cursor_event() {
    let mut world = World::new();
    world.publish("t", &["a"]);
    let client = world.open_on(&now(&["t"]), Some(&position(99)));
    world.publish("t", &["b"]);
    world.settle();
    let expected = [gap("future", r#""t""#, Some(&position(99)), 2), "cursor@2".into(), "b@3".into()];
    assert_eq!(world.heard(client), expected);
}

#[test]
fn a_gap_with_nothing_behind_it_is_followed_by_a_cursor() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), Some("life0-1"));
    assert_eq!(world.heard(client), [gap("epoch", r#""t""#, Some("life0-1"), 1), "cursor@1".into()]);
}

#[test]
fn what_was_dropped_adds_no_second_gap_to_that_of_a_lost_cursor() {
    let mut world = World::new();
    overflow(&mut world, "t", 1);
    let client = world.open_on(&now(&["t", "u"]), Some("life0-1"));
    let heard = world.heard(client);
    assert_eq!(heard[0], gap("epoch", r#""t","u""#, Some("life0-1"), 1));
    assert!(heard[1..].iter().all(|block| !block.starts_with("gap")), "{heard:?}");
}

#[test]
fn from_start_without_a_cursor_tells_of_what_is_gone() {
    let mut world = World::new();
    overflow(&mut world, "t", 1);
    let client = world.open_on(&start(&["t"]), None);
    assert_eq!(world.heard(client)[0], gap("expired", r#""t""#, None, 1));
    let client = world.open_on(&wishes(&["t"], &From::Last), None);
    assert_eq!(world.heard(client), ["t8@9"], "the newest event is not gone");
}

#[test]
fn a_replay_that_retention_overtakes_is_told_where_it_stood() {
    let mut world = World::new();
    (1..=8).for_each(|number| {
        world.publish("t", &[&number.to_string().repeat(80)]);
    });
    let client = world.connect();
    world.listen(client, &start(&["t"]), None);
    world.wire_mut(client).room = HEAD.len();
    world.settle();
    overflow(&mut world, "t", 0);
    world.drain_kernel(client, usize::MAX);
    let heard = world.heard(client);
    assert!(heard[2].ends_with("@3"), "the first page");
    assert_eq!(heard[3], gap("expired", r#""t""#, Some(&position(3)), 9));
    assert_eq!((heard[4].as_str(), heard.len()), ("t0@10", 12));
}

#[test]
fn a_replay_whose_rest_is_too_old_is_told_and_placed() {
    let mut world = World::new();
    (1..=8).for_each(|number| {
        world.publish("t", &[&number.to_string().repeat(80)]);
    });
    let client = world.connect();
    world.listen(client, &start(&["t"]), None);
    world.wire_mut(client).room = HEAD.len();
    world.settle();
    world.log.tick(world.now + Duration::from_secs(1_000));
    world.drain_kernel(client, usize::MAX);
    assert_eq!(
        world.heard(client)[3..],
        [gap("expired", r#""t""#, Some(&position(3)), 9), "cursor@9".into()]
    );
}

#[test]
fn the_reasons_are_counted_in_the_order_of_their_names() {
    let mut world = World::new();
    overflow(&mut world, "t", 1);
    for cursor in ["life1-0", "life1-99", "life1-98", "other-1", "?"] {
        world.open_on(&now(&["t"]), Some(cursor));
    }
    assert_eq!(world.shard.tally().gaps, [1, 2, 1, 1]);
    assert_eq!(Tally::GAPS, ["expired", "future", "epoch", "unknown"]);
}
