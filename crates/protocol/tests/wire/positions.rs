//! `positions.json`: which texts name a place in the log.

use proptest::prelude::*;
use serde_json::{Value, json};
use sse_gateway_protocol::{Epoch, POSITION_BYTES_MAX, Position};

use crate::fixtures::{bytes, cases, member};

#[test]
fn texts_are_read_as_positions_or_not_as_in_the_fixtures() {
    for case in cases("positions.json") {
        let bytes = bytes(&case, "text");
        let position = Position::parse(&bytes);
        let read = position
            .as_ref()
            .map_or(Value::Null, |it| json!({"epoch": it.epoch.as_str(), "number": it.seq.to_string()}));
        assert_eq!(read, case["position"], "{case}");
        if let Some(position) = position {
            assert_eq!(position.to_string().as_bytes(), bytes, "it is written as it was read");
        }
    }
}

#[test]
fn the_bound_leaves_room_for_every_epoch_and_number() {
    let epoch = Epoch::parse(&"e".repeat(32)).expect("the longest");
    let longest = Position { epoch, seq: u64::MAX }.to_string();
    assert!(longest.len() <= POSITION_BYTES_MAX, "{longest}");
}

#[test]
fn a_random_epoch_shows_each_of_its_bits() {
    let all: std::collections::HashSet<String> =
        (0..64).map(|bit| Epoch::from_random(1 << bit).as_str().to_owned()).collect();
    assert_eq!(all.len(), 64);
    assert_eq!(Epoch::from_random(0).as_str(), "0000000000000");
    assert_eq!(Epoch::from_random(u64::MAX).as_str(), "fzzzzzzzzzzzz");
}

pub(crate) fn position() -> impl Strategy<Value = Position> {
    let epoch = prop_oneof![
        "[A-Za-z0-9_.]{1,32}",
        any::<u64>().prop_map(|bits| Epoch::from_random(bits).as_str().to_owned())
    ];
    let seq = prop_oneof![any::<u64>(), 0..1000u64];
    (epoch, seq).prop_map(|(epoch, seq)| Position { epoch: Epoch::parse(&epoch).expect(&epoch), seq })
}

proptest! {
    #[test]
    fn any_position_is_read_back(position in position()) {
        let text = position.to_string();
        prop_assert_eq!(Position::parse(text.as_bytes()), Some(position.clone()));
        prop_assert_eq!(member::<Position>(&json!({"it": text}), "it"), position.clone());
        prop_assert_eq!(json!(position), json!(text));
    }

    #[test]
    fn whatever_is_read_is_written_the_same(text in "[a0-]{0,3}-?[-+ 0-9.]{0,22}") {
        if let Some(position) = Position::parse(text.as_bytes()) {
            prop_assert_eq!(position.to_string(), text);
        }
    }
}
