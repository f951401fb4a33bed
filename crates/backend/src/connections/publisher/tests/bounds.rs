//! What happens at each bound.

use super::*;

fn with(change: impl FnOnce(&mut ConnectionSettings)) -> ConnectionSettings {
    let mut settings = ConnectionSettings::default();
    change(&mut settings);
    settings
}

/// What the gateway gets once it is there.
fn publish_all(world: &mut World) -> Vec<String> {
    world.run_for(Duration::from_secs(1));
    world.published().iter().map(ToString::to_string).collect()
}

#[test]
fn while_the_gateway_is_away_a_full_log_loses_its_oldest_progress_and_never_its_end() {
    let mut world = World::log_with(with(|settings| settings.log_events_max = 4));
    let started = Message::kept(Event::unnamed("started"));
    world.publisher.append(&world.identifier, started, world.now).expect("the log takes it");
    ["1", "2", "3", "4"].into_iter().for_each(|data| world.append(data));
    world.finish("result");
    assert_eq!(world.poll(), Some(Effect::Ask));
    assert_eq!(world.poll(), None);
    assert_eq!(world.lost, [(Loss::Trimmed, 1), (Loss::Trimmed, 1)]);
    world.publisher.offered(world.now);
    assert_eq!(publish_all(&mut world), ["started", "3", "4", "result", "[done]"]);
}

#[test]
fn what_the_topic_has_is_not_lost_when_it_leaves_the_log() {
    let mut world = World::log_with(with(|settings| settings.log_events_max = 4));
    for n in 0..20 {
        world.append(&n.to_string());
        world.run();
    }
    assert_eq!(world.lost, []);
    assert_eq!(world.published().len(), 20);
}

#[test]
fn what_is_under_way_is_not_lost_when_it_leaves_the_log() {
    let mut world = World::log_with(with(|settings| settings.log_events_max = 4));
    ["1", "2", "3"].into_iter().for_each(|data| world.append(data));
    let publication = world.sent();
    ["4", "5", "6", "7"].into_iter().for_each(|data| world.append(data));
    world.answer(Outcome::Unknown);
    assert_eq!(world.sent(), publication);
    let outcome = world.gateway.publish(&publication);
    world.answer(outcome);
    assert_eq!(publish_all(&mut world), ["1", "2", "3", "4", "5", "6", "7"]);
    assert_eq!(world.lost, []);
}

#[test]
fn while_the_gateway_is_away_a_full_queue_loses_its_oldest_version() {
    let mut world = World::queue_with(with(|settings| settings.queue_events_max = 2));
    ["1", "2", "3"].into_iter().for_each(|data| {
        world.enqueue(data);
    });
    assert_eq!(world.poll(), Some(Effect::Ask));
    assert_eq!(world.poll(), None);
    assert_eq!(world.lost, [(Loss::Full, 1)]);
    assert_eq!(world.settled, [(1, Delivery::Queued)]);
    world.publisher.offered(world.now);
    assert_eq!(publish_all(&mut world), ["2", "3"]);
}

#[test]
fn a_version_that_the_gateway_does_not_take_expires_after_ten_minutes() {
    let mut world = World::queue();
    world.enqueue("1");
    world.advance(Duration::from_secs(300));
    world.enqueue("2");
    world.advance(Duration::from_secs(300));
    assert_eq!(world.poll(), Some(Effect::Ask));
    assert_eq!(world.poll(), None);
    assert_eq!(world.lost, [(Loss::Expired, 1)]);
    world.publisher.offered(world.now);
    assert_eq!(publish_all(&mut world), ["2"]);
}

#[test]
fn a_version_whose_outcome_stays_unknown_expires_too_and_leaves_nothing_behind() {
    let mut world = World::queue();
    world.enqueue("1");
    world.sent();
    world.answer(Outcome::Unknown);
    world.advance(Duration::from_secs(600));
    while world.poll().is_some() {}
    assert_eq!(world.lost, [(Loss::Expired, 1)]);
    assert_eq!((world.publisher.queues.len(), world.publisher.retained_bytes), (0, 0));
    world.publisher.offered(world.now);
    assert_eq!(world.publisher.next_deadline(), None);
}

#[test]
fn past_the_bound_of_identifiers_new_ones_are_refused() {
    let mut world = World::queue_with(with(|settings| settings.identifiers_max = 1));
    world.enqueue("1");
    let other = Identifier::parse("version", "2").expect("a valid id");
    let message = Message::kept(Event::unnamed("1"));
    assert_eq!(world.publisher.enqueue(&other, message, 2, world.now), Err(PublishError::Full));
    assert_eq!(world.publisher.open_log(&other, world.now), Err(PublishError::Full));
}

#[test]
fn past_the_bound_of_all_bytes_queues_refuse_logs_lose_progress_and_results_fall_back() {
    let mut world = World::log_with(with(|settings| settings.retained_bytes_max = 1000));
    (0..20).for_each(|n| world.append(&n.to_string().repeat(50)));
    assert!(world.publisher.retained_bytes <= 1000);
    let version = Identifier::parse("version", "1").expect("a valid id");
    let message = Message::kept(Event::unnamed("x".repeat(900)));
    let refused = world.publisher.enqueue(&version, message, 1, world.now);
    assert_eq!(refused, Err(PublishError::Full));
    let result = Message::kept(Event::unnamed("x".repeat(2000)))
        .or_if_too_large(Event::unnamed("the result is too large"), "too_large");
    world.publisher.finish(&world.identifier, result, "done", world.now).expect("the fallback has room");
    let told = publish_all(&mut world);
    assert_eq!(told[told.len() - 2..], ["the result is too large", "[too_large]"]);
}

#[test]
fn a_story_is_published_in_batches_that_are_bounded_in_events_and_bytes() {
    let mut world = World::log_with(with(|settings| {
        settings.batch_events_max = 3;
        settings.batch_bytes_max = 1000;
    }));
    for data in ["1", "2", "3", "4"] {
        world.append(data);
    }
    world.append(&"x".repeat(2000));
    world.append("5");
    let mut batches = Vec::new();
    while batches.iter().sum::<usize>() < 6 {
        batches.push(world.takes().events.len());
    }
    assert_eq!(batches, [3, 1, 1, 1]);
}
