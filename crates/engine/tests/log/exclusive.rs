//! At most one stream listens to an exclusive topic.

use sse_gateway_engine::log::{Heard, Offer};
use sse_gateway_protocol::callback::From;

use crate::desk::{Desk, exclusive, from, publish};

#[test]
fn a_newcomer_replaces_the_holder_in_sequence_order() {
    let mut desk = Desk::new();
    let old = desk.listen(&[exclusive("a", From::Now)], None);
    desk.publish("a", "1");
    let new = desk.listen(&[exclusive("a", From::Now)], None);
    desk.publish("a", "2");
    let mut seen = Vec::new();
    for (shard, offer) in desk.offers() {
        seen.push(match offer {
            Offer::Published(entry) => (shard, entry.events[0].0, "event"),
            Offer::Replaced { at, .. } => (shard, at, "replaced"),
            other => panic!("{other:?}"),
        });
    }
    let (old_shard, new_shard) = (old.listener.shard, new.listener.shard);
    assert_eq!(seen, [(old_shard, 2, "event"), (old_shard, 3, "replaced"), (new_shard, 4, "event")]);
}

#[test]
fn who_was_replaced_does_not_count_and_leaving_later_harms_nobody() {
    let mut desk = Desk::new();
    let mut old = desk.listen(&[exclusive("a", From::Now)], None);
    desk.read(&mut old);
    let mut new = desk.listen(&[exclusive("a", From::Now)], None);
    assert_eq!(desk.receivers("a"), 1);
    desk.leave(&old, true);
    assert_eq!(desk.receivers("a"), 1);
    desk.read(&mut new);
    desk.publish("a", "handed");
    desk.leave(&new, true);
    assert_eq!(desk.receivers("a"), 0);
    let mut next = desk.listen(&[exclusive("a", From::Undelivered)], None);
    assert!(desk.read(&mut next).is_empty());
}

#[test]
fn an_exclusive_newcomer_replaces_all_and_an_exclusive_holder_gives_way_to_any() {
    let mut desk = Desk::new();
    desk.listen(&[from("a", From::Now)], None);
    desk.listen(&[from("a", From::Now)], None);
    assert_eq!(desk.receivers("a"), 2);
    desk.listen(&[exclusive("a", From::Now)], None);
    assert_eq!(desk.receivers("a"), 1);
    desk.listen(&[from("a", From::Now)], None);
    assert_eq!(desk.receivers("a"), 1);
    desk.listen(&[from("a", From::Now)], None);
    assert_eq!(desk.receivers("a"), 2, "nobody holds it exclusively any more");
}

#[test]
fn taking_over_undelivered_repeats_nothing_and_loses_nothing() {
    let mut desk = Desk::new();
    desk.publish("a", "1");
    desk.publish("a", "2");
    let mut old = desk.listen(&[exclusive("a", From::Undelivered)], None);
    desk.read_page(&mut old, 1);
    desk.publish("a", "3");
    let mut new = desk.listen(&[exclusive("a", From::Undelivered)], None);
    assert_eq!(desk.read(&mut new), ["2", "3"], "the old one had the first only");
}

#[test]
fn a_stream_that_asks_again_for_what_it_has_is_not_counted_twice_nor_replaced_by_itself() {
    let mut desk = Desk::new();
    let stream = desk.listen(&[from("a", From::Now)], None);
    desk.listen(&[from("a", From::Now)], None);
    let topics = vec![stream.start.topics[0].topic];
    let heard = Heard { since: stream.start.since, topics };
    desk.offers();
    desk.log.change(stream.listener, &[exclusive("a", From::Now)], &[], &heard, desk.now).expect("changed");
    desk.log.commit(desk.now);
    let offers = desk.offers();
    let nothing = matches!(offers.as_slice(), [(_, Offer::Changed { add, .. })] if add.is_empty());
    assert!(nothing, "{offers:?}");
    assert_eq!(desk.receivers("a"), 2);
    desk.leave(&stream, false);
    assert_eq!(desk.receivers("a"), 1);
}

#[test]
fn closing_the_listeners_leaves_the_topic() {
    let mut desk = Desk::new();
    let mut stream = desk.listen(&[from("a", From::Now)], None);
    desk.read(&mut stream);
    assert_eq!(desk.log.close_listeners("a", &"kicked".into(), desk.now), Ok(1));
    desk.log.commit(desk.now);
    assert!(matches!(desk.offers().as_slice(), [(_, Offer::Closed { .. })]));
    assert_eq!(desk.try_publish(&publish("a", &["x"])).map(|published| published.receivers), Ok(0));
    desk.leave(&stream, true);
    assert_eq!(desk.receivers("a"), 0);
}

#[test]
fn who_was_replaced_and_still_reads_does_not_count_as_live() {
    let mut desk = Desk::new();
    let mut old = desk.listen(&[exclusive("a", From::Start)], None);
    let new = desk.listen(&[exclusive("a", From::Undelivered)], None);
    desk.read(&mut old);
    desk.publish("a", "x");
    desk.leave(&new, false);
    let mut next = desk.listen(&[exclusive("a", From::Undelivered)], None);
    assert_eq!(desk.read(&mut next), ["x"], "nobody had it");
}

#[test]
fn a_topic_is_free_again_when_its_holder_has_left() {
    let mut desk = Desk::new();
    let holder = desk.listen(&[exclusive("a", From::Now)], None);
    desk.leave(&holder, false);
    desk.listen(&[from("a", From::Now)], None);
    desk.listen(&[from("a", From::Now)], None);
    assert_eq!(desk.receivers("a"), 2);
}
