//! The end of a topic.

use sse_gateway_engine::log::{Heard, Listened, Offer, Refused};
use sse_gateway_protocol::callback::From;

use crate::desk::{Desk, completing, from, position, publish};

#[test]
fn the_end_travels_with_its_events() {
    let mut desk = Desk::new();
    desk.listen(&[from("a", From::Now)], None);
    desk.try_publish(&completing("a", &["x", "y"])).expect("completed");
    let offers = desk.offers();
    let [(_, Offer::Published(entry))] = offers.as_slice() else { panic!("{offers:?}") };
    assert_eq!(entry.events.len(), 2);
    assert_eq!(entry.completion.as_ref().map(|it| (it.seq, &*it.reason)), Some((4, "done")));
}

#[test]
fn nothing_is_published_to_a_topic_that_is_complete() {
    let mut desk = Desk::new();
    desk.complete("a");
    assert_eq!(desk.try_publish(&publish("a", &["x"])), Err(Refused::Completed));
    assert_eq!(desk.try_publish(&completing("a", &[])), Err(Refused::Completed));
    assert_eq!(desk.log.newest(), 1, "a refusal takes no number");
}

#[test]
fn who_comes_later_gets_what_is_retained_and_the_same_end() {
    let mut desk = Desk::new();
    desk.publish("a", "1");
    desk.try_publish(&completing("a", &["2"])).expect("completed");
    for (at, expected) in [
        (From::Start, &["1", "2", "end:done"][..]),
        (From::Last, &["2", "end:done"]),
        (From::Now, &["end:done"]),
        (From::Undelivered, &["end:done"]),
    ] {
        let mut stream = desk.listen(&[from("a", at)], None);
        assert_eq!(desk.read(&mut stream), expected);
    }
    let mut stream = desk.listen(&[from("a", From::Now)], Some(&position(1)));
    assert_eq!(desk.read(&mut stream), ["2", "end:done"]);
}

#[test]
fn a_topic_that_ended_at_or_before_the_cursor_is_left_out() {
    let mut desk = Desk::new();
    let end = desk.complete("a");
    desk.publish("b", "x");
    let wishes = [from("a", From::Start), from("b", From::Start)];
    let mut stream = desk.listen(&wishes, Some(&position(end)));
    assert_eq!(stream.start.topics.len(), 1);
    assert_eq!(desk.read(&mut stream), ["x"]);
    assert_eq!(desk.try_listen(&wishes[..1], Some(&position(end))).1, Ok(Listened::Over));
    assert!(matches!(desk.try_listen(&wishes[..1], Some(&position(end - 1))).1, Ok(Listened::Listening(_))));
}

#[test]
fn the_end_is_kept_its_whole_age_whatever_else_goes() {
    let mut desk = Desk::new();
    desk.publish("a", "1");
    desk.wait(500);
    desk.complete("a");
    desk.wait(590);
    let mut stream = desk.listen(&[from("a", From::Start)], None);
    assert_eq!(desk.read_page(&mut stream, 9).dropped.len(), 1, "the event is too old");
    desk.leave(&stream, true);
    desk.wait(590);
    assert!(desk.log.describe("a").is_some(), "it was listened to meanwhile");
    desk.wait(20);
    assert!(desk.log.describe("a").is_none());
}

#[test]
fn a_topic_is_not_added_to_a_stream_when_it_is_complete() {
    let mut desk = Desk::new();
    let stream = desk.listen(&[from("b", From::Now)], None);
    desk.complete("a");
    let changed = desk.log.change(stream.listener, &[from("a", From::Now)], &[], &Heard::default(), desk.now);
    assert_eq!(changed, Err(Refused::Completed));
    assert_eq!(desk.receivers("a"), 0);
}
