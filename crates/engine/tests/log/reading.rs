//! Replay in pages: in order, without a seam, and honest about what is gone.

use sse_gateway_engine::log::Heard;
use sse_gateway_protocol::callback::From;

use crate::desk::{Desk, exclusive, from, limits, number, position, text};

#[test]
fn pages_merge_topics_in_sequence_order() {
    let mut desk = Desk::new();
    for (topic, text) in [("a", "1"), ("b", "2"), ("c", "3"), ("a", "4"), ("a", "5"), ("b", "6")] {
        desk.publish(topic, text);
    }
    for items_max in 1..8 {
        let wishes = [from("b", From::Start), from("a", From::Start)];
        let mut stream = desk.listen(&wishes, None);
        let mut texts = Vec::new();
        loop {
            let page = desk.read_page(&mut stream, items_max);
            assert!(page.items.len() <= items_max);
            texts.extend(page.items.iter().map(text));
            if page.live_from.is_some() {
                break;
            }
        }
        assert_eq!(texts, ["1", "2", "4", "5", "6"], "{items_max} a page");
    }
}

#[test]
fn a_page_ends_behind_the_event_that_passes_its_bytes() {
    let mut desk = Desk::new();
    desk.publish("a", &"x".repeat(90));
    desk.publish("a", "y");
    desk.publish("a", "z");
    let mut stream = desk.listen(&[from("a", From::Start)], None);
    let topics = stream.start.topics.clone();
    let reading = sse_gateway_engine::log::Reading { since: stream.start.since, cursor: 0, topics: &topics };
    let page = desk.log.read(
        stream.listener,
        reading,
        sse_gateway_engine::log::PageSize { items_max: 9, bytes_max: 100 },
    );
    assert_eq!(page.items.iter().map(number).collect::<Vec<_>>(), [1]);
    assert_eq!(page.live_from, None);
    assert_eq!(desk.read(&mut stream).len(), 3, "a page that was not taken changes nothing");
}

#[test]
fn the_last_page_names_the_head_and_offers_lie_above_it() {
    let mut desk = Desk::new();
    desk.publish("a", "1");
    let mut stream = desk.listen(&[from("a", From::Start)], None);
    assert_eq!(desk.read_page(&mut stream, 9).live_from, Some(2));
    desk.offers();
    assert_eq!(desk.publish("a", "2"), 3);
    assert_eq!(desk.offers().len(), 1);
}

#[test]
fn topics_of_one_stream_may_begin_at_different_places() {
    let mut desk = Desk::new();
    desk.publish("a", "1");
    desk.publish("b", "2");
    let mut stream = desk.listen(&[from("a", From::Start), from("b", From::Now)], None);
    desk.publish("b", "3");
    assert_eq!(desk.read(&mut stream), ["1", "3"]);
}

#[test]
fn there_is_a_gap_exactly_if_a_topic_dropped_something_behind_the_cursor() {
    let mut desk = Desk::new();
    for number in 1..=7 {
        desk.publish("a", &number.to_string());
    }
    // Five are kept: 3 to 7.
    for (cursor, gap) in [(1, true), (2, false), (3, false)] {
        let mut stream = desk.listen(&[from("a", From::Now)], Some(&position(cursor)));
        let page = desk.read_page(&mut stream, 9);
        assert_eq!(!page.dropped.is_empty(), gap, "cursor {cursor}");
        assert_eq!(number(&page.items[0]), cursor.max(2) + 1);
    }
}

#[test]
fn from_start_has_a_gap_when_the_topic_has_dropped_something() {
    let mut desk = Desk::new();
    for number in 1..=5 {
        desk.publish("a", &number.to_string());
    }
    let mut stream = desk.listen(&[from("a", From::Start)], None);
    assert!(desk.read_page(&mut stream, 9).dropped.is_empty());
    desk.publish("a", "6");
    let mut stream = desk.listen(&[from("a", From::Start)], None);
    let page = desk.read_page(&mut stream, 9);
    assert_eq!(page.dropped, [(stream.start.topics[0].topic, 1)]);
}

#[test]
fn retention_that_overtakes_a_replay_is_a_gap_and_only_once() {
    let mut desk = Desk::new();
    for number in 1..=5 {
        desk.publish("a", &number.to_string());
    }
    let mut stream = desk.listen(&[from("a", From::Start)], None);
    assert_eq!(desk.read_page(&mut stream, 1).items.len(), 1);
    for number in 7..=11 {
        desk.publish("a", &number.to_string());
    }
    let page = desk.read_page(&mut stream, 1);
    assert_eq!((page.dropped.len(), text(&page.items[0])), (1, "7".to_owned()));
    let page = desk.read_page(&mut stream, 9);
    assert!(page.dropped.is_empty() && page.live_from.is_some());
}

#[test]
fn a_topic_that_was_forgotten_and_made_again_may_report_a_gap_but_never_misses_one() {
    let mut desk = Desk::new();
    desk.publish("a", "lost");
    desk.wait(3_000);
    assert!(desk.log.describe("a").is_none(), "it was forgotten");
    desk.publish("a", "new");
    let mut late = desk.listen(&[from("a", From::Now)], Some(&position(0)));
    assert_eq!(desk.read_page(&mut late, 9).dropped.len(), 1);
    let mut fresh = desk.listen(&[from("a", From::Start)], None);
    assert!(desk.read_page(&mut fresh, 9).dropped.is_empty(), "without a cursor only its own drops count");
}

#[test]
fn a_stream_that_replays_a_topic_reads_all_of_it_although_it_is_deleted() {
    let mut desk = Desk::with(limits());
    desk.publish("a", "1");
    desk.publish("a", "2");
    let mut stream = desk.listen(&[from("a", From::Start)], None);
    desk.read_page(&mut stream, 1);
    desk.log.delete("a").expect("it exists");
    desk.log.commit(desk.now);
    desk.publish("a", "of another topic");
    assert_eq!(desk.read(&mut stream), ["2", "end:deleted"]);
    let topics = desk.log.census().topics;
    desk.leave(&stream, true);
    assert_eq!((topics, desk.log.census().topics), (1, 1), "the name has another topic");
    desk.wait(3_000);
    assert_eq!(desk.log.census().bytes, 0, "what was deleted is gone with its last listener");
}

#[test]
fn a_stream_that_was_closed_reads_no_further_although_its_topic_is_deleted() {
    let mut desk = Desk::new();
    desk.publish("a", "1");
    let mut stream = desk.listen(&[from("a", From::Start), from("b", From::Start)], None);
    desk.log.close_listeners("a", &"closed".into(), desk.now).expect("it exists");
    desk.log.delete("a").expect("it exists");
    desk.log.commit(desk.now);
    desk.publish("b", "too late");
    assert_eq!(desk.read(&mut stream), ["1"], "then its shard closes it");
}

#[test]
fn a_topic_is_not_forgotten_while_a_stream_that_was_closed_still_reads_it() {
    let mut desk = Desk::new();
    desk.publish("a", "1");
    let mut stream = desk.listen(&[from("a", From::Start)], None);
    desk.log.close_listeners("a", &"closed".into(), desk.now).expect("it exists");
    desk.log.commit(desk.now);
    desk.wait(3_000);
    let page = desk.read_page(&mut stream, 9);
    assert_eq!(
        (page.dropped.len(), page.items.len()),
        (1, 0),
        "what it has not read is too old, and it hears so"
    );
    desk.leave(&stream, true);
    desk.wait(3_000);
    assert!(desk.log.describe("a").is_none());
}

#[test]
fn a_replaying_stream_does_not_read_past_a_change_that_its_shard_has_not_applied() {
    let mut desk = Desk::new();
    let mut stream = desk.listen(&[from("a", From::Now)], None);
    desk.publish("a", "2");
    let at = desk
        .log
        .change(stream.listener, &[from("b", From::Now)], &[], &Heard::default(), desk.now)
        .expect("changed");
    desk.log.commit(desk.now);
    desk.publish("b", "4");
    desk.publish("a", "5");
    let page = desk.read_page(&mut stream, 9);
    assert_eq!((page.items.iter().map(number).collect::<Vec<_>>(), page.live_from), (vec![2], Some(at - 1)));
    let mut next = desk.listen(&[from("a", From::Undelivered)], None);
    assert!(desk.read(&mut next).is_empty(), "what lies above is in the inbox, and so handed");
    stream.start.since = at;
    assert_eq!(desk.read_page(&mut stream, 9).live_from, Some(desk.log.newest()));
}

#[test]
fn a_stream_that_was_sent_away_does_not_read_past_that() {
    let mut desk = Desk::new();
    let mut old = desk.listen(&[exclusive("a", From::Start)], None);
    desk.publish("a", "2");
    let new = desk.listen(&[exclusive("a", From::Now)], None);
    desk.publish("a", "4");
    let page = desk.read_page(&mut old, 9);
    assert_eq!(page.items.iter().map(number).collect::<Vec<_>>(), [2]);
    assert_eq!(page.live_from, Some(new.start.since - 1));
}
