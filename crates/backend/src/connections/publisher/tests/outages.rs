//! Gateways that are away, and gateways that come back as others.

use super::*;

#[test]
fn a_publish_whose_outcome_is_unknown_is_repeated_under_its_key_with_the_same_events() {
    let mut world = World::log();
    world.append("1");
    let first = world.sent();
    world.gateway.publish(&first);
    world.answer(Outcome::Unknown);
    world.append("2");
    assert_eq!(world.sent(), first);
    let outcome = world.gateway.publish(&first);
    world.answer(outcome);
    world.run();
    assert_eq!(world.published(), ["1", "2"]);
}

#[test]
fn after_an_error_the_gateway_is_asked_once_for_all_and_nothing_is_published_until_it_answers() {
    let mut world = World::log();
    let others: Vec<_> =
        (0..3).map(|n| Identifier::parse("version", &n.to_string()).expect("a valid id")).collect();
    world.append("1");
    world.run();
    world.append("2");
    world.sent();
    world.answer(Outcome::NotConnected);
    assert_eq!(world.poll(), Some(Effect::Ask));
    for (receipt, other) in (0..).zip(&others) {
        let message = Message::kept(Event::unnamed("v"));
        world.publisher.enqueue(other, message, receipt, world.now).expect("the queue takes it");
    }
    assert_eq!(world.poll(), None);
    let mut asked = 0;
    for _ in 0..20 {
        world.publisher.unanswered(world.now);
        world.advance(Duration::from_millis(500));
        asked += u32::from(world.poll() == Some(Effect::Ask));
        assert_eq!(world.poll(), None);
    }
    assert_eq!(asked, 20, "at least every half a second");
    assert_eq!(world.settled.len(), 3, "who waits is told at the first failure");
    world.publisher.offered(world.now);
    world.run();
    assert_eq!(world.published(), ["1", "2"]);
    assert!(others.iter().all(|other| world.gateway.events(other) == ["v"]));
}

#[test]
fn a_gateway_that_calls_back_is_there_again() {
    let mut world = World::log();
    world.append("1");
    world.poll();
    world.publisher.unanswered(world.now);
    world.publisher.offered(world.now);
    world.run();
    assert_eq!(world.published(), ["1"]);
    world.publisher.unanswered(world.now);
    world.append("2");
    world.run();
    assert_eq!(world.published(), ["1", "2"], "a late answer closes nothing");
}

#[test]
fn a_story_is_published_again_from_its_start_when_the_log_is_another_one() {
    for ended in [false, true] {
        let mut world = World::log();
        world.append("1");
        world.append("2");
        if ended {
            world.finish("result");
        }
        world.run();
        world.gateway.restart();
        world.run_for(Duration::from_secs(1));
        let expected: &[&str] = if ended { &["1", "2", "result", "[done]"] } else { &["1", "2"] };
        assert_eq!(world.published(), expected, "noticed within a second, though nothing was published");
    }
}

#[test]
fn a_log_that_is_the_same_after_an_error_gets_nothing_twice() {
    let mut world = World::log();
    world.append("1");
    world.run();
    world.gateway.forget_keys();
    world.append("2");
    world.sent();
    world.answer(Outcome::NotConnected);
    world.run();
    assert_eq!(world.published(), ["1", "2"]);
}

#[test]
fn a_publish_that_was_under_way_when_the_gateway_died_comes_in_its_place_of_the_story() {
    let mut world = World::log();
    world.append("1");
    world.run();
    world.append("2");
    let lost = world.sent();
    world.gateway.publish(&lost);
    world.gateway.restart();
    world.answer(Outcome::Unknown);
    world.append("3");
    world.run();
    assert_eq!(world.published(), ["1", "2", "3"]);
}

#[test]
fn a_topic_that_got_newer_events_first_is_deleted_and_the_story_is_told_anew() {
    // Nothing tells of the new life before the publish itself.
    for answered in [true, false] {
        let mut world = World::log();
        world.append("1");
        world.run();
        world.gateway.restart();
        world.append("2");
        let first = world.sent();
        let outcome = world.gateway.publish(&first);
        assert_eq!(world.published(), ["2"]);
        world.answer(if answered { outcome } else { Outcome::Unknown });
        world.append("3");
        world.finish("result");
        world.run_for(Duration::from_secs(5));
        assert_eq!(world.published(), ["1", "2", "3", "result", "[done]"]);
    }
}

#[test]
fn a_topic_that_could_not_be_deleted_is_deleted_when_the_gateway_is_there_again() {
    for restarts in [false, true] {
        let mut world = World::log();
        world.append("1");
        world.run();
        world.gateway.restart();
        world.append("2");
        world.takes();
        let identifier = world.identifier.clone();
        assert_eq!(world.poll(), Some(Effect::Delete(identifier.clone())));
        world.publisher.deleted(&identifier, false, world.now);
        if restarts {
            world.gateway.restart();
        }
        world.run_for(Duration::from_secs(5));
        assert_eq!(world.published(), ["1", "2"]);
    }
}

#[test]
fn a_late_answer_of_the_life_before_does_not_bring_it_back() {
    let mut world = World::log();
    world.append("1");
    world.run();
    let before = world.gateway.epoch();
    world.gateway.restart();
    world.run_for(Duration::from_secs(1));
    world.gateway.forget_keys();
    let other = Identifier::parse("version", "1").expect("a valid id");
    let message = Message::kept(Event::unnamed("v"));
    world.publisher.enqueue(&other, message, 1, world.now).expect("the queue takes it");
    world.sent();
    world.publisher.answered(&other, Outcome::Taken { epoch: before, receivers: 0 }, world.now);
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.published(), ["1"]);
}

#[test]
fn without_logs_the_gateway_is_left_alone() {
    let mut world = World::queue();
    world.enqueue("1");
    world.run();
    assert_eq!(world.publisher.next_deadline(), None);
}

#[test]
fn a_refused_publish_is_repeated_after_waits_that_grow_and_others_go_on() {
    for refusal in [Outcome::Refused, Outcome::KeyReused] {
        let mut world = World::log();
        world.append("1");
        let mut waits = Vec::new();
        for _ in 0..8 {
            world.sent();
            world.answer(refusal.clone());
            assert_eq!(world.poll(), None);
            let deadline = world.publisher.deadlines.first().expect("it is tried again").0;
            waits.push((deadline - world.now).as_millis());
            world.now = deadline;
            world.publisher.tick(deadline);
        }
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
        let publication = world.takes();
        assert_eq!(texts(&publication), ["1"]);
        let rekeyed = if refusal == Outcome::KeyReused { 8 } else { 0 };
        assert!(publication.key.expect("a key").ends_with(&format!("-{rekeyed}")));
    }
}
