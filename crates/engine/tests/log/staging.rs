//! What waits for a disk has no effect for others, and can be taken back.

use sse_gateway_engine::log::{Change, Listened, Offer, Refused};
use sse_gateway_protocol::callback::From;

use crate::desk::{Desk, Stream, completing, from, keyed, publish};

#[test]
fn a_staged_event_is_neither_offered_nor_read() {
    let mut desk = Desk::new();
    let mut stream = desk.listen(&[from("a", From::Now)], None);
    let published = desk.log.publish(&publish("a", &["x"]), desk.now).expect("staged");
    assert_eq!((published.position, published.receivers), (2, 1));
    assert!(desk.offers().is_empty());
    let page = desk.read_page(&mut stream, 9);
    assert_eq!((page.items.len(), page.live_from), (0, Some(1)));
    desk.log.commit(desk.now);
    assert_eq!(desk.offers().len(), 1, "it had caught up before: it gets the event as an offer");
}

#[test]
fn what_a_disk_must_hold_comes_in_order() {
    let mut desk = Desk::new();
    desk.log.publish(&keyed(publish("a", &["x"]), "k"), desk.now).expect("staged");
    desk.log.publish(&completing("b", &[]), desk.now).expect("staged");
    desk.log.delete("b").expect("staged");
    let changes: Vec<String> = desk
        .log
        .staged()
        .map(|change| match change {
            Change::Published { topic, position, key, .. } => {
                format!("{} {position} {}", topic.as_str(), key.map_or("-", |(key, _)| key))
            }
            Change::Deleted { topic, seq } => format!("{} {seq} deleted", topic.as_str()),
        })
        .collect();
    assert_eq!(changes, ["a 1 k", "b 2 -", "b 3 deleted"]);
    desk.log.commit(desk.now);
    assert_eq!(desk.log.staged().count(), 0);
}

#[test]
fn a_failed_publish_leaves_no_trace_but_its_numbers() {
    let mut desk = Desk::new();
    desk.publish("a", "kept");
    let bytes = desk.log.census().bytes;
    let again = keyed(publish("a", &["x"]), "k");
    desk.log.publish(&again, desk.now).expect("staged");
    desk.log.publish(&completing("a", &["y"]), desk.now).expect("staged");
    desk.log.publish(&publish("new", &["z"]), desk.now).expect("staged");
    desk.log.fail(desk.now);
    assert_eq!((desk.log.census().bytes, desk.log.census().topics), (bytes, 1));
    assert!(desk.offers().is_empty());
    let mut stream = desk.listen(&[from("a", From::Start)], None);
    assert_eq!(desk.read(&mut stream), ["kept"]);
    let retried = desk.try_publish(&again).expect("neither complete nor a known key");
    assert!(retried.position > 5, "numbers are not used again");
}

#[test]
fn a_subscription_stands_when_the_publishes_beside_it_fail() {
    let mut desk = Desk::new();
    desk.log.publish(&publish("a", &["lost"]), desk.now).expect("staged");
    let listener = desk.listener();
    let listened = desk.log.listen(&[from("a", From::Start)], None, listener, desk.now);
    assert!(matches!(listened, Ok(Listened::Listening(_))));
    desk.log.fail(desk.now);
    assert_eq!(desk.receivers("a"), 1);
    assert_eq!(desk.log.describe("a").map(|described| described.events), Some(0));
}

#[test]
fn a_failed_deletion_leaves_the_topic() {
    let mut desk = Desk::new();
    desk.publish("a", "x");
    desk.log.delete("a").expect("staged");
    assert_eq!(desk.log.delete("a"), Err(Refused::NotFound));
    desk.log.fail(desk.now);
    assert_eq!(desk.log.describe("a").map(|described| described.events), Some(1));
}

#[test]
fn an_event_counts_as_handed_when_its_listener_catches_up_before_it_takes_effect() {
    let mut desk = Desk::new();
    let mut stream = desk.listen(&[from("a", From::Now)], None);
    desk.log.publish(&publish("a", &["x"]), desk.now).expect("staged");
    desk.read(&mut stream);
    desk.log.commit(desk.now);
    desk.leave(&stream, true);
    let mut next = desk.listen(&[from("a", From::Undelivered)], None);
    assert!(desk.read(&mut next).is_empty());
}

#[test]
fn a_failed_deletion_of_a_topic_whose_name_is_taken_again_ends_it_for_those_who_replay_it() {
    let mut desk = Desk::new();
    desk.publish("a", "1");
    let mut stream = desk.listen(&[from("a", From::Start)], None);
    desk.log.publish(&completing("a", &["lost"]), desk.now).expect("staged");
    desk.log.delete("a").expect("staged");
    let listener = desk.listener();
    desk.log.listen(&[from("a", From::Now)], None, listener, desk.now).expect("a topic of that name");
    desk.log.fail(desk.now);
    assert_eq!(desk.read(&mut stream), ["1", "end:deleted"]);
}

#[test]
fn a_failed_event_does_not_count_as_handed() {
    let mut desk = Desk::new();
    let mut stream = desk.listen(&[from("a", From::Now)], None);
    desk.read(&mut stream);
    desk.log.publish(&publish("a", &["lost"]), desk.now).expect("staged");
    desk.log.publish(&publish("a", &["lost"]), desk.now).expect("staged");
    desk.log.fail(desk.now);
    desk.leave(&stream, true);
    let since = desk.listen(&[from("a", From::Undelivered)], None).start;
    assert_eq!(since.topics[0].after, 0);
}

#[test]
fn who_comes_while_an_event_is_staged_and_reads_up_to_it_is_offered_it() {
    let mut desk = Desk::new();
    desk.log.publish(&publish("a", &["x"]), desk.now).expect("staged");
    let listener = desk.listener();
    let listened = desk.log.listen(&[from("a", From::Start)], None, listener, desk.now);
    let Ok(Listened::Listening(start)) = listened else { panic!("{listened:?}") };
    let mut stream = Stream { listener, cursor: start.cursor, start };
    let page = desk.read_page(&mut stream, 9);
    assert_eq!((page.items.len(), page.live_from), (0, Some(0)));
    desk.log.commit(desk.now);
    let offers = desk.offers();
    assert!(
        matches!(offers.as_slice(), [(shard, Offer::Published(_))] if *shard == listener.shard),
        "{offers:?}"
    );
}

#[test]
fn a_topic_of_a_failed_publish_stays_for_a_stream_that_was_sent_away_and_has_not_heard_of_it() {
    let mut desk = Desk::new();
    desk.log.publish(&publish("a", &["1"]), desk.now).expect("staged");
    let listener = desk.listener();
    desk.log.listen(&[from("a", From::Now)], None, listener, desk.now).expect("it listens");
    desk.log.close_listeners("a", &"bye".into(), desk.now).expect("it is there");
    desk.log.fail(desk.now);
    assert!(desk.log.find("a").is_some());
}
