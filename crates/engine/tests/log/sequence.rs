//! One sequence for everything, and offers in its order.

use sse_gateway_engine::log::{Heard, Offer};
use sse_gateway_protocol::callback::From;

use crate::desk::{Desk, completing, from, name, publish};

#[test]
fn events_completions_and_subscriptions_share_one_sequence() {
    let mut desk = Desk::new();
    assert_eq!(desk.publish("a", "x"), 1);
    assert_eq!(desk.publish("b", "y"), 2);
    assert_eq!(desk.listen(&[from("a", From::Now)], None).start.since, 3);
    let completed = desk.try_publish(&completing("a", &["p", "q"])).expect("completed");
    assert_eq!(completed.position, 6, "two events, then the end has a number of its own");
    assert_eq!(desk.log.delete("b").expect("it exists"), 7);
}

#[test]
fn a_publish_without_events_makes_the_topic_and_takes_a_number() {
    let mut desk = Desk::new();
    let made = desk.try_publish(&publish("a", &[])).expect("made");
    assert_eq!(made.position, 1);
    assert!(desk.log.describe("a").is_some());
    assert_eq!(desk.publish("a", "x"), 2);
}

#[test]
fn an_event_carries_its_position() {
    let mut desk = Desk::new();
    let mut stream = desk.listen(&[from("a", From::Now)], None);
    desk.publish("a", "x");
    let page = desk.read_page(&mut stream, 9);
    let sse_gateway_engine::log::Item::Event { frame, .. } = &page.items[0] else { panic!("{page:?}") };
    assert_eq!(frame.payload(), b"data: x\nid: life1-2\n\n");
}

#[test]
fn offers_go_only_to_shards_with_a_listener_and_in_sequence_order() {
    let mut desk = Desk::new();
    let stream = desk.listen(&[from("a", From::Now)], None);
    desk.listen(&[from("b", From::Now)], None);
    desk.publish("nobody", "x");
    desk.publish("a", "1");
    desk.publish("a", "2");
    let offers = desk.offers();
    let numbers: Vec<u64> = offers
        .iter()
        .map(|(shard, offer)| match offer {
            Offer::Published(entry) if *shard == stream.listener.shard => entry.events[0].0,
            other => panic!("{other:?} for shard {shard}"),
        })
        .collect();
    assert_eq!(numbers, [4, 5]);
}

#[test]
fn receivers_are_those_who_listen_at_that_position() {
    let mut desk = Desk::new();
    assert_eq!(desk.try_publish(&publish("a", &["x"])).expect("published").receivers, 0);
    let first = desk.listen(&[from("a", From::Now)], None);
    desk.listen(&[from("a", From::Now), from("b", From::Now)], None);
    assert_eq!(desk.try_publish(&publish("a", &["x"])).expect("published").receivers, 2);
    assert_eq!(desk.try_publish(&publish("b", &["x"])).expect("published").receivers, 1);
    desk.leave(&first, false);
    assert_eq!(desk.try_publish(&publish("a", &["x"])).expect("published").receivers, 1);
}

#[test]
fn a_stream_changes_its_topics_in_order_with_publishes() {
    let mut desk = Desk::new();
    let stream = desk.listen(&[from("a", From::Now)], None);
    desk.publish("b", "before");
    let heard = Heard { since: stream.start.since, topics: vec![stream.start.topics[0].topic] };
    let changed = desk.log.change(stream.listener, &[from("b", From::Now)], &[name("a")], &heard, desk.now);
    let at = changed.expect("changed");
    desk.log.commit(desk.now);
    let offers = desk.offers();
    let Some((shard, Offer::Changed { key, at: changed_at, add, remove })) = offers.last() else {
        panic!("{offers:?}")
    };
    assert_eq!((*shard, *key, *changed_at), (stream.listener.shard, stream.listener.key, at));
    assert_eq!(
        (add[0].name.as_str(), add[0].after, remove.as_slice()),
        ("b", at, &[stream.start.topics[0].topic][..])
    );
    assert_eq!(desk.receivers("b"), 1);
}
