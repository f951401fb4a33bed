//! A log that is read again after a restart is the log that was.

use std::time::Duration;

use sse_gateway_engine::Time;
use sse_gateway_engine::log::{Bounds, Change, Log, LogLimits, Restored};
use sse_gateway_protocol::callback::From;
use sse_gateway_protocol::sse::Draft;
use sse_gateway_protocol::{Epoch, Seq, TopicName};

use crate::desk::{Desk, EPOCH, completing, exclusive, from, keyed, limits, name, position, publish};

/// What a disk would hold.
#[derive(Clone, Debug)]
enum Written {
    Published {
        topic: TopicName,
        first: Seq,
        events: Vec<Draft>,
        completion: Option<String>,
        key: Option<(String, u64)>,
        receivers: usize,
        at: Time,
    },
    Deleted(TopicName),
    Bounded(TopicName, Bounds),
}

/// A desk whose log is written down with each command.
struct Kept {
    desk: Desk,
    written: Vec<Written>,
}

impl Kept {
    fn new() -> Self {
        let mut desk = Desk::new();
        desk.log = Log::new(limits(), Epoch::parse(EPOCH).expect("an epoch"), 1).written_down();
        Self { desk, written: Vec::new() }
    }

    /// Carries out what the command stages, as a driver with a disk does.
    fn run<T>(&mut self, command: impl FnOnce(&mut Log, Time) -> T) -> T {
        let now = self.desk.now;
        let answer = command(&mut self.desk.log, now);
        self.written.extend(self.desk.log.staged().map(|change| written(&change, now)));
        self.desk.log.commit(now);
        self.write_handed();
        answer
    }

    fn write_handed(&mut self) {
        let handed = self.desk.log.take_handed(self.desk.now);
        self.written.extend(handed.into_iter().map(|(topic, bounds)| Written::Bounded(topic, bounds)));
    }

    fn publish(&mut self, topic: &str, text: &str) -> Seq {
        self.run(|log, now| log.publish(&publish(topic, &[text]), now)).expect("published").position
    }

    /// Ends without a word, and begins again from what was written.
    fn restart(&mut self) {
        self.restart_within(limits());
    }

    fn restart_within(&mut self, limits: LogLimits) {
        let (now, next) = (self.desk.now, self.desk.log.newest() + 1_000);
        let mut log = Log::new(limits, Epoch::parse(EPOCH).expect("an epoch"), 1).written_down();
        for written in &self.written {
            match written {
                Written::Published { topic, first, events, completion, key, receivers, at } => {
                    log.restore(&Restored {
                        topic,
                        first: *first,
                        events,
                        completion: completion.as_deref(),
                        key: key.as_ref().map(|(key, fingerprint)| (key.as_str(), *fingerprint)),
                        receivers: *receivers,
                        at: *at,
                    });
                }
                Written::Deleted(topic) => log.restore_deletion(topic.as_str()),
                Written::Bounded(..) => {}
            }
        }
        for written in &self.written {
            if let Written::Bounded(topic, bounds) = written {
                log.restore_bounds(topic, *bounds, now);
            }
        }
        log.restored(next, 0, now);
        self.desk.log = log;
    }
}

fn written(change: &Change<'_>, at: Time) -> Written {
    match change {
        Change::Published { topic, entry, position, receivers, key } => {
            let completion = entry.completion.as_ref().map(|completion| completion.seq);
            let first = entry.events.first().map(|(seq, _)| *seq).or(completion).unwrap_or(*position);
            Written::Published {
                topic: (*topic).clone(),
                first,
                events: entry
                    .events
                    .iter()
                    .map(|(_, frame)| Draft::of_lines(Draft::lines_of(frame)))
                    .collect(),
                completion: entry.completion.as_ref().map(|completion| completion.reason.to_string()),
                key: key.map(|(key, fingerprint)| (key.to_owned(), fingerprint)),
                receivers: *receivers,
                at,
            }
        }
        Change::Deleted { topic, .. } => Written::Deleted((*topic).clone()),
    }
}

#[test]
fn a_client_that_comes_back_after_a_restart_gets_what_it_missed() {
    let mut kept = Kept::new();
    for text in ["1", "2", "3"] {
        kept.publish("a", text);
    }
    kept.restart();
    let mut stream = kept.desk.listen(&[from("a", From::Now)], Some(&position(1)));
    assert_eq!((stream.start.gap, kept.desk.read(&mut stream)), (None, vec!["2".to_owned(), "3".to_owned()]));
}

#[test]
fn numbers_go_on_above_all_that_were_given_out() {
    let mut kept = Kept::new();
    let before = kept.publish("a", "1");
    kept.restart();
    assert_eq!(kept.publish("a", "2"), before + 1_000);
    let mut stream = kept.desk.listen(&[from("a", From::Now)], Some(&position(before + 500)));
    assert_eq!((stream.start.gap, kept.desk.read(&mut stream)), (None, vec!["2".to_owned()]));
}

#[test]
fn keys_ends_and_empty_topics_are_there_again() {
    let mut kept = Kept::new();
    kept.run(|log, now| log.publish(&publish("empty", &[]), now)).expect("made");
    let once = keyed(completing("a", &["x"]), "k");
    let first = kept.run(|log, now| log.publish(&once, now)).expect("published");
    kept.restart();
    assert!(kept.desk.log.describe("empty").is_some());
    assert_eq!(kept.desk.try_publish(&once), Ok(first));
    let mut stream = kept.desk.listen(&[from("a", From::Start)], None);
    assert_eq!(kept.desk.read(&mut stream), ["x", "end:done"]);
}

#[test]
fn what_was_handed_is_not_undelivered_after_a_restart() {
    let mut kept = Kept::new();
    kept.publish("a", "1");
    kept.publish("a", "2");
    let mut stream = kept.desk.listen(&[exclusive("a", From::Undelivered)], None);
    kept.desk.read_page(&mut stream, 1);
    kept.write_handed();
    kept.restart();
    let mut next = kept.desk.listen(&[exclusive("a", From::Undelivered)], None);
    assert_eq!(kept.desk.read(&mut next), ["2"]);
    assert!(kept.desk.log.take_handed(kept.desk.now).len() == 1, "the second is to be written down");
    assert!(kept.desk.log.take_handed(kept.desk.now).is_empty());
}

#[test]
fn what_was_deleted_stays_so_and_its_cursors_hear_a_gap() {
    let mut kept = Kept::new();
    kept.publish("a", "1");
    kept.run(|log, _| log.delete("a")).expect("deleted");
    kept.restart();
    assert!(kept.desk.log.describe("a").is_none());
    kept.publish("a", "2");
    let mut stream = kept.desk.listen(&[from("a", From::Now)], Some(&position(0)));
    assert_eq!(kept.desk.read_page(&mut stream, 9).dropped.len(), 1);
}

#[test]
fn what_is_too_old_by_then_does_not_come_back() {
    let mut kept = Kept::new();
    kept.publish("a", "1");
    kept.desk.now = kept.desk.now + Duration::from_secs(400);
    kept.publish("a", "2");
    kept.desk.now = kept.desk.now + Duration::from_secs(300);
    kept.restart();
    assert_eq!(kept.desk.log.describe("a").map(|it| it.events), Some(1));
    let mut stream = kept.desk.listen(&[from("a", From::Now)], Some(&position(0)));
    assert_eq!(kept.desk.read_page(&mut stream, 9).dropped.len(), 1);
}

#[test]
fn bounds_that_have_become_smaller_hold_after_the_restart() {
    let mut kept = Kept::new();
    for text in ["1", "2", "3", "4"] {
        kept.publish("a", text);
    }
    kept.restart_within(LogLimits { topic_events_max: 2, ..limits() });
    assert_eq!(kept.desk.log.describe("a").and_then(|it| it.retained), Some((3, 4)));
}

#[test]
fn the_bounds_of_a_topic_bring_its_gaps_back() {
    let mut kept = Kept::new();
    kept.publish("a", "1");
    let bounds = Bounds { used: kept.desk.now, dropped_through: 7, inherited: 2, handed_through: 5 };
    kept.written = vec![Written::Bounded(name("a"), bounds)];
    kept.restart();
    let mut stream = kept.desk.listen(&[from("a", From::Now)], Some(&position(6)));
    assert_eq!(kept.desk.read_page(&mut stream, 9).dropped, [(stream.start.topics[0].topic, 7)]);
    assert_eq!(kept.desk.log.bounds("a", kept.desk.now).map(|it| it.handed_through), Some(5));
}

#[test]
fn a_publish_is_remembered_as_long_as_anything_of_it_is() {
    let mut kept = Kept::new();
    kept.run(|log, now| log.publish(&keyed(publish("a", &["x"]), "k"), now)).expect("published");
    for _ in 0..5 {
        kept.publish("a", "y");
    }
    let log = &kept.desk.log;
    assert!(log.remembers("a", (1, 1), Some("k")), "its key");
    assert!(!log.remembers("a", (1, 1), None), "its event is gone");
    assert!(log.remembers("a", (2, 2), None));
    assert!(!log.remembers("b", (2, 2), None));
    let end = kept.run(|log, now| log.publish(&completing("c", &[]), now)).expect("completed").position;
    assert!(kept.desk.log.remembers("c", (end, end), None));
}
