//! The interleavings that lose, repeat or reorder events elsewhere.

use super::*;

#[test]
fn an_event_published_at_any_moment_of_a_connect_arrives_in_order() {
    // Every split of three events into: before the connect, between it and the first answer, after.
    for before in 0..=3 {
        for between in 0..=3 - before {
            let mut world = World::log();
            let events = ["a", "b", "c"];
            events[..before].iter().for_each(|data| world.append(data));
            let token = world.connect();
            events[before..before + between].iter().for_each(|data| world.append(data));
            let mut arrived = Vec::new();
            let mut rest = events[before + between..].iter();
            loop {
                while let Some(request) = world.poll_sent() {
                    assert_eq!(request.token, token);
                    arrived.extend(texts(&request).iter().map(ToString::to_string));
                    world.answer(Outcome::Ok);
                }
                let Some(data) = rest.next() else { break };
                world.append(data);
            }
            assert_eq!(arrived, events, "{before} before, {between} between");
        }
    }
}

#[test]
fn nothing_passes_the_request_under_way() {
    let mut world = World::log();
    world.append("1");
    let token = world.connect();
    let first = world.sent();
    assert_eq!(texts(&first), ["1"]);
    world.append("2");
    world.append("3");
    world.finish("result");
    assert!(world.is_quiet(), "one request at a time");
    world.answer(Outcome::Ok);
    let rest = world.sent();
    assert_eq!((rest.token, texts(&rest), rest.close), (token, vec!["2", "3", "result", "[done]"], true));
}

#[test]
fn a_version_queued_while_a_client_connects_does_not_pass_older_ones() {
    let mut world = World::queue();
    world.enqueue("1");
    world.enqueue("2");
    let token = world.connect();
    world.enqueue("3");
    world.delivers(token, &["1", "2"]);
    world.delivers(token, &["3"]);
}

#[test]
fn a_404_of_an_older_stream_leaves_the_newer_one_connected() {
    let mut world = World::log();
    world.append("1");
    let old = world.connect();
    assert_eq!(world.sent().token, old);
    let new = world.connect();
    world.answer(Outcome::Gone);
    assert_eq!(world.connected(), 1);
    let close = world.sent();
    assert_eq!((close.token, close.close), (old, true));
    world.answer(Outcome::Gone);
    world.delivers(new, &["1"]);
    world.append("2");
    world.delivers(new, &["2"]);
}

#[test]
fn the_last_events_and_the_end_travel_in_one_request() {
    let mut world = World::log();
    let token = world.connect();
    world.append("1");
    world.delivers(token, &["1"]);
    world.finish("result");
    let last = world.sent();
    assert_eq!((texts(&last), last.close), (vec!["result", "[done]"], true));
    world.answer(Outcome::Ok);
    assert_eq!(world.connected(), 0);
}

#[test]
fn a_full_batch_never_separates_the_last_event_from_the_end() {
    let mut world = World::log();
    let max = ConnectionSettings::default().batch_events_max;
    (1..max).for_each(|n| world.append(&n.to_string()));
    world.finish("result");
    world.connect();
    let request = world.sent();
    assert_eq!(request.events.len(), max + 1);
    assert!(request.close);
}

#[test]
fn the_original_gateway_gets_one_event_a_request_and_the_end_with_connection_close() {
    let mut world = World::log().with_original_gateway();
    world.append("1");
    world.finish("result");
    let token = world.connect();
    world.delivers(token, &["1"]);
    world.delivers(token, &["result"]);
    let end = world.sent();
    assert_eq!((texts(&end), end.close), (vec!["[done]"], true));
}

#[test]
fn a_client_that_replaces_amid_the_ending_gets_the_result_and_the_ending() {
    let mut world = World::log().with_original_gateway();
    world.connect();
    world.finish("result");
    assert_eq!(texts(&world.sent()), ["result"]);
    let new = world.connect();
    world.answer(Outcome::Ok);
    assert_eq!(texts(&world.sent()), ["[replaced]"]);
    world.answer(Outcome::Ok);
    world.delivers(new, &["result"]);
    world.delivers(new, &["[done]"]);
}

#[test]
fn a_client_that_comes_after_the_end_gets_the_story_and_the_same_ending() {
    let mut world = World::log();
    world.append("1");
    world.finish("result");
    for _ in 0..2 {
        let token = world.connect();
        world.delivers(token, &["1", "result", "[done]"]);
        assert_eq!(world.connected(), 0);
    }
}

#[test]
fn a_disconnect_that_overtakes_its_connect_leaves_no_connection() {
    let mut world = World::log();
    let token = world.new_token();
    assert_eq!(world.disconnect(token, true), None);
    assert_eq!(world.connect_as(token), Err(ConnectError::Over));
    assert_eq!(world.connected(), 0);
}

#[test]
fn a_late_or_repeated_disconnect_leaves_the_newer_stream_connected() {
    let mut world = World::log();
    let old = world.connect();
    let new = world.connect();
    assert!(world.disconnect(old, true).is_some());
    assert_eq!(world.disconnect(old, true), None);
    assert_eq!(world.disconnect(Token::from_random_bytes([99; 16]), true), None);
    assert_eq!(world.connected(), 1);
    let close = world.sent();
    assert_eq!(close.token, old);
    world.answer(Outcome::Gone);
    world.append("1");
    world.delivers(new, &["1"]);
}

#[test]
fn a_replaced_stream_is_closed_and_told_to_stay_away_for_long() {
    let mut world = World::log();
    let old = world.connect();
    world.connect();
    let close = world.sent();
    assert_eq!((close.token, texts(&close), close.close), (old, vec!["[replaced]"], true));
    assert!(close.stay_away);
}

#[test]
fn the_original_gateway_is_not_sent_what_it_does_not_know() {
    let mut world = World::log().with_original_gateway();
    world.connect();
    world.connect();
    let close = world.sent();
    assert_eq!(texts(&close), ["[replaced]"]);
    assert!(!close.stay_away);
}

#[test]
fn handling_a_disconnect_waits_for_no_request() {
    // The original answers a close only after its disconnect callback was answered.
    let mut world = World::log().with_original_gateway();
    let old = world.connect();
    let new = world.connect();
    assert_eq!(world.sent().token, old);
    assert!(world.disconnect(old, true).is_some(), "answered while the close is under way");
    world.answer(Outcome::Ok);
    world.append("1");
    world.delivers(new, &["1"]);
}

#[test]
fn repeating_a_connect_changes_nothing() {
    let mut world = World::log();
    let token = world.connect();
    assert_eq!(world.connect_as(token), Ok(false));
    assert!(world.is_quiet());
    let other = Identifier::parse("task", "2").expect("a valid id");
    let elsewhere = world.registry.connect(&other, token, true, IfMissing::Create, world.now);
    assert_eq!(elsewhere, Err(ConnectError::Elsewhere));
}

#[test]
fn who_asks_for_an_unknown_identifier_is_told_so_and_nothing_stays() {
    let mut world = World::queue();
    world.identifier = Identifier::parse("task", "unknown").expect("a valid id");
    let token = world.connect();
    let request = world.sent();
    assert_eq!((texts(&request), request.close), (vec!["not found", "[missing]"], true));
    world.answer(Outcome::Ok);
    assert_eq!(world.connected(), 0);
    assert_eq!((world.registry.lanes.len(), world.registry.retained_bytes), (0, 0));
    assert!(world.disconnect(token, true).is_some(), "its service still learns that it left");
}

#[test]
fn forgetting_an_identifier_closes_the_stream_that_is_on_it() {
    let mut world = World::log();
    let token = world.connect();
    world.registry.forget(&world.identifier.clone(), world.now);
    let close = world.sent();
    assert_eq!((close.token, texts(&close).len(), close.close), (token, 0, true));
    world.answer(Outcome::Ok);
    assert!(world.registry.lanes.is_empty());
    world.connect();
    assert_eq!(texts(&world.sent()), ["not found", "[missing]"]);
}
