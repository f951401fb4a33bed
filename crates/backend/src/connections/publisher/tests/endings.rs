//! Ends of stories, foreign ends, and what no gateway takes.

use super::*;

#[test]
fn the_last_event_and_the_end_are_one_publish_also_when_a_batch_is_full() {
    let mut world = World::log();
    let max = ConnectionSettings::default().batch_events_max;
    (1..max).for_each(|n| world.append(&n.to_string()));
    world.finish("result");
    let publication = world.sent();
    assert_eq!((publication.events.len(), publication.end.as_deref()), (max, Some("done")));
}

#[test]
fn what_has_ended_takes_no_more_events() {
    let mut world = World::log();
    world.finish("result");
    let more = || Message::passing(Event::unnamed("more"));
    assert_eq!(world.publisher.append(&world.identifier, more(), world.now), Err(PublishError::Ended));
    let ended = world.publisher.finish(&world.identifier, more(), "done", world.now);
    assert_eq!(ended, Err(PublishError::Ended));
    assert_eq!(world.publisher.open_log(&world.identifier, world.now), Err(PublishError::Ended));
}

#[test]
fn an_end_that_is_repeated_when_its_key_is_forgotten_is_there_already() {
    let mut world = World::log();
    world.finish("result");
    let end = world.sent();
    world.gateway.publish(&end);
    world.gateway.forget_keys();
    world.answer(Outcome::Unknown);
    world.run();
    assert_eq!(world.published(), ["result", "[done]"]);
    assert_eq!((&world.lost[..], world.publisher.is_busy()), (&[][..], false));
}

#[test]
fn a_topic_that_somebody_else_has_completed_takes_nothing_and_what_it_loses_is_counted() {
    let mut world = World::log();
    world.run();
    let identifier = world.identifier.clone();
    world.gateway.complete(&identifier);
    world.append("1");
    world.append("2");
    world.run();
    world.finish("result");
    world.run_for(Duration::from_secs(1_000));
    assert_eq!(world.lost.iter().map(|(_, events)| events).sum::<u64>(), 3);
    assert!(world.lost.iter().all(|(loss, _)| *loss == Loss::Completed), "{:?}", world.lost);
    assert!(!world.publisher.is_busy());
}

#[test]
fn what_is_rejected_together_is_tried_one_by_one_and_what_is_too_large_falls_back() {
    let mut world = World::log();
    world.append("1");
    world.append("large");
    let result = Message::kept(Event::unnamed("large result"))
        .or_if_too_large(Event::unnamed("the result is too large"), "too_large");
    world.publisher.finish(&world.identifier, result, "done", world.now).expect("the log takes it");
    loop {
        let publication = world.sent();
        let too_large = publication.events.len() > 1 || texts(&publication)[0].starts_with("large");
        let outcome = if too_large { Outcome::Rejected } else { world.gateway.publish(&publication) };
        let ends = publication.end.is_some() && !too_large;
        world.answer(outcome);
        if ends {
            break;
        }
    }
    assert_eq!(world.poll(), None);
    assert_eq!(world.published(), ["1", "the result is too large", "[too_large]"]);
    assert_eq!(world.lost, [(Loss::Rejected, 1)]);
}

#[test]
fn what_is_forgotten_is_deleted_after_the_publish_under_way() {
    let mut world = World::log();
    world.append("1");
    let publication = world.sent();
    let identifier = world.identifier.clone();
    world.publisher.forget(&identifier, world.now);
    assert_eq!(world.poll(), None);
    let outcome = world.gateway.publish(&publication);
    world.answer(outcome);
    assert!(world.gateway.exists(&identifier));
    world.run();
    assert!(!world.gateway.exists(&identifier));
    assert_eq!((world.publisher.queues.len(), world.publisher.retained_bytes), (0, 0));
    assert_eq!(world.publisher.next_deadline(), None);
}

#[test]
fn deleting_is_tried_a_few_times_and_then_left_to_the_topics_age() {
    let mut world = World::log();
    world.run();
    let identifier = world.identifier.clone();
    world.publisher.forget(&identifier, world.now);
    let mut tried = 0;
    for _ in 0..100 {
        match world.poll() {
            Some(Effect::Delete(_)) => {
                tried += 1;
                world.publisher.deleted(&identifier, false, world.now);
            }
            Some(effect) => world.carry_out(effect),
            None => world.advance(Duration::from_secs(1)),
        }
    }
    assert_eq!((tried, world.publisher.queues.len()), (5, 0));
}

#[test]
fn what_was_never_published_is_forgotten_without_a_word() {
    let mut world = World::log();
    world.append("1");
    let identifier = world.identifier.clone();
    world.publisher.forget(&identifier, world.now);
    assert_eq!(world.publisher.queues.len(), 0);
    assert_eq!(world.poll(), Some(Effect::Ask), "what was asked before");
    assert_eq!(world.poll(), None);
}

#[test]
fn an_identifier_without_a_log_is_completed_once_the_gateway_has_it_and_nothing_stays() {
    let mut world = World::queue();
    let last = Message::kept(Event::unnamed("cut off"));
    world.publisher.complete(&world.identifier, last, "failed", world.now).expect("the queue takes it");
    assert_eq!(texts(&world.sent()), ["cut off", "[failed]"]);
    world.answer(Outcome::NotConnected);
    world.run();
    assert_eq!(world.published(), ["cut off", "[failed]"]);
    assert_eq!((world.publisher.queues.len(), world.publisher.retained_bytes), (0, 0));
}
