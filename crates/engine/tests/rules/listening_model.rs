//! Shards and the log at once, on random commands, against the history of the log told plainly.
//!
//! Whatever the pace of readers, shards, effects and the disk: each stream hears exactly what its
//! topics had for it, in order, or is told of a gap.

mod heard;
mod history;
mod run;
mod subscribing;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sse_gateway_engine::Tally;

use run::Run;

/// How many topics there are.
const TOPICS: usize = 4;

fn topic_name(topic: usize) -> String {
    format!("topic-{topic}")
}

/// Where a stream wants to begin.
#[derive(Clone, Debug)]
enum Place {
    Now,
    Start,
    Last,
    At(Index),
}

/// What a client brings.
#[derive(Clone, Debug)]
enum Brings {
    Nothing,
    /// The last id that it heard on a stream.
    LastOf(Index),
    At(Index),
    Future,
    OtherLife,
    Nonsense,
}

#[derive(Clone, Debug)]
struct Wish {
    topic: usize,
    from: Place,
    exclusive: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Publish { topic: usize, sizes: Vec<usize>, completes: bool },
    Commit,
    Fail,
    Connect { wishes: Vec<Wish>, brings: Brings, room: usize },
    Answer(Index),
    Change { who: Index, add: Vec<usize>, remove: Vec<usize> },
    CloseTopic(usize),
    CloseToken(Index),
    Send(Index),
    Room { who: Index, bytes: usize },
    Jam(Index),
    Leave(Index),
    Apply { shard: usize, offers: usize },
    Effects { shard: usize, effects: usize },
    Advance(u64),
}

fn wish() -> impl Strategy<Value = Wish> {
    let from = prop_oneof![
        3 => Just(Place::Now),
        3 => Just(Place::Start),
        1 => Just(Place::Last),
        1 => any::<Index>().prop_map(Place::At),
    ];
    (0..TOPICS, from, prop::bool::weighted(0.15)).prop_map(|(topic, from, exclusive)| Wish {
        topic,
        from,
        exclusive,
    })
}

fn brings() -> impl Strategy<Value = Brings> {
    prop_oneof![
        6 => Just(Brings::Nothing),
        6 => any::<Index>().prop_map(Brings::LastOf),
        2 => any::<Index>().prop_map(Brings::At),
        1 => Just(Brings::Future),
        1 => Just(Brings::OtherLife),
        1 => Just(Brings::Nonsense),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let who = any::<Index>;
    let topics = || prop::collection::vec(0..TOPICS, 0..3);
    let sizes = prop::collection::vec(0..120usize, 0..4);
    let publish = (0..TOPICS, sizes, prop::bool::weighted(0.03));
    let room = || prop_oneof![Just(usize::MAX), 0..900usize];
    let connect = (prop::collection::vec(wish(), 0..4), brings(), room());
    prop_oneof![
        14 => publish.prop_map(|(topic, sizes, completes)| Step::Publish { topic, sizes, completes }),
        5 => Just(Step::Commit),
        1 => Just(Step::Fail),
        5 => connect.prop_map(|(wishes, brings, room)| Step::Connect { wishes, brings, room }),
        6 => who().prop_map(Step::Answer),
        3 => (who(), topics(), topics()).prop_map(|(who, add, remove)| Step::Change { who, add, remove }),
        1 => (0..TOPICS).prop_map(Step::CloseTopic),
        1 => who().prop_map(Step::CloseToken),
        2 => who().prop_map(Step::Send),
        6 => (who(), 0..600usize).prop_map(|(who, bytes)| Step::Room { who, bytes }),
        1 => who().prop_map(Step::Jam),
        2 => who().prop_map(Step::Leave),
        9 => (0..run::SHARDS, 1..4usize).prop_map(|(shard, offers)| Step::Apply { shard, offers }),
        12 => (0..run::SHARDS, 1..6usize).prop_map(|(shard, effects)| Step::Effects { shard, effects }),
        1 => (0..9_000u64).prop_map(Step::Advance),
    ]
}

/// How a run is set up: whether a disk delays commits, and how many events a topic keeps.
fn setup() -> impl Strategy<Value = (bool, usize)> {
    (any::<bool>(), prop_oneof![Just(4usize), Just(1_000)])
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..150)
}

/// Checking every client after every step would take most of the time.
const CHECKED_EVERY: usize = 8;

fn run((disk, events_max): (bool, usize), steps: &[Step]) -> Run {
    let mut run = Run::new(disk, events_max);
    for (index, step) in steps.iter().enumerate() {
        run.apply(step);
        if index % CHECKED_EVERY == 0 {
            run.check();
        }
    }
    run.finish();
    run
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn each_stream_hears_its_topics_in_order_or_of_a_gap(setup in setup(), steps in steps()) {
        run(setup, &steps);
    }
}

#[test]
fn the_random_commands_reach_replay_lag_gap_and_take_over() {
    let mut runner = TestRunner::deterministic();
    let mut reached = [0; 7];
    for _ in 0..150 {
        let (setup, steps) = (setup(), steps()).new_tree(&mut runner).expect("steps").current();
        for tally in run(setup, &steps).tallies() {
            let Tally { replayed, gaps, lags, replaced, .. } = tally;
            let counts = gaps.iter().chain([replayed, lags, replaced]);
            reached.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }
    assert!(reached.iter().all(|count| *count > 2), "{reached:?}");
}
