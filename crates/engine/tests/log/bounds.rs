//! Everything that the log remembers is bounded.

use std::time::Duration;

use sse_gateway_engine::log::{LogLimits, Refused};
use sse_gateway_protocol::callback::From;

use crate::desk::{Desk, completing, from, keyed, limits, publish};

fn events(desk: &Desk, topic: &str) -> usize {
    desk.log.describe(topic).map_or(0, |described| described.events)
}

#[test]
fn a_topic_keeps_its_newest_events_by_number_bytes_and_age() {
    let mut desk = Desk::new();
    for text in ["1", "2", "3", "4", "5", "6"] {
        desk.publish("a", text);
    }
    assert_eq!(desk.log.describe("a").and_then(|it| it.retained), Some((2, 6)));
    desk.publish("a", &"x".repeat(950));
    assert_eq!(events(&desk, "a"), 1 + 1, "as many of the newest as the bytes allow");
    desk.wait(590);
    assert_eq!(events(&desk, "a"), 2);
    desk.wait(20);
    assert_eq!(events(&desk, "a"), 0);
}

#[test]
fn an_event_that_could_never_be_kept_is_refused() {
    let mut desk = Desk::new();
    let large = "x".repeat(1_001);
    assert_eq!(desk.try_publish(&publish("a", &[&large])), Err(Refused::TooLarge));
    let text = "x".repeat(700);
    assert_eq!(
        desk.try_publish(&publish("a", &[text.as_str(); 3])),
        Err(Refused::TooLarge),
        "together too large"
    );
    assert!(desk.log.describe("a").is_none());
}

#[test]
fn past_the_bound_over_all_topics_the_oldest_events_go() {
    let mut desk = Desk::with(LogLimits { log_bytes_max: 4_000, topic_bytes_max: 4_000, ..limits() });
    let text = "x".repeat(500);
    for topic in ["a", "b", "a", "b", "c", "c", "c", "c"] {
        desk.publish(topic, &text);
        assert!(desk.log.census().bytes <= 4_000);
    }
    let kept: Vec<usize> = ["a", "b", "c"].map(|topic| events(&desk, topic)).to_vec();
    assert_eq!((kept[0], kept[2]), (0, 4), "{kept:?}");
}

#[test]
fn past_the_bound_of_topics_a_new_one_is_refused_for_publishers_and_listeners() {
    let mut desk = Desk::with(LogLimits { topics_max: 2, ..limits() });
    desk.publish("a", "x");
    desk.publish("b", "x");
    assert_eq!(desk.try_publish(&publish("c", &["x"])), Err(Refused::TopicsFull));
    let wishes = [from("a", From::Now), from("c", From::Now)];
    assert_eq!(desk.try_listen(&wishes, None).1, Err(Refused::TopicsFull));
    assert_eq!(desk.receivers("a"), 0, "a refused stream listens to nothing");
    desk.publish("a", "y");
}

#[test]
fn a_topic_is_forgotten_when_nothing_is_left_of_it() {
    let mut desk = Desk::new();
    desk.try_publish(&publish("made", &[])).expect("made");
    desk.publish("told", "x");
    let stream = desk.listen(&[from("heard", From::Now)], None);
    desk.wait(599);
    assert_eq!(desk.log.census().topics, 3);
    desk.wait(20);
    assert_eq!(desk.log.census().topics, 1, "who listens keeps a topic");
    desk.wait(601);
    assert_eq!(desk.log.census().topics, 1);
    desk.leave(&stream, false);
    desk.wait(599);
    assert_eq!(desk.log.census().topics, 1);
    desk.wait(2);
    assert_eq!((desk.log.census().topics, desk.log.census().bytes), (0, 0));
    assert_eq!(desk.log.next_deadline(), None);
}

#[test]
fn what_is_counted_is_given_back() {
    let mut desk = Desk::new();
    for turn in 0..20u32 {
        desk.try_publish(&keyed(publish("a", &["x", "y"]), &turn.to_string())).expect("published");
        desk.wait(100);
    }
    desk.try_publish(&completing("b", &["z"])).expect("completed");
    desk.log.delete("b").expect("it exists");
    desk.log.commit(desk.now);
    desk.now = desk.now + Duration::from_secs(3_000);
    desk.log.tick(desk.now);
    assert_eq!((desk.log.census().topics, desk.log.census().bytes), (0, 0));
}
