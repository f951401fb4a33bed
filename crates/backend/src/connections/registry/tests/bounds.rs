//! What happens at each bound.

use super::*;
use crate::connections::loss::Loss;

fn with(change: impl FnOnce(&mut ConnectionSettings)) -> ConnectionSettings {
    let mut settings = ConnectionSettings::default();
    change(&mut settings);
    settings
}

fn log_with(change: impl FnOnce(&mut ConnectionSettings)) -> World {
    let identifier = Identifier::parse("task", "1").expect("a valid id");
    let mut world = World::new(identifier, with(change));
    world.registry.open_log(&world.identifier).expect("a new log");
    world
}

fn queue_with(change: impl FnOnce(&mut ConnectionSettings)) -> World {
    World::new(Identifier::parse("version", "1").expect("a valid id"), with(change))
}

fn lost(world: &mut World) -> Vec<(&'static str, Loss, u64)> {
    let effects = std::iter::from_fn(|| world.registry.next_effect());
    effects
        .filter_map(|effect| match effect {
            Effect::Lost(service, loss, events) => Some((service, loss, events)),
            _ => None,
        })
        .collect()
}

fn keep(world: &mut World, data: &str) {
    let message = Message::kept(Event::unnamed(data));
    world.registry.append(&world.identifier, message, world.now).expect("the log takes it");
}

#[test]
fn a_full_log_loses_its_oldest_progress_and_keeps_the_rest() {
    let mut world = log_with(|settings| settings.log_events_max = 4);
    keep(&mut world, "started");
    ["1", "2", "3", "4"].into_iter().for_each(|data| world.append(data));
    world.finish("result");
    assert_eq!(lost(&mut world), [("task", Loss::Trimmed, 1), ("task", Loss::Trimmed, 1)]);
    let token = world.connect();
    world.delivers(token, &["started", "3", "4", "result", "[done]"]);
}

#[test]
fn a_log_is_bounded_in_bytes() {
    let mut world = log_with(|settings| settings.log_bytes_max = 1000);
    (0..10).for_each(|n| world.append(&n.to_string().repeat(100)));
    assert!(world.registry.retained_bytes <= 1000);
    let message = Message::kept(Event::unnamed("x".repeat(2000)));
    let refused = world.registry.append(&world.identifier, message, world.now);
    assert_eq!(refused, Err(PublishError::TooLarge));
}

#[test]
fn a_full_queue_loses_its_oldest_event() {
    let mut world = queue_with(|settings| settings.queue_events_max = 2);
    for data in ["1", "2", "3"] {
        world.enqueue(data);
    }
    assert_eq!(lost(&mut world), [("version", Loss::Full, 1)]);
    let token = world.connect();
    world.delivers(token, &["2", "3"]);
}

#[test]
fn a_queued_event_expires_after_ten_minutes() {
    let mut world = World::queue();
    world.enqueue("1");
    world.advance(Duration::from_secs(300));
    world.enqueue("2");
    world.advance(Duration::from_secs(300));
    assert_eq!(lost(&mut world), [("version", Loss::Expired, 1)]);
    let token = world.connect();
    world.delivers(token, &["2"]);
}

#[test]
fn a_queue_that_nobody_came_for_leaves_nothing_behind() {
    let mut world = World::queue();
    world.enqueue("1");
    world.advance(Duration::from_secs(600));
    assert_eq!((world.registry.lanes.len(), world.registry.retained_bytes), (0, 0));
    assert_eq!(world.registry.next_deadline(), None);
}

#[test]
fn past_the_bound_of_all_bytes_queues_refuse_logs_lose_progress_and_results_fall_back() {
    let mut world = log_with(|settings| settings.retained_bytes_max = 1000);
    (0..20).for_each(|n| world.append(&n.to_string().repeat(50)));
    assert!(world.registry.retained_bytes <= 1000);
    let version = Identifier::parse("version", "1").expect("a valid id");
    let message = Message::kept(Event::unnamed("x".repeat(900)));
    let refused = world.registry.enqueue(&version, message, 1, world.now);
    assert_eq!(refused, Err(PublishError::Full));
    let result = Message::kept(Event::unnamed("x".repeat(2000)))
        .or_if_too_large(Event::unnamed("the result is too large"), "too_large");
    world.registry.finish(&world.identifier, result, "done", world.now).expect("the fallback has room");
    let token = world.connect();
    let request = world.sent();
    let told = texts(&request);
    assert_eq!(
        (request.token, &told[told.len() - 2..]),
        (token, &["the result is too large", "[too_large]"][..])
    );
}

#[test]
fn past_the_bound_of_identifiers_new_ones_are_refused() {
    let mut world = queue_with(|settings| settings.identifiers_max = 1);
    world.enqueue("1");
    let other = Identifier::parse("version", "2").expect("a valid id");
    let token = world.new_token();
    let message = Message::kept(Event::unnamed("1"));
    assert_eq!(world.registry.enqueue(&other, message, 1, world.now), Err(PublishError::Full));
    assert_eq!(world.registry.open_log(&other), Err(PublishError::Full));
    let refused = world.registry.connect(&other, token, true, IfMissing::Create, world.now);
    assert_eq!(refused, Err(ConnectError::Full));
}

#[test]
fn past_the_bound_of_streams_to_be_closed_a_client_is_refused() {
    let mut world = queue_with(|settings| settings.closing_max = 2);
    for _ in 0..3 {
        world.connect();
    }
    let token = world.new_token();
    assert_eq!(world.connect_as(token), Err(ConnectError::Full));
    world.sent();
    world.answer(Outcome::Ok);
    assert_eq!(world.connect_as(token), Ok(true));
}

#[test]
fn tokens_that_are_over_are_forgotten_by_number_and_by_age() {
    let mut world = queue_with(|settings| settings.past_tokens_max = 2);
    let tokens: Vec<_> = (0..3).map(|_| world.new_token()).collect();
    for token in &tokens {
        world.disconnect(*token, true);
    }
    assert_eq!(world.connect_as(tokens[2]), Err(ConnectError::Over));
    assert_eq!(world.connect_as(tokens[0]), Ok(false), "the oldest of three is forgotten");
    world.advance(Duration::from_secs(60));
    assert_eq!(world.connect_as(tokens[2]), Ok(true));
}

#[test]
fn what_has_ended_takes_no_more_events() {
    let mut world = World::log();
    world.finish("result");
    let more = || Message::passing(Event::unnamed("more"));
    assert_eq!(world.registry.append(&world.identifier, more(), world.now), Err(PublishError::Ended));
    assert_eq!(world.registry.finish(&world.identifier, more(), "done", world.now), Err(PublishError::Ended));
    assert_eq!(world.registry.open_log(&world.identifier), Err(PublishError::Ended));
}
