//! What each outcome of a request leads to.

use super::*;

#[test]
fn a_send_with_unknown_outcome_is_not_repeated_on_its_stream() {
    let mut world = World::queue();
    world.enqueue("1");
    let token = world.connect();
    world.sent();
    world.enqueue("2");
    world.answer(Outcome::Unknown);
    assert_eq!(world.connected(), 0);
    let close = world.sent();
    assert_eq!((close.token, close.events.len(), close.close), (token, 0, true));
    world.answer(Outcome::Ok);
    assert!(world.is_quiet());
    // It opened, and has what was taken for it before: nothing that is known.
    world.disconnect(token, true);
    let next = world.connect();
    world.delivers(next, &["1", "2"]);
}

#[test]
fn while_the_gateway_is_away_events_wait_and_go_out_when_it_is_back() {
    let mut world = World::log();
    let token = world.connect();
    world.append("1");
    world.sent();
    world.answer(Outcome::NotTaken);
    world.append("2");
    assert!(world.is_quiet(), "it is not asked at once");
    world.advance(Duration::from_millis(100));
    world.delivers(token, &["1", "2"]);
}

#[test]
fn the_waits_for_a_gateway_that_is_away_double_up_to_two_seconds() {
    let mut world = World::log();
    world.connect();
    world.append("1");
    world.sent();
    let mut waits = Vec::new();
    for _ in 0..7 {
        world.answer(Outcome::NotTaken);
        let since = world.now;
        world.advance(world.registry.next_deadline().expect("a wait") - since);
        waits.push((world.now - since).as_millis());
        world.sent();
    }
    assert_eq!(waits, [100, 200, 400, 800, 1600, 2000, 2000]);
}

#[test]
fn a_connect_ends_the_wait_for_a_gateway_that_was_away() {
    let mut world = World::log();
    world.connect();
    world.append("1");
    world.sent();
    world.answer(Outcome::NotTaken);
    world.connect();
    assert_eq!(texts(&world.sent()), ["[replaced]"]);
}

#[test]
fn a_stream_that_is_gone_keeps_its_events_for_the_next() {
    let mut world = World::queue();
    world.connect();
    world.enqueue("1");
    world.sent();
    world.answer(Outcome::Gone);
    assert_eq!(world.connected(), 0);
    let next = world.connect();
    world.delivers(next, &["1"]);
}

#[test]
fn a_batch_that_is_refused_is_sent_one_by_one_and_only_the_refused_event_is_lost() {
    let mut world = World::log();
    ["1", "2", "3"].into_iter().for_each(|data| world.append(data));
    let token = world.connect();
    assert_eq!(texts(&world.sent()), ["1", "2", "3"]);
    world.answer(Outcome::Rejected);
    world.delivers(token, &["1"]);
    assert_eq!(texts(&world.sent()), ["2"]);
    world.answer(Outcome::Rejected);
    world.delivers(token, &["3"]);
    world.append("4");
    world.append("5");
    world.delivers(token, &["4"]);
}

#[test]
fn a_result_that_is_too_large_makes_way_for_an_error_and_its_own_ending() {
    for batches in [true, false] {
        let mut world = World { batches, ..World::log() };
        let token = world.connect();
        let result = Message::kept(Event::unnamed("large"))
            .or_if_too_large(Event::unnamed("the result is too large"), "too_large");
        world.registry.finish(&world.identifier, result, "done", world.now).expect("taken");
        assert_eq!(texts(&world.sent())[0], "large");
        world.answer(Outcome::Rejected);
        let mut told = Vec::new();
        while let Some(request) = world.poll_sent() {
            assert_eq!(request.token, token);
            told.extend(texts(&request).iter().map(ToString::to_string));
            world.answer(Outcome::Ok);
        }
        assert_eq!(told, ["the result is too large", "[too_large]"]);
        assert_eq!(world.connected(), 0);
    }
}

#[test]
fn a_result_of_over_100_kb_is_not_even_sent_to_the_original_gateway() {
    let mut world = World::log().with_original_gateway();
    let token = world.connect();
    // Quotes count twice in JSON.
    let large = "\"".repeat(60_000);
    let result = Message::kept(Event::unnamed(large))
        .or_if_too_large(Event::unnamed("the result is too large"), "too_large");
    world.registry.finish(&world.identifier, result, "done", world.now).expect("taken");
    world.delivers(token, &["the result is too large"]);
    world.delivers(token, &["[too_large]"]);
}

#[test]
fn a_close_that_fails_is_tried_five_times_and_then_given_up() {
    for outcome in [Outcome::Unknown, Outcome::NotTaken] {
        let mut world = World::log();
        let old = world.connect();
        let new = world.connect();
        world.append("1");
        for _ in 0..5 {
            assert_eq!(world.sent().token, old);
            world.answer(outcome);
            world.advance(Duration::from_secs(2));
        }
        world.delivers(new, &["1"]);
    }
}

#[test]
fn an_idle_connection_whose_disconnect_was_lost_is_found_out() {
    let mut world = World::queue();
    let token = world.connect();
    world.advance(Duration::from_secs(59));
    assert!(world.is_quiet());
    world.advance(Duration::from_secs(1));
    assert_eq!(world.sent().token, token);
    world.answer(Outcome::Gone);
    assert_eq!(world.connected(), 0);
    assert!(world.registry.lanes.is_empty());
}

#[test]
fn a_gateway_that_is_away_is_not_asked_more_often_for_idle_connections() {
    let mut world = World::queue();
    world.connect();
    world.advance(Duration::from_secs(60));
    world.sent();
    world.answer(Outcome::NotTaken);
    world.advance(Duration::from_secs(59));
    assert!(world.is_quiet());
    world.advance(Duration::from_secs(1));
    world.sent();
}
