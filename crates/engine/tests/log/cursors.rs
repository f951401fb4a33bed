//! Where a stream begins: the table of cursors and of `from`, row by row.

use sse_gateway_protocol::callback::{From, IfMissing};
use sse_gateway_protocol::control::GapReason;
use sse_gateway_protocol::{Event, Position};

use crate::desk::{Desk, Stream, from, name, position, publish};
use sse_gateway_engine::log::{Heard, Listened};

/// A topic `a` whose events are 1 to 3, and another with 4.
fn three() -> Desk {
    let mut desk = Desk::new();
    for text in ["one", "two", "three"] {
        desk.publish("a", text);
    }
    desk.publish("b", "four");
    desk
}

fn begin(desk: &mut Desk, at: From, cursor: Option<&str>) -> (Stream, Vec<String>) {
    let mut stream = desk.listen(&[from("a", at)], cursor);
    let texts = desk.read(&mut stream);
    (stream, texts)
}

#[test]
fn without_a_cursor_from_decides() {
    let nothing: [&str; 0] = [];
    assert_eq!(begin(&mut three(), From::Now, None).1, nothing);
    assert_eq!(begin(&mut three(), From::Start, None).1, ["one", "two", "three"]);
    assert_eq!(begin(&mut three(), From::Last, None).1, ["three"]);
    assert_eq!(begin(&mut three(), From::Undelivered, None).1, ["one", "two", "three"]);
    let at = From::At(Position::parse(b"life1-1").expect("a position"));
    assert_eq!(begin(&mut three(), at, None).1, ["two", "three"]);
}

#[test]
fn last_of_an_empty_topic_is_now() {
    let mut desk = Desk::new();
    let (stream, texts) = begin(&mut desk, From::Last, None);
    assert_eq!((texts.len(), stream.cursor), (0, stream.start.since));
}

#[test]
fn a_cursor_wins_over_from_and_counts_for_every_topic() {
    let mut desk = three();
    let mut stream = desk.listen(&[from("a", From::Now), from("b", From::Start)], Some(&position(2)));
    assert_eq!(desk.read(&mut stream), ["three", "four"]);
    assert_eq!(stream.start.gap, None);
}

#[test]
fn an_empty_cursor_counts_as_none() {
    assert_eq!(begin(&mut three(), From::Last, Some("")).1, ["three"]);
}

#[test]
fn a_cursor_of_another_life_or_no_cursor_at_all_gets_everything_behind_a_gap() {
    let long = format!("life1-{}", "1".repeat(70));
    for (cursor, reason) in [
        ("life0-2", GapReason::Epoch),
        ("nonsense", GapReason::Unknown),
        ("life1-02", GapReason::Unknown),
        (long.as_str(), GapReason::Unknown),
    ] {
        let (stream, texts) = begin(&mut three(), From::Now, Some(cursor));
        assert_eq!(stream.start.gap, Some(reason), "{cursor}");
        assert_eq!(texts, ["one", "two", "three"], "{cursor}");
        let asked = stream.start.asked.expect("quoted");
        assert!(cursor.starts_with(&*asked) && asked.len() <= 64, "{asked}");
    }
}

#[test]
fn a_cursor_that_is_not_text_is_quoted_harmlessly() {
    let mut desk = three();
    let listener = desk.listener();
    let listened = desk.log.listen(&[from("a", From::Now)], Some(b"\xff\xfe"), listener, desk.now);
    let Ok(Listened::Listening(start)) = listened else { panic!("{listened:?}") };
    assert_eq!((start.gap, start.asked.as_deref()), (Some(GapReason::Unknown), Some("\u{fffd}\u{fffd}")));
}

#[test]
fn a_cursor_beyond_the_newest_number_begins_live_behind_a_gap() {
    let mut desk = three();
    for beyond in [desk.log.newest() + 1, 99] {
        let (stream, texts) = begin(&mut desk, From::Start, Some(&position(beyond)));
        assert_eq!(stream.start.gap, Some(GapReason::Future), "{beyond}");
        assert!(texts.is_empty(), "{texts:?}");
    }
    let newest = desk.log.newest();
    assert_eq!(begin(&mut desk, From::Start, Some(&position(newest))).0.start.gap, None);
}

#[test]
fn a_position_of_the_backend_is_judged_like_a_cursor() {
    let at = From::At(Position::parse(b"life0-7").expect("a position"));
    let (stream, texts) = begin(&mut three(), at, None);
    assert_eq!((stream.start.gap, stream.start.asked.as_deref()), (Some(GapReason::Epoch), Some("life0-7")));
    assert_eq!(texts, ["one", "two", "three"]);
}

#[test]
fn undelivered_begins_behind_what_any_stream_was_handed() {
    let mut desk = three();
    let mut first = desk.listen(&[from("a", From::Undelivered)], None);
    desk.read_page(&mut first, 2);
    desk.leave(&first, false);
    assert_eq!(begin(&mut desk, From::Undelivered, None).1, ["three"], "the first was handed two");
    desk.publish("a", "four");
    let nothing: [&str; 0] = [];
    assert_eq!(begin(&mut desk, From::Undelivered, None).1, nothing, "a live listener was handed the fourth");
}

#[test]
fn what_is_published_when_a_live_stream_is_about_to_leave_is_undelivered() {
    let mut desk = Desk::new();
    let mut stream = desk.listen(&[from("a", From::Now)], None);
    desk.read(&mut stream);
    let heard = Heard { since: stream.start.since, topics: vec![stream.start.topics[0].topic] };
    desk.log.change(stream.listener, &[], &[name("a")], &heard, desk.now).expect("changed");
    desk.publish("a", "x");
    assert_eq!(begin(&mut desk, From::Undelivered, None).1, ["x"]);
}

#[test]
fn a_stream_that_catches_up_below_a_change_is_handed_what_is_for_it_and_no_more() {
    let mut desk = Desk::new();
    desk.publish("a", "before it listens");
    let mut stream = desk.listen(&[from("a", From::Now)], None);
    let heard = Heard { since: stream.start.since, topics: vec![stream.start.topics[0].topic] };
    desk.log.change(stream.listener, &[], &[name("a")], &heard, desk.now).expect("changed");
    desk.publish("a", "after it leaves");
    desk.read(&mut stream);
    assert_eq!(begin(&mut desk, From::Undelivered, None).1, ["before it listens", "after it leaves"]);
}

#[test]
fn what_waits_for_the_disk_when_a_stream_goes_live_is_handed_to_it_also_if_it_is_sent_away_then() {
    let mut desk = Desk::new();
    let mut stream = desk.listen(&[from("a", From::Undelivered)], None);
    desk.log.publish(&publish("a", &["x"]), desk.now).expect("staged");
    desk.log.close_listeners("a", &"closed".into(), desk.now).expect("it exists");
    desk.read(&mut stream);
    desk.log.commit(desk.now);
    assert!(begin(&mut desk, From::Undelivered, None).1.is_empty());
}

#[test]
fn what_only_a_replaying_stream_could_have_got_is_undelivered() {
    let mut desk = Desk::new();
    let stream = desk.listen(&[from("a", From::Now)], None);
    desk.publish("a", "x");
    desk.leave(&stream, false);
    assert_eq!(begin(&mut desk, From::Undelivered, None).1, ["x"]);
}

#[test]
fn a_missing_topic_is_not_made_when_the_answer_says_what_to_tell() {
    let mut desk = three();
    let told = IfMissing { events: vec![Event::unnamed("lost")], reason: "gone".to_owned() };
    let mut wish = from("task", From::Start);
    wish.if_missing = Some(told.clone());
    let (_, listened) = desk.try_listen(&[from("new", From::Now), wish.clone()], None);
    assert_eq!(listened, Ok(Listened::Missing(told)));
    assert!(desk.log.describe("task").is_none() && desk.log.describe("new").is_none());
    desk.publish("task", "x");
    assert!(matches!(desk.try_listen(&[wish], None).1, Ok(Listened::Listening(_))));
}
