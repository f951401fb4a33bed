//! Protocol 2.3: an open stream listens to other topics, in order with publishes.

use sse_gateway_engine::Effect;
use sse_gateway_engine::log::Refused;
use sse_gateway_protocol::callback::{CloseReason, From};

use crate::world::{Client, World, exclusive, now, start};

#[test]
fn an_added_topic_is_heard_from_the_change_on() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), None);
    world.publish("u", &["before"]);
    world.change(client, &now(&["u"]), &[]);
    world.publish("u", &["after"]);
    world.publish("t", &["too"]);
    world.settle();
    assert_eq!(world.heard(client), ["cursor@1", "after@4", "too@5"]);
}

#[test]
fn a_change_between_two_publishes_stays_between_them() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), None);
    world.publish("t", &["a"]);
    world.publish("u", &["not yet"]);
    world.change(client, &now(&["u"]), &[]);
    world.publish("u", &["b"]);
    world.publish("t", &["c"]);
    world.settle();
    assert_eq!(world.heard(client), ["cursor@1", "a@2", "b@5", "c@6"]);
}

#[test]
fn a_stream_without_topics_becomes_one_with() {
    let mut world = World::new();
    let client = world.open();
    let at = world.change(client, &now(&["t"]), &[]);
    world.settle();
    world.publish("t", &["a"]);
    world.settle();
    assert_eq!(world.heard(client), [format!("cursor@{at}"), "a@2".into()]);
    assert_eq!((world.shard.topics_after(client.key, &[], &[]), world.receivers("t")), (1, 1));
}

#[test]
fn a_removed_topic_is_not_heard_from_the_change_on() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t", "u"]), None);
    world.publish("t", &["before"]);
    world.change(client, &[], &["t"]);
    world.publish("t", &["after"]);
    world.publish("u", &["on"]);
    world.settle();
    assert_eq!(world.heard(client), ["cursor@1", "before@2", "on@5"]);
    assert_eq!((world.receivers("t"), world.receivers("u")), (0, 1));
}

#[test]
fn a_stream_whose_topics_are_all_removed_stays_open_for_sends() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t", "u"]), None);
    world.change(client, &[], &["t", "u"]);
    world.complete("t", &[], "done");
    world.settle();
    world.send(client, "on");
    world.settle();
    assert_eq!(world.heard(client), ["cursor@1", "on"]);
    world.shard.client_left(client.key);
    world.settle();
    assert_eq!(world.times_left(client.key), [1, 1], "each once, and not again at its end");
}

#[test]
fn a_topic_can_be_exchanged_for_another_at_once() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), None);
    world.change(client, &now(&["u"]), &["t"]);
    world.publish("t", &["old"]);
    world.publish("u", &["new"]);
    world.settle();
    assert_eq!(world.heard(client), ["cursor@1", "new@4"]);
}

#[test]
fn a_replaying_stream_gets_to_a_change_when_it_has_read_what_is_before() {
    let mut world = World::new();
    for number in 1..=8 {
        world.publish("t", &[&number.to_string()]);
    }
    let client = world.connect();
    world.listen(client, &start(&["t"]), None);
    let first = world.shard.next_effect().expect("a read");
    world.carry_out(first);
    world.change(client, &now(&["u"]), &[]);
    world.publish("u", &["u"]);
    world.settle();
    let expected = ["1@1", "2@2", "3@3", "4@4", "5@5", "6@6", "7@7", "8@8", "u@11"];
    assert_eq!(world.heard(client), expected);
}

#[test]
fn a_lagging_stream_hears_of_a_removed_topic_what_was_published_before() {
    let mut world = World::new();
    let client = world.open_stuck_on("t");
    let texts: Vec<String> = (0..6).map(|number| number.to_string().repeat(250)).collect();
    texts.iter().for_each(|text| {
        world.publish("t", &[text]);
    });
    world.change(client, &now(&["u"]), &["t"]);
    world.publish("t", &["removed"]);
    world.publish("u", &["added"]);
    world.settle();
    world.drain_kernel(client, usize::MAX);
    let heard = world.heard(client);
    assert_eq!(
        heard[1..7],
        texts.iter().zip(2..).map(|(text, seq)| format!("{text}@{seq}")).collect::<Vec<_>>()
    );
    assert_eq!(heard[7..], ["added@10"]);
    assert_eq!((world.receivers("t"), world.receivers("u")), (0, 1));
}

/// A replaying stream whose socket takes nothing, with as many changes behind what it has not read.
fn stuck_before(world: &mut World, changes: usize) -> Client {
    (0..8).for_each(|_| {
        world.publish("t", &[&"x".repeat(200)]);
    });
    let client = world.connect();
    world.listen(client, &start(&["t"]), None);
    world.wire_mut(client).room = 0;
    world.settle();
    for number in 0..changes {
        world.change(client, &now(&[&format!("topic {number}")]), &[]);
    }
    world.settle();
    client
}

#[test]
fn changes_that_wait_are_carried_out_in_order() {
    let mut world = World::new();
    let client = stuck_before(&mut world, 3);
    world.change(client, &[], &["topic 1", "t"]);
    assert_eq!(world.shard.topics_after(client.key, &[], &[]), 4, "with those that wait");
    world.drain_kernel(client, usize::MAX);
    assert_eq!(world.shard.topics_after(client.key, &[], &[]), 2);
    assert_eq!(["t", "topic 0", "topic 1", "topic 2"].map(|topic| world.receivers(topic)), [0, 1, 0, 1]);
}

#[test]
fn changes_that_still_wait_at_the_end_are_undone_at_the_log() {
    let mut world = World::new();
    let client = stuck_before(&mut world, 3);
    assert_eq!(world.receivers("topic 1"), 1);
    world.shard.client_left(client.key);
    world.settle();
    assert_eq!(["t", "topic 0", "topic 1", "topic 2"].map(|topic| world.receivers(topic)), [0; 4]);
}

#[test]
fn a_slow_reader_with_too_many_changes_before_it_is_cut_off() {
    let mut world = World::new();
    let client = stuck_before(&mut world, 64);
    assert!(world.told.is_empty());
    world.change(client, &[], &["t"]);
    world.settle();
    assert_eq!(world.told, [(client.token, CloseReason::Error, true)]);
    assert_eq!((world.shard.tally().cuts[0], world.receivers("topic 63")), (1, 0));
}

#[test]
fn a_page_does_not_run_ahead_of_a_change_that_waits_in_the_inbox() {
    let mut world = World::new();
    let client = world.connect();
    world.listen(client, &start(&["t"]), None);
    world.change(client, &now(&["u"]), &[]);
    world.publish("u", &["first"]);
    world.publish("t", &["second"]);
    world.carry_out_effects();
    world.settle();
    let heard = world.heard(client);
    assert!(heard.ends_with(&["first@3".into(), "second@4".into()]), "{heard:?}");
}

#[test]
fn a_change_for_a_stream_that_is_gone_is_undone_at_the_log() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), None);
    world.change(client, &now(&["u", "v"]), &[]);
    world.shard.client_left(client.key);
    world.settle();
    assert_eq!(["t", "u", "v"].map(|topic| world.receivers(topic)), [0, 0, 0]);
}

#[test]
fn a_topic_that_is_added_again_is_counted_once() {
    let mut world = World::new();
    let client = world.open_on(&exclusive("t", From::Now), None);
    world.change(client, &now(&["t"]), &[]);
    world.publish("t", &["a"]);
    world.settle();
    assert_eq!((world.heard(client).last().map(String::as_str), world.receivers("t")), (Some("a@3"), 1));
    let other = world.open_on(&now(&["t"]), None);
    assert_eq!(world.told, [(client.token, CloseReason::ServerClosed, true)], "it still held the topic");
    assert_eq!(world.heard(other), ["cursor@4"]);
}

#[test]
fn a_changed_stream_is_replaced_on_its_new_topic() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), None);
    world.change(client, &exclusive("u", From::Now), &[]);
    world.settle();
    world.open_on(&exclusive("u", From::Now), None);
    assert_eq!(world.heard(client).last().map(String::as_str), Some("end"));
    assert_eq!((world.receivers("t"), world.receivers("u")), (0, 1));
}

#[test]
fn a_change_with_additions_reads_once_and_is_no_lag() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), None);
    world.change(client, &now(&["u", "v"]), &[]);
    world.apply_offers();
    let effects: Vec<Effect> = std::iter::from_fn(|| world.shard.next_effect()).collect();
    assert!(matches!(effects[0], Effect::Lag { ref topics, .. } if topics.len() == 1));
    assert_eq!(effects[1..], [Effect::Read(client.key)]);
    assert_eq!(world.shard.tally().lags, 0);
}

#[test]
fn a_change_that_adds_nothing_does_not_hold_a_later_replay_back() {
    let mut world = World::new();
    let client = world.open_stuck_on("t");
    world.change(client, &[], &["never heard"]);
    world.change(client, &now(&["t"]), &[]);
    for number in 0..7 {
        world.publish("t", &[&number.to_string().repeat(250)]);
        world.settle();
    }
    assert_eq!(world.shard.tally().lags, 1);
    for _ in 0..3_000 {
        world.drain_kernel(client, 1);
    }
    world.publish("t", &["live"]);
    world.settle();
    let heard = world.heard(client);
    assert_eq!(heard.iter().filter(|heard| !heard.starts_with("cursor")).count(), 8, "{heard:?}");
}

#[test]
fn what_passed_by_while_a_change_waited_is_read() {
    for remove in [&[][..], &["u"][..]] {
        let mut world = World::new();
        let client = world.connect();
        world.listen(client, &now(&["t", "u"]), None);
        world.change(client, &[], remove);
        world.publish("t", &["a"]);
        world.settle();
        world.publish("t", &["b"]);
        world.settle();
        assert_eq!(world.heard(client), ["cursor@1", "a@3", "b@4"]);
    }
}

#[test]
fn a_removed_topic_has_one_receiver_less_from_the_answer_on() {
    let mut world = World::new();
    let (client, other) = (world.open_on(&now(&["t", "u"]), None), world.open_on(&now(&["t"]), None));
    world.change(client, &[], &["t", "t", "never heard"]);
    assert_eq!((world.receivers("t"), world.receivers("u")), (1, 1));
    world.change(client, &now(&["t"]), &[]);
    assert_eq!(world.receivers("t"), 2);
    world.change(client, &[], &["t"]);
    world.settle();
    assert_eq!((world.receivers("t"), world.shard.topics_after(other.key, &[], &[])), (1, 1));
    world.shard.client_left(client.key);
    world.settle();
    assert_eq!((world.receivers("t"), world.receivers("u")), (1, 0));
}

#[test]
fn the_topics_after_a_change_are_counted_once_each_with_those_that_wait() {
    let mut world = World::new();
    let (open, client) = (world.open(), stuck_before(&mut world, 3));
    let name = |topic: &str| now(&[topic])[0].name.clone();
    let after = |world: &World, add: &[&str], remove: &[&str]| {
        let remove: Vec<_> = remove.iter().map(|topic| name(topic)).collect();
        world.shard.topics_after(client.key, &now(add), &remove)
    };
    assert_eq!(after(&world, &[], &[]), 4);
    assert_eq!(after(&world, &["t", "topic 1", "new"], &[]), 5);
    assert_eq!(after(&world, &["t"], &["t", "topic 2", "other"]), 3);
    assert_eq!(world.shard.topics_after(open.key, &now(&["t", "u"]), &[]), 2);
}

#[test]
fn a_gap_behind_a_change_hides_nothing_of_what_the_change_adds() {
    let mut world = World::new();
    let client = world.connect();
    world.listen(client, &now(&["t"]), None);
    world.change(client, &now(&["u"]), &[]);
    world.publish("u", &["first of u"]);
    (0..9).for_each(|_| {
        world.publish("t", &["t"]);
    });
    world.carry_out_effects();
    world.settle();
    let heard = world.heard(client);
    assert_eq!(heard.iter().filter(|block| *block == "first of u@3").count(), 1, "{heard:?}");
}

#[test]
fn a_holder_that_has_left_and_come_back_beside_others_holds_no_more() {
    let mut world = World::new();
    let client = world.open_on(&exclusive("t", From::Now), None);
    world.change(client, &[], &["t"]);
    world.change(client, &now(&["t"]), &[]);
    world.open_on(&now(&["t"]), None);
    assert!(world.told.is_empty());
    assert_eq!(world.receivers("t"), 2);
}

#[test]
fn a_stream_that_is_closed_in_the_sequence_is_not_changed_any_more() {
    let mut world = World::new();
    let client = world.connect();
    world.listen(client, &now(&["t"]), None);
    world.log.close_listeners("t", &"bye".into(), world.now).expect("there is one");
    assert_eq!(world.try_change(client, &[], &["t"]), Err(Refused::Ended));
    assert_eq!(world.try_change(client, &now(&["u"]), &[]), Err(Refused::Ended));
    world.settle();
    assert_eq!((world.receivers("t"), world.receivers("u")), (0, 0));
    assert_eq!(world.heard(client), ["cursor@1", "connection_close bye", "end"]);
}

#[test]
fn a_stream_that_ends_before_takes_no_topic_over() {
    let closed = |world: &mut World| {
        world.log.close_listeners("t", &"bye".into(), world.now).expect("there is one");
    };
    let replaced = |world: &mut World| {
        world.open_on(&exclusive("t", From::Now), None);
    };
    let complete = |world: &mut World| {
        world.complete("t", &[], "done");
    };
    let ends: [fn(&mut World); 3] = [closed, replaced, complete];
    for (number, end) in ends.into_iter().enumerate() {
        for changes in [0, 2] {
            let mut world = World::new();
            let holder = world.open_on(&exclusive("x", From::Now), None);
            let client = stuck_before(&mut world, 0);
            end(&mut world);
            for _ in 0..changes {
                assert_eq!(world.try_change(client, &now(&["u"]), &[]), Err(Refused::Ended));
            }
            let changed = world.try_change(client, &exclusive("x", From::Now), &[]);
            assert_eq!(changed, Err(Refused::Ended), "end {number}");
            world.drain_kernel(client, usize::MAX);
            assert_eq!((world.heard(holder), world.receivers("x")), (vec!["cursor@1".to_owned()], 1));
            assert_eq!(world.heard(client).last().map(String::as_str), Some("end"));
        }
    }
}

#[test]
fn a_stream_with_another_topic_goes_on_after_the_end_of_one_and_can_be_changed() {
    let mut world = World::new();
    let client = stuck_before(&mut world, 1);
    world.complete("t", &[], "done");
    world.change(client, &[], &["topic 0"]);
    world.change(client, &exclusive("x", From::Now), &[]);
    world.drain_kernel(client, usize::MAX);
    world.publish("x", &["heard"]);
    world.settle();
    assert_eq!(world.heard(client).last().map(String::as_str), Some("heard@14"));
}
