//! Idempotency keys.

use sse_gateway_engine::log::Refused;

use crate::desk::{Desk, completing, keyed, publish};

#[test]
fn a_repeated_key_gets_the_first_answer_and_appends_nothing() {
    let mut desk = Desk::new();
    let once = keyed(publish("a", &["x"]), "k");
    let first = desk.try_publish(&once);
    desk.publish("a", "y");
    assert_eq!(desk.try_publish(&once), first);
    assert_eq!(desk.log.newest(), 2);
}

#[test]
fn a_key_is_looked_up_before_completion() {
    let mut desk = Desk::new();
    let last = keyed(completing("a", &["x"]), "k");
    let first = desk.try_publish(&last);
    assert_eq!(desk.try_publish(&last), first);
}

#[test]
fn a_key_with_another_body_is_refused_and_another_topic_does_not_know_it() {
    let mut desk = Desk::new();
    desk.try_publish(&keyed(publish("a", &["x"]), "k")).expect("published");
    assert_eq!(desk.try_publish(&keyed(publish("a", &["z"]), "k")), Err(Refused::KeyReused));
    assert_eq!(desk.try_publish(&keyed(completing("a", &["x"]), "k")), Err(Refused::KeyReused));
    assert!(desk.try_publish(&keyed(publish("b", &["z"]), "k")).is_ok());
}

#[test]
fn keys_are_bounded_in_number_and_age() {
    let mut desk = Desk::new();
    for key in 0..6 {
        desk.try_publish(&keyed(publish("a", &["x"]), &key.to_string())).expect("published");
    }
    let newest = desk.log.newest();
    desk.try_publish(&keyed(publish("a", &["x"]), "1")).expect("known");
    assert_eq!(desk.log.newest(), newest, "the sixth pushed the first out, not the second");
    desk.try_publish(&keyed(publish("a", &["x"]), "0")).expect("published");
    assert_eq!(desk.log.newest(), newest + 1);
    desk.wait(601);
    desk.try_publish(&keyed(publish("a", &["x"]), "5")).expect("published");
    assert_eq!(desk.log.newest(), newest + 2);
}
