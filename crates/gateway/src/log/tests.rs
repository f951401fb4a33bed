//! Commands of many threads, seen from the shards' inboxes.

use std::sync::Arc;
use std::time::Duration;

use sse_gateway_engine::Key;
use sse_gateway_engine::log::{Listener, Log, LogLimits, Offer};
use sse_gateway_protocol::callback::TopicWish;
use sse_gateway_protocol::publish::{Publish, encode_event};
use sse_gateway_protocol::{Epoch, Seq, TopicName};
use tokio::sync::mpsc;

use super::scribe::Job;
use super::{Ledger, Unavailable, age};
use crate::clock::Clock;
use crate::shard::Command;

const DEADLINE: Duration = Duration::from_secs(20);

const LIMITS: LogLimits = LogLimits {
    topic_events_max: 10,
    topic_bytes_max: 1 << 20,
    topic_age_max: Duration::from_mins(1),
    log_bytes_max: 1 << 20,
    topics_max: 10,
    publish_bytes_max: 1 << 20,
};

fn ledger(
    inboxes: usize,
    waiting_max: usize,
    topic_age_max: Duration,
) -> (Arc<Ledger>, Vec<mpsc::Receiver<Command>>) {
    let limits = LogLimits { topic_age_max, ..LIMITS };
    let (inboxes, receivers): (Vec<_>, Vec<_>) = (0..inboxes).map(|_| mpsc::channel(waiting_max)).unzip();
    (Arc::new(Ledger::in_memory(limits, inboxes.into(), Clock::start())), receivers)
}

fn topic() -> TopicName {
    TopicName::parse("news").expect("a name")
}

async fn listen(ledger: &Ledger, shard: usize) {
    let wishes = [TopicWish::to(topic())];
    let listener = Listener { shard, key: Key::from_bits(1) };
    let listened = ledger.execute(move |log, now| log.listen(&wishes, None, listener, now)).await;
    listened.expect("no shutdown").expect("room");
}

async fn publish(ledger: &Ledger) -> Result<Seq, Unavailable> {
    let event = encode_event(None, "x").expect("an event");
    let publish = Publish::new(topic(), vec![event], None, None);
    let published = ledger.execute(move |log, now| log.publish(&publish, now)).await?;
    Ok(published.expect("room").position)
}

fn numbers(command: Command) -> Vec<Seq> {
    let Command::Offers(offers) = command else { panic!("{command:?}") };
    let events = offers.into_iter().flat_map(|offer| match offer {
        Offer::Published(entry) => entry.events.clone(),
        other => panic!("{other:?}"),
    });
    events.map(|(seq, _)| seq).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_inbox_has_the_order_of_the_sequence_whoever_publishes() {
    const PUBLISHERS: usize = 8;
    const EACH: usize = 200;
    let (ledger, receivers) = ledger(3, 4, Duration::from_mins(1));
    for shard in 0..3 {
        listen(&ledger, shard).await;
    }
    for _ in 0..PUBLISHERS {
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move {
            for _ in 0..EACH {
                publish(&ledger).await.expect("no shutdown");
            }
        });
    }
    let hear = async |mut inbox: mpsc::Receiver<Command>| {
        let mut heard = Vec::new();
        while heard.len() < PUBLISHERS * EACH {
            heard.extend(numbers(inbox.recv().await.expect("more")));
        }
        assert!(heard.is_sorted(), "{heard:?}");
    };
    // All at once: whoever is not read keeps the publishers waiting.
    let [first, second, third] = receivers.try_into().expect("three");
    let all = async { tokio::join!(hear(first), hear(second), hear(third)) };
    tokio::time::timeout(DEADLINE, all).await.expect("all are published");
}

#[tokio::test]
async fn a_publisher_waits_for_the_fullest_inbox_and_publishes_nothing_before() {
    let (ledger, mut receivers) = ledger(2, 1, Duration::from_mins(1));
    listen(&ledger, 1).await;
    let first = publish(&ledger).await.expect("room in the inbox");
    let mut second = std::pin::pin!(publish(&ledger));
    let mut once = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(second.as_mut().poll(&mut once).is_pending(), "the inbox is full");
    assert_eq!(ledger.describe("news").expect("a topic").events, 1);
    let heard = receivers[1].recv().await.expect("an offer");
    assert_eq!(numbers(heard), [first]);
    assert_eq!(second.await.expect("room again"), first + 1);
    assert!(receivers[0].try_recv().is_err(), "nobody listens there");
}

#[tokio::test]
async fn after_the_seal_nothing_is_published() {
    let (ledger, mut receivers) = ledger(1, 4, Duration::from_mins(1));
    listen(&ledger, 0).await;
    publish(&ledger).await.expect("before the seal");
    ledger.seal();
    assert_eq!(publish(&ledger).await, Err(Unavailable::ShuttingDown));
    assert!(receivers[0].try_recv().is_ok(), "what was answered before stands in the inbox");
    assert!(receivers[0].try_recv().is_err());
}

/// A log that somebody would write down, with the jobs for them.
fn written(limits: LogLimits, inbox: mpsc::Sender<Command>) -> (Ledger, mpsc::Receiver<Job>) {
    let (jobs, waiting) = mpsc::channel(1);
    let log = Log::new(limits, Epoch::from_random(1), 1);
    (Ledger::of(log, [inbox].into(), Clock::start(), Some(jobs)), waiting)
}

/// Everything of one step: nobody leaves meanwhile, and no disk is waited for.
#[tokio::test]
async fn who_takes_a_topic_over_while_the_disk_is_busy_does_so_at_once_and_behind_what_waits() {
    let (inbox, mut offered) = mpsc::channel(4);
    let (ledger, _jobs) = written(LIMITS, inbox);
    ledger.with_state(|state, _| state.numbers_through = 10);
    let wishes = [TopicWish { exclusive: true, ..TopicWish::to(topic()) }];
    let listen = async |key| {
        let listener = Listener { shard: 0, key: Key::from_bits(key) };
        let turn = ledger.turn().await.expect("numbers");
        turn.execute(|log, now| log.listen(&wishes, None, listener, now)).expect("no shutdown").expect("room")
    };
    listen(1).await;
    let publish = Publish::new(topic(), vec![encode_event(None, "x").expect("an event")], None, None);
    let published = ledger.with_state(|state, now| state.log.publish(&publish, now)).expect("staged");
    listen(2).await;
    assert!(offered.try_recv().is_err(), "the disk does not have it yet");
    assert_eq!(ledger.describe("news").expect("a topic").receivers, 1);
    ledger.places().await.conclude(|log, now| log.commit(now));
    let Ok(Command::Offers(offers)) = offered.try_recv() else { panic!("nothing is offered") };
    assert!(matches!(&offers[0], Offer::Published(entry) if entry.events[0].0 == published.position));
    assert!(matches!(offers[1..], [Offer::Replaced { at, .. }] if at == published.position + 1));
}

#[tokio::test]
async fn no_number_is_given_out_that_the_disk_does_not_know_of() {
    let (inbox, _offered) = mpsc::channel(4);
    let (ledger, mut jobs) = written(LIMITS, inbox);
    let mut turn = std::pin::pin!(ledger.turn());
    let mut once = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(turn.as_mut().poll(&mut once).is_pending(), "whoever writes has to reserve some");
    drop(jobs.try_recv().expect("is asked to"));
    assert!(matches!(turn.await, Err(Unavailable::NotWritten)));
}

#[tokio::test]
async fn an_unused_topic_is_forgotten_without_a_command() {
    let (ledger, _receivers) = ledger(1, 4, Duration::from_millis(20));
    let gone = async {
        publish(&ledger).await.expect("no shutdown");
        assert_eq!(ledger.census().topics, 1);
        while ledger.census().topics > 0 {
            // Nothing tells when a topic goes.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = age(&ledger) => {}
        gone = tokio::time::timeout(DEADLINE, gone) => gone.expect("it goes"),
    }
}
