//! What counts as delivered: the stream opened, and the gateway said so.

use super::*;

/// A queue whose first event is sent to a stream that is still opening.
fn buffered() -> (World, Token) {
    let mut world = World::queue();
    world.enqueue("1");
    let token = world.connect();
    assert_eq!(texts(&world.sent()), ["1"]);
    world.answer(Outcome::Buffered);
    (world, token)
}

#[test]
fn what_a_stream_that_never_opened_had_kept_goes_to_the_next_one() {
    let (mut world, token) = buffered();
    world.enqueue("2");
    assert_eq!(texts(&world.sent()), ["2"]);
    world.answer(Outcome::Buffered);
    world.disconnect(token, false);
    let next = world.connect();
    world.delivers(next, &["1", "2"]);
}

#[test]
fn what_a_stream_that_opened_had_kept_is_delivered() {
    let (mut world, token) = buffered();
    world.disconnect(token, true);
    world.connect();
    assert!(world.is_quiet());
}

#[test]
fn of_the_original_gateway_server_closed_means_opened_and_client_closed_does_not() {
    for (reason, sent_again) in [(CloseReason::ServerClosed, false), (CloseReason::ClientClosed, true)] {
        let (mut world, token) = buffered();
        world.registry.disconnect(token, reason, None, world.now);
        world.connect();
        assert_eq!(!world.is_quiet(), sent_again, "{reason:?}");
    }
}

#[test]
fn a_later_ok_confirms_what_was_buffered() {
    let (mut world, token) = buffered();
    world.enqueue("2");
    world.delivers(token, &["2"]);
    world.disconnect(token, false);
    world.connect();
    assert!(world.is_quiet());
}

#[test]
fn the_gateway_is_asked_until_the_stream_is_open() {
    let (mut world, token) = buffered();
    assert!(world.is_quiet());
    for _ in 0..3 {
        world.advance(Duration::from_secs(1));
        let probe = world.sent();
        assert_eq!((probe.token, probe.events.len(), probe.close), (token, 0, false));
        world.answer(Outcome::Buffered);
    }
    world.advance(Duration::from_secs(1));
    world.sent();
    world.answer(Outcome::Ok);
    assert!(world.registry.lanes[&world.identifier].memory.is_empty());
}

#[test]
fn a_disconnect_that_overtakes_the_answer_decides_on_what_was_buffered() {
    for (opened, sent_again) in [(true, false), (false, true)] {
        let mut world = World::queue();
        world.enqueue("1");
        let token = world.connect();
        world.sent();
        world.disconnect(token, opened);
        world.answer(Outcome::Buffered);
        world.connect();
        assert_eq!(!world.is_quiet(), sent_again, "opened: {opened}");
    }
}

#[test]
fn the_answer_to_its_close_confirms_what_a_replaced_stream_had_kept() {
    let (mut world, old) = buffered();
    let new = world.connect();
    assert_eq!(world.sent().token, old);
    world.answer(Outcome::Ok);
    assert!(world.is_quiet());
    world.enqueue("2");
    world.delivers(new, &["2"]);
}

#[test]
fn a_replacing_stream_gets_what_the_old_one_was_not_confirmed_to_have() {
    let (mut world, old) = buffered();
    let new = world.connect();
    assert_eq!(world.sent().token, old);
    world.answer(Outcome::Buffered);
    world.delivers(new, &["1"]);
}

#[test]
fn a_disconnect_of_an_earlier_life_of_a_queue_confirms_nothing_of_the_present_one() {
    let mut world = World::queue();
    world.enqueue("1");
    let old = world.connect();
    world.delivers(old, &["1"]);
    world.connect();
    assert_eq!(world.sent().token, old);
    world.answer(Outcome::Gone);
    let present = Token::from_random_bytes([world.tokens; 16]);
    world.disconnect(present, true);
    assert!(world.registry.lanes.is_empty());
    world.enqueue("2");
    world.disconnect(old, true);
    let token = world.connect();
    world.delivers(token, &["2"]);
}

#[test]
fn who_waits_for_a_delivery_learns_how_the_send_came_out() {
    for (outcome, expected) in [
        (Outcome::Ok, Some(Delivery::Delivered)),
        (Outcome::Buffered, None),
        (Outcome::Gone, Some(Delivery::Queued)),
        (Outcome::NotTaken, Some(Delivery::Queued)),
        (Outcome::Unknown, Some(Delivery::Queued)),
        (Outcome::Rejected, Some(Delivery::Queued)),
    ] {
        let mut world = World::queue();
        assert_eq!(world.enqueue("early"), Enqueued::Waiting);
        let token = world.connect();
        world.delivers(token, &["early"]);
        assert_eq!(world.enqueue("1"), Enqueued::OnItsWay);
        world.sent();
        world.answer(outcome);
        let expected: Vec<_> = expected.map(|delivery| (world.receipts, delivery)).into_iter().collect();
        assert_eq!(world.settled(), expected, "{outcome:?}");
    }
}
