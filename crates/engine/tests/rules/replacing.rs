//! Protocol 2.1 and PITFALLS 10: a newcomer takes an exclusive topic over; nothing is lost or doubled.

use std::collections::HashSet;

use sse_gateway_protocol::callback::CloseReason::ServerClosed;
use sse_gateway_protocol::callback::From;

use crate::world::{Client, World, exclusive, now, position};

/// Splits what a replaced client heard last into the rest and its time to stay away.
fn stays_away(world: &World, client: Client) -> (Vec<String>, u64) {
    let mut heard = world.heard(client);
    assert_eq!(heard.pop().as_deref(), Some("end"));
    let close = heard.pop().expect("a last block");
    let retry = close.strip_prefix("connection_close replaced~").expect(&close);
    (heard, retry.parse().expect("milliseconds"))
}

#[test]
fn the_old_stream_is_told_to_stay_away_and_ends() {
    let mut world = World::new();
    let old = world.open_on(&exclusive("t", From::Now), None);
    let new = world.open_on(&exclusive("t", From::Now), None);
    let (heard, retry_ms) = stays_away(&world, old);
    assert_eq!(heard, ["cursor@1"]);
    assert!((15_000..=45_000).contains(&retry_ms), "{retry_ms}");
    assert_eq!(world.told, [(old.token, ServerClosed, true)]);
    assert_eq!((world.heard(new), world.receivers("t")), (vec!["cursor@2".to_owned()], 1));
    assert_eq!(world.shard.tally().replaced, 1);
}

#[test]
fn what_was_published_before_goes_to_the_old_stream_and_what_after_to_the_new() {
    let mut world = World::new();
    let old = world.open_on(&exclusive("t", From::Now), None);
    world.publish("t", &["old"]);
    let new = world.connect();
    world.listen(new, &exclusive("t", From::Undelivered), None);
    world.publish("t", &["new"]);
    world.settle();
    assert_eq!(stays_away(&world, old).0, ["cursor@1", "old@2"]);
    assert_eq!(world.heard(new), ["cursor@3", "new@4"]);
}

#[test]
fn a_replaying_stream_hears_nothing_from_after_its_replacement() {
    let mut world = World::new();
    world.publish("t", &["a"]);
    let old = world.connect();
    world.listen(old, &exclusive("t", From::Start), None);
    let new = world.connect();
    world.listen(new, &exclusive("t", From::Now), None);
    world.publish("t", &["b"]);
    world.carry_out_effects();
    world.settle();
    assert_eq!(stays_away(&world, old).0, ["a@1"]);
    assert_eq!(world.heard(new), ["cursor@3", "b@4"]);
}

#[test]
fn a_lagging_stream_hears_all_that_was_published_before_its_replacement_and_no_more() {
    let mut world = World::new();
    let old = world.open_stuck_on("t");
    let texts: Vec<String> = (0..6).map(|number| number.to_string().repeat(250)).collect();
    texts.iter().for_each(|text| {
        world.publish("t", &[text]);
    });
    world.open_on(&exclusive("t", From::Now), None);
    world.publish("t", &["for the first newcomer"]);
    world.open_on(&exclusive("t", From::Now), None);
    world.publish("t", &["for the second"]);
    world.settle();
    assert_eq!((world.shard.tally().lags, world.receivers("t")), (1, 1));
    world.drain_kernel(old, usize::MAX);
    let heard = stays_away(&world, old).0;
    assert_eq!(
        heard[1..],
        texts.iter().zip(2..).map(|(text, seq)| format!("{text}@{seq}")).collect::<Vec<_>>()
    );
}

#[test]
fn a_change_for_a_stream_that_is_to_go_is_undone_at_the_log() {
    let mut world = World::new();
    let old = world.connect();
    world.listen(old, &exclusive("t", From::Now), None);
    world.open_on(&exclusive("t", From::Now), None);
    world.change(old, &now(&["u"]), &[]);
    world.settle();
    stays_away(&world, old);
    assert_eq!(world.receivers("u"), 0);
}

#[test]
fn a_chain_of_newcomers_leaves_the_last_alone() {
    let mut world = World::new();
    let clients: Vec<Client> = (0..20)
        .map(|_| {
            let client = world.connect();
            world.listen(client, &exclusive("t", From::Now), None);
            client
        })
        .collect();
    world.settle();
    let (last, replaced) = clients.split_last().expect("clients");
    let times: HashSet<u64> = replaced.iter().map(|client| stays_away(&world, *client).1).collect();
    assert!(times.len() > 15, "each is told another time: {times:?}");
    assert!(world.heard(*last).iter().all(|block| block.starts_with("cursor")), "{:?}", world.heard(*last));
    assert_eq!(world.receivers("t"), 1);
}

#[test]
fn an_ordinary_newcomer_replaces_a_holder_and_an_exclusive_one_replaces_all() {
    let mut world = World::new();
    let holder = world.open_on(&exclusive("t", From::Now), None);
    let others = [world.open_on(&now(&["t"]), None), world.open_on(&now(&["t", "u"]), None)];
    stays_away(&world, holder);
    assert_eq!(world.receivers("t"), 2);
    world.open_on(&exclusive("t", From::Now), None);
    for client in others {
        stays_away(&world, client);
    }
    assert_eq!((world.receivers("t"), world.receivers("u")), (1, 0));
}

#[test]
fn one_whose_client_has_gone_must_not_be_let_near_the_log() {
    let mut world = World::new();
    let (waits, gone, open) = (world.connect(), world.connect(), world.open());
    world.shard.client_left(gone.key);
    let awaits = |client: Client| world.shard.awaits_answer(client.key);
    assert_eq!([waits, gone, open].map(awaits), [true, false, false]);
    world.shard.shut_down();
    assert!(!world.shard.awaits_answer(waits.key));
}

#[test]
fn a_replaced_stream_that_reads_slowly_gets_what_it_was_offered_and_the_end() {
    let mut world = World::new();
    let old = world.open_stuck_on("t");
    world.publish("t", &["a"]);
    world.apply_offers();
    world.open_on(&exclusive("t", From::Now), Some(&position(2)));
    world.drain_kernel(old, usize::MAX);
    assert_eq!(stays_away(&world, old).0, ["cursor@1", "a@2"]);
}
