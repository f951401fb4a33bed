//! The log is told once of every stream that stops listening, with what it still listened to.

use sse_gateway_engine::{Accepted, Answer, Cut};
use sse_gateway_protocol::callback::CloseReason::{ClientClosed, ServerClosed};

use crate::world::{Client, World, now, opening, start};

type End = fn(&mut World, Client);

#[test]
fn each_end_of_a_stream_leaves_its_topics_once() {
    let ends: [(&str, End); 8] = [
        ("client left", |world, client| world.shard.client_left(client.key)),
        ("close", |world, client| {
            world.close(client);
        }),
        ("shutdown", |world, _| world.shard.shut_down()),
        ("cut", |world, client| world.shard.cut(client.key, Cut::Vanished)),
        ("closed by token", |world, client| {
            world.shard.close(&client.token, "bye");
        }),
        ("closed by topic", |world, _| {
            world.log.close_listeners("t", &"bye".into(), world.now).expect("there is one");
            world.commit();
        }),
        ("deleted and completed", |world, _| {
            world.log.delete("t").expect("there is one");
            world.complete("u", &[], "done");
        }),
        ("replaced", |world, _| {
            world.open_on(&crate::world::exclusive("t", Default::default()), None);
        }),
    ];
    for (name, end) in ends {
        for live in [true, false] {
            let mut world = World::new();
            let client = world.connect();
            world.listen(client, &now(&["t", "u"]), None);
            if live {
                world.settle();
            }
            end(&mut world, client);
            world.apply_offers();
            world.settle();
            world.shard.client_left(client.key);
            world.shard.shut_down();
            world.advance(std::time::Duration::from_secs(60));
            let left: usize = world.times_left(client.key).iter().sum();
            assert_eq!(left, 2, "{name}: {:?}", world.left);
            assert_eq!(
                (world.receivers("u"), world.shard.topics_after(client.key, &[], &[])),
                (0, 0),
                "{name}"
            );
        }
    }
}

#[test]
fn a_stream_whose_client_left_while_opening_leaves_what_it_was_subscribed_to() {
    let mut world = World::new();
    let (left, shut) = (world.connect(), world.connect());
    world.shard.client_left(left.key);
    world.listen(left, &start(&["t", "u"]), None);
    world.shard.shut_down();
    world.listen(shut, &start(&["t"]), None);
    world.settle();
    assert_eq!((world.times_left(left.key), world.times_left(shut.key)), (vec![2], vec![1]));
    assert_eq!((world.receivers("t"), world.receivers("u")), (0, 0));
    assert_eq!(world.told, [(left.token, ClientClosed, false), (shut.token, ServerClosed, false)]);
}

#[test]
fn a_second_answer_leaves_what_it_was_subscribed_to() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), None);
    world.listen(client, &now(&["u"]), None);
    world.settle();
    assert_eq!((world.receivers("t"), world.receivers("u")), (1, 0));
}

#[test]
fn the_log_hears_of_an_end_before_the_backend() {
    let mut world = World::new();
    let client = world.open_on(&now(&["t"]), None);
    world.shard.client_left(client.key);
    while let Some(effect) = world.shard.next_effect() {
        world.carry_out(effect);
        assert!(world.told.is_empty() || world.receivers("t") == 0);
    }
    assert_eq!(world.told.len(), 1);
}

#[test]
fn a_shutdown_ends_streams_with_topics_like_others() {
    let mut world = World::new();
    let (live, replaying) = (world.open_on(&now(&["t"]), None), world.connect());
    world.publish("t", &["a"]);
    world.settle();
    world.listen(replaying, &start(&["t"]), None);
    world.shard.shut_down();
    world.settle();
    assert_eq!(
        (world.heard(live), world.heard(replaying)),
        (vec!["cursor@1".into(), "a@2".into(), "end".into()], vec!["end".into()])
    );
    assert_eq!((world.times_left(live.key), world.times_left(replaying.key)), (vec![1], vec![1]));
}

#[test]
fn what_a_shutdown_gives_up_is_not_told_any_more() {
    let mut world = World::new();
    let clients: Vec<Client> = (0..3).map(|_| world.open_on(&now(&["t"]), None)).collect();
    world.shard.client_left(clients[1].key);
    let waiting = world.shard.effects_waiting();
    assert_eq!(world.shard.abandon(), 2);
    assert_eq!(world.shard.effects_waiting(), waiting);
    world.publish("t", &["a"]);
    world.settle();
    assert_eq!(world.shard.outbox_bytes(), 0);
}

#[test]
fn streams_that_come_and_go_in_any_order_leave_the_others_where_they_are() {
    let mut world = World::new();
    let topics = ["a", "b", "c", "d"];
    let mut open: Vec<Client> = Vec::new();
    for round in 0..60 {
        let start = round % 4;
        let chosen: Vec<&str> = (0..=round % 3).map(|step| topics[(start + step) % 4]).collect();
        open.push(world.open_on(&now(&chosen), None));
        if round % 3 == 2 {
            let gone = open.swap_remove(round * 7 % open.len());
            world.shard.client_left(gone.key);
            world.settle();
        }
        if round % 10 == 9 {
            world.change(open[round % open.len()], &[], &[topics[round % 4]]);
            world.settle();
        }
    }
    for topic in topics {
        let before: Vec<usize> = open.iter().map(|client| world.heard(*client).len()).collect();
        world.publish(topic, &["x"]);
        world.settle();
        let heard = open.iter().zip(before).filter(|(client, before)| world.heard(**client).len() > *before);
        assert_eq!(heard.count(), world.receivers(topic), "{topic}");
    }
    open.iter().for_each(|client| world.shard.client_left(client.key));
    world.settle();
    assert_eq!(topics.map(|topic| world.receivers(topic)), [0; 4]);
}

#[test]
fn a_stream_that_did_not_open_left_nothing_behind() {
    let mut world = World::new();
    let client = world.connect();
    world.answer(client, Answer::Accepted(Accepted { subject: Some("me".into()), ..opening(None) }));
    world.shard.client_left(client.key);
    world.settle();
    assert_eq!(world.shard.close_subject("me", "bye"), 0);
    assert!(world.left.is_empty(), "it listened to nothing");
}
