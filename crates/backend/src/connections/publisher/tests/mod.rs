//! What is published when, in virtual time, with a gateway that the test plays.

mod bounds;
mod endings;
mod gateway;
mod model;
mod outages;

use std::time::Duration;

use sse_gateway_protocol::Epoch;

use self::gateway::Gateway;
use super::*;
use crate::Event;
use crate::connections::Delivery;
use crate::connections::loss::Loss;

/// One identifier's publisher, a clock that the test turns, and a gateway.
struct World {
    publisher: Publisher,
    gateway: Gateway,
    identifier: Identifier,
    now: Time,
    receipts: Receipt,
    settled: Vec<(Receipt, Delivery)>,
    lost: Vec<(Loss, u64)>,
}

impl World {
    fn new(identifier: Identifier, settings: ConnectionSettings) -> Self {
        Self {
            publisher: Publisher::new(settings, "life"),
            gateway: Gateway::default(),
            identifier,
            now: Duration::ZERO,
            receipts: 0,
            settled: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// A task's log.
    fn log() -> Self {
        Self::log_with(ConnectionSettings::default())
    }

    fn log_with(settings: ConnectionSettings) -> Self {
        let mut world = Self::new(Identifier::parse("task", "1").expect("a valid id"), settings);
        world.publisher.open_log(&world.identifier, world.now).expect("a new log");
        world
    }

    /// A version client's queue.
    fn queue() -> Self {
        Self::queue_with(ConnectionSettings::default())
    }

    fn queue_with(settings: ConnectionSettings) -> Self {
        Self::new(Identifier::parse("version", "1").expect("a valid id"), settings)
    }

    fn append(&mut self, data: &str) {
        let message = Message::passing(Event::unnamed(data));
        self.publisher.append(&self.identifier, message, self.now).expect("the log takes it");
    }

    fn finish(&mut self, data: &str) {
        let message = Message::kept(Event::unnamed(data));
        self.publisher.finish(&self.identifier, message, "done", self.now).expect("the log takes it");
    }

    fn enqueue(&mut self, data: &str) -> Receipt {
        let message = Message::kept(Event::unnamed(data));
        self.receipts += 1;
        self.publisher
            .enqueue(&self.identifier, message, self.receipts, self.now)
            .expect("the queue takes it");
        self.receipts
    }

    /// The next thing to do beside what only tells.
    fn poll(&mut self) -> Option<Effect> {
        loop {
            match self.publisher.next_effect()? {
                Effect::Settle(receipt, delivery) => self.settled.push((receipt, delivery)),
                Effect::Lost(_, loss, events) => self.lost.push((loss, events)),
                Effect::NewEpoch(_) => {}
                effect => return Some(effect),
            }
        }
    }

    /// The publish that comes next; everything before it is answered as a gateway does that works.
    fn sent(&mut self) -> Publication {
        loop {
            match self.poll().expect("a publish") {
                Effect::Publish(publication) => return publication,
                effect => self.carry_out(effect),
            }
        }
    }

    fn answer(&mut self, outcome: Outcome) {
        let identifier = self.identifier.clone();
        self.publisher.answered(&identifier, outcome, self.now);
    }

    /// The gateway takes the next publish; its answer arrives.
    fn takes(&mut self) -> Publication {
        let publication = self.sent();
        let outcome = self.gateway.publish(&publication);
        self.answer(outcome);
        publication
    }

    /// Does what is to be done, with a gateway that works.
    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Ask => self.publisher.offered(self.now),
            Effect::Check(_) => {
                let outcome = self.gateway.touched();
                self.publisher.checked(&outcome, self.now);
            }
            Effect::Publish(publication) => {
                let outcome = self.gateway.publish(&publication);
                self.publisher.answered(&publication.identifier, outcome, self.now);
            }
            Effect::Look(identifier, asker) => {
                let looked = self.gateway.look(&identifier);
                self.publisher.looked(&identifier, asker, looked, self.now);
            }
            Effect::Delete(identifier) => {
                self.gateway.delete(&identifier);
                self.publisher.deleted(&identifier, true, self.now);
            }
            Effect::Settle(..) | Effect::Lost(..) | Effect::NewEpoch(_) => unreachable!("only tells"),
        }
    }

    fn run(&mut self) {
        while let Some(effect) = self.poll() {
            self.carry_out(effect);
        }
    }

    /// Lets time pass, without a gateway: what is to be done waits.
    fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(at) = self.publisher.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.publisher.tick(self.now);
            assert_ne!(self.publisher.next_deadline(), Some(at), "a deadline that has passed is still there");
        }
        self.now = until;
    }

    /// Lets time pass with a gateway that works.
    fn run_for(&mut self, by: Duration) {
        let until = self.now + by;
        self.run();
        while let Some(at) = self.publisher.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.publisher.tick(self.now);
            self.run();
        }
        self.now = until;
    }

    fn published(&self) -> Vec<&str> {
        self.gateway.events(&self.identifier)
    }
}

/// The data of a publish's events, and the reason of its end in brackets.
fn texts(publication: &Publication) -> Vec<String> {
    let events = publication.events.iter().map(|event| event.data.clone());
    events.chain(publication.end.iter().map(|reason| format!("[{reason}]"))).collect()
}

fn taken(epoch: &str, receivers: u64) -> Outcome {
    Outcome::Taken { epoch: Epoch::parse(epoch).expect("an epoch"), receivers }
}

#[test]
fn nothing_is_published_before_the_gateway_was_asked_what_it_can() {
    let mut world = World::log();
    world.append("1");
    assert_eq!(world.poll(), Some(Effect::Ask));
    assert_eq!(world.poll(), None);
    world.publisher.offered(world.now);
    assert_eq!(texts(&world.takes()), ["1"]);
    assert_eq!(world.poll(), None);
}

#[test]
fn a_log_makes_its_topic_before_its_first_event_and_who_waits_is_told() {
    let mut world = World::log();
    let identifier = world.identifier.clone();
    assert!(world.publisher.await_topic(&identifier, 7));
    let touch = world.sent();
    assert_eq!((texts(&touch), touch.key), (Vec::<String>::new(), None));
    assert_eq!(world.settled, []);
    world.answer(taken("A", 0));
    assert_eq!(world.poll(), None);
    assert_eq!(world.settled, [(7, Delivery::Delivered)]);
    assert!(!world.publisher.await_topic(&identifier, 8), "it exists");
}

#[test]
fn nothing_passes_the_publish_under_way() {
    let mut world = World::log();
    world.append("1");
    assert_eq!(texts(&world.sent()), ["1"]);
    world.append("2");
    world.append("3");
    world.finish("result");
    assert_eq!(world.poll(), None, "one publish at a time");
    world.answer(taken("A", 1));
    assert_eq!(texts(&world.sent()), ["2", "3", "result", "[done]"]);
}

#[test]
fn a_version_is_delivered_when_somebody_listens_and_queued_when_nobody_does() {
    let mut world = World::queue();
    for (receivers, delivery) in [(1, Delivery::Delivered), (0, Delivery::Queued)] {
        let receipt = world.enqueue("1");
        world.sent();
        world.answer(taken("A", receivers));
        assert_eq!(world.poll(), None);
        assert_eq!(world.settled.pop(), Some((receipt, delivery)));
    }
    assert!(world.publisher.queues.is_empty(), "the gateway keeps them");
}

#[test]
fn a_silent_log_is_touched_every_third_of_the_age_and_one_that_has_ended_is_not() {
    let mut world = World::log();
    world.run();
    for _ in 0..3 {
        world.run_for(Duration::from_secs(199));
        let touches = world.gateway.touches(&world.identifier);
        world.run_for(Duration::from_secs(1));
        assert_eq!(world.gateway.touches(&world.identifier), touches + 1);
    }
    world.append("1");
    world.run_for(Duration::from_secs(199));
    let touches = world.gateway.touches(&world.identifier);
    world.finish("result");
    world.run_for(Duration::from_secs(2_000));
    assert_eq!(world.gateway.touches(&world.identifier), touches);
}

#[test]
fn who_asks_for_what_is_not_known_here_is_told_if_no_other_process_knows_it_either() {
    let mut world = World::log();
    let tell = || IfMissing::Tell { events: vec![Event::unnamed("not found")], reason: "missing" };
    let mut wish = |identifier: &Identifier, if_missing| {
        let (wish, _) = world.publisher.connect(identifier, Seats::One, if_missing, world.now);
        assert!(wish.exclusive);
        (wish.from, wish.if_missing.map(|missing| missing.reason))
    };
    let own = world.identifier.clone();
    let other = Identifier::parse("task", "2").expect("a valid id");
    let version = Identifier::parse("version", "1").expect("a valid id");
    assert_eq!(wish(&own, tell()), (From::Start, None), "its topic is on its way");
    assert_eq!(wish(&other, tell()), (From::Start, Some("missing".into())));
    assert_eq!(wish(&version, IfMissing::Create), (From::Undelivered, None));
    world.finish("result");
    world.run();
    let (wish, _) = world.publisher.connect(&own, Seats::One, tell(), world.now);
    assert!(wish.if_missing.is_some(), "nothing more comes, so that an empty topic would be silent for ever");
}

#[test]
fn the_gauge_follows_answers_connects_and_looks() {
    let mut world = World::queue();
    let identifier = world.identifier.clone();
    let connected = |world: &World| world.publisher.connected_services().count();
    world.publisher.offered(world.now);
    let (_, replaces) = world.publisher.connect(&identifier, Seats::One, IfMissing::Create, world.now);
    assert!(!replaces);
    assert_eq!(connected(&world), 1);
    assert!(world.publisher.connect(&identifier, Seats::One, IfMissing::Create, world.now).1);
    // The first one leaves, the second is there.
    world.gateway.receivers = 1;
    world.publisher.left(&identifier, world.now);
    world.run();
    assert_eq!(connected(&world), 1);
    world.gateway.receivers = 0;
    world.publisher.left(&identifier, world.now);
    world.run();
    assert_eq!(connected(&world), 0);
    assert_eq!(world.publisher.next_deadline(), None, "nothing is left behind");

    world.publisher.connect(&identifier, Seats::One, IfMissing::Create, world.now);
    world.gateway.receivers = 1;
    world.run_for(Duration::from_secs(59));
    // Its disconnect goes to another process.
    world.gateway.receivers = 0;
    world.run_for(Duration::from_secs(60));
    assert_eq!(connected(&world), 0);
}

#[test]
fn a_late_answer_does_not_keep_somebody_in_the_gauge_who_has_left() {
    let mut world = World::log();
    let identifier = world.identifier.clone();
    world.run();
    world.publisher.connect(&identifier, Seats::One, IfMissing::Create, world.now);
    world.append("1");
    let publication = world.sent();
    // The client leaves between the publish and its answer.
    world.publisher.left(&identifier, world.now);
    let look = world.poll().expect("a look");
    world.carry_out(look);
    assert_eq!(world.publisher.connected_services().count(), 0);
    world.gateway.publish(&publication);
    world.answer(taken("E0", 1));
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.publisher.connected_services().count(), 0);
}

#[test]
fn a_look_that_was_asked_before_a_connect_does_not_count() {
    let mut world = World::queue();
    let identifier = world.identifier.clone();
    world.publisher.offered(world.now);
    world.publisher.connect(&identifier, Seats::One, IfMissing::Create, world.now);
    world.publisher.left(&identifier, world.now);
    let look = world.poll().expect("a look");
    world.publisher.connect(&identifier, Seats::One, IfMissing::Create, world.now);
    world.carry_out(look);
    assert_eq!(world.publisher.connected_services().count(), 1);
    world.gateway.receivers = 1;
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.publisher.connected_services().count(), 1);
}

#[test]
fn a_gateway_without_topics_gets_everything_the_other_way() {
    let mut world = World::log();
    let identifier = world.identifier.clone();
    assert!(world.publisher.await_topic(&identifier, 7));
    world.append("1");
    world.finish("result");
    let version = Identifier::parse("version", "1").expect("a valid id");
    let message = Message::kept(Event::unnamed("v"));
    world.publisher.enqueue(&version, message, 8, world.now).expect("the queue takes it");
    let mut kept = world.publisher.surrender();
    kept.sort_by_key(|(identifier, _)| identifier.clone());
    let told: Vec<_> =
        kept.iter().map(|(identifier, memory)| (identifier, memory.retained().len())).collect();
    assert_eq!(told, [(&identifier, 3), (&version, 1)]);
    assert_eq!(world.poll(), Some(Effect::Ask), "what was asked before");
    assert_eq!(world.poll(), None);
    world.settled.sort_by_key(|(receipt, _)| *receipt);
    assert_eq!(world.settled, [(7, Delivery::Queued), (8, Delivery::Queued)]);
    assert_eq!((world.publisher.next_deadline(), world.publisher.is_busy()), (None, false));
}
