//! What comes out first when much is to be done.

use sse_gateway_engine::Effect;

use crate::world::{World, now, start};

#[test]
fn what_is_live_is_written_before_others_read() {
    let mut world = World::new();
    let live = world.open_on(&now(&["t"]), None);
    for _ in 0..5 {
        let client = world.connect();
        world.listen(client, &start(&["u"]), None);
    }
    world.publish("t", &["x"]);
    world.apply_offers();
    assert_eq!(world.shard.next_effect(), Some(Effect::Flush(live.key)));
    assert!(matches!(world.shard.next_effect(), Some(Effect::Read(_))));
}

#[test]
fn a_reader_has_its_turn_although_others_keep_the_shard_busy() {
    let mut world = World::new();
    let busy: Vec<_> = (0..40).map(|_| world.open()).collect();
    let reader = world.connect();
    world.listen(reader, &start(&["t"]), None);
    busy.iter().for_each(|client| {
        world.send(*client, "x");
    });
    let before = std::iter::from_fn(|| world.shard.next_effect())
        .take_while(|effect| *effect != Effect::Read(reader.key))
        .count();
    assert!((1..=16).contains(&before), "{before}");
}

#[test]
fn the_log_is_told_before_anything_else_is_done() {
    let mut world = World::new();
    let (stays, leaves) = (world.open_on(&now(&["t"]), None), world.open_on(&now(&["t"]), None));
    world.send(stays, "x");
    world.shard.client_left(leaves.key);
    assert!(matches!(world.shard.next_effect(), Some(Effect::Leave { key, .. }) if key == leaves.key));
    assert_eq!(world.shard.effects_waiting(), 3, "a flush, a release, a disconnect");
}
