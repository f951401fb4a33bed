//! All rules at once: random commands to the engine and to a naive model of it, compared at each step.
//!
//! A failing case is shrunk and printed, with a seed that proptest keeps in `proptest-regressions`.

mod naive;

use std::collections::HashMap;
use std::time::Duration;

use naive::{Naive, Outcome, Stage, Told, text_of};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sse_gateway_engine::{
    Accepted, Answer, Attempt, Census, Cut, Effect, Key, Limits, Sent, Shard, Then, Time,
};
use sse_gateway_protocol::Token;
use sse_gateway_protocol::sse::{Encoder, Frame, Framing};

use crate::world::{HEAD, epoch, heartbeat, limits, opening, request};

const BEAT: &str = ": heartbeat\n\n";

#[derive(Clone, Debug)]
enum Step {
    Connect {
        room: usize,
    },
    Answer(Index, Outcome),
    Send {
        who: Index,
        events: Vec<usize>,
        close: bool,
    },
    /// The kernel takes more, or from now on exactly nothing.
    Room {
        who: Index,
        bytes: usize,
    },
    Jam(Index),
    Leave(Index),
    Cut(Index, Cut),
    Effects(usize),
    Advance(u64),
    Shed,
    Elsewhere(usize),
    ShutDown,
}

fn step() -> impl Strategy<Value = Step> {
    let who = any::<Index>;
    let outcome = prop_oneof![
        6 => (prop::option::of(0..300usize), prop::bool::weighted(0.1), any::<bool>())
            .prop_map(|(first, close, framed)| Outcome::Accepted { first, close, framed }),
        1 => Just(Outcome::Refused),
        1 => Just(Outcome::Unknown),
    ];
    let cut = prop_oneof![Just(Cut::Slow), Just(Cut::Vanished), Just(Cut::Input)];
    let send = (who(), prop::collection::vec(0..120usize, 0..3), prop::bool::weighted(0.1));
    prop_oneof![
        4 => prop_oneof![Just(usize::MAX), 0..600usize].prop_map(|room| Step::Connect { room }),
        4 => (who(), outcome).prop_map(|(who, outcome)| Step::Answer(who, outcome)),
        12 => send.prop_map(|(who, events, close)| Step::Send { who, events, close }),
        4 => (who(), 0..300usize).prop_map(|(who, bytes)| Step::Room { who, bytes }),
        1 => who().prop_map(Step::Jam),
        2 => who().prop_map(Step::Leave),
        1 => (who(), cut).prop_map(|(who, cut)| Step::Cut(who, cut)),
        6 => (1..6usize).prop_map(Step::Effects),
        4 => (0..20_000u64).prop_map(Step::Advance),
        1 => Just(Step::Shed),
        1 => (0..900usize).prop_map(Step::Elsewhere),
        1 => prop::bool::weighted(0.1).prop_map(|down| if down { Step::ShutDown } else { Step::Shed }),
    ]
}

/// The engine with its driver on one side, the model on the other.
struct Pair {
    shard: Shard,
    naive: Naive,
    now: Time,
    keys: Vec<Key>,
    tokens: Vec<Token>,
    rooms: Vec<usize>,
    by_key: HashMap<Key, usize>,
    by_token: HashMap<Token, usize>,
    /// How many disconnects and forgettings each stream had.
    told: Vec<usize>,
}

impl Pair {
    fn new() -> Self {
        let limits = Limits {
            outbox_bytes_max: 200,
            outbox_bytes_total_max: 800,
            heartbeat_interval: Duration::from_secs(15),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(5),
            ..limits()
        };
        Self {
            shard: Shard::new(limits.clone(), heartbeat(), epoch(), 1),
            naive: Naive::new(limits),
            now: Time::default() + Duration::from_secs(77),
            keys: Vec::new(),
            tokens: Vec::new(),
            rooms: Vec::new(),
            by_key: HashMap::new(),
            by_token: HashMap::new(),
            told: Vec::new(),
        }
    }

    fn micros(&self) -> u64 {
        self.now.since_origin().as_micros() as u64
    }

    fn pick(&self, who: &Index) -> Option<usize> {
        (!self.keys.is_empty()).then(|| who.index(self.keys.len()))
    }

    fn apply(&mut self, step: &Step) -> Option<()> {
        match step {
            Step::Connect { room } => self.connect(*room),
            Step::Answer(who, outcome) => self.answer(self.pick(who)?, outcome),
            Step::Send { who, events, close } => self.send(self.pick(who)?, events, *close),
            Step::Room { who, bytes } => {
                let who = self.pick(who)?;
                self.rooms[who] = self.rooms[who].saturating_add(*bytes);
                self.shard.writable(self.keys[who]);
            }
            Step::Jam(who) => {
                let who = self.pick(who)?;
                self.rooms[who] = 0;
            }
            Step::Leave(who) => {
                let who = self.pick(who)?;
                self.shard.client_left(self.keys[who]);
                self.naive.client_left(who);
            }
            Step::Cut(who, cut) => {
                let who = self.pick(who)?;
                self.shard.cut(self.keys[who], *cut);
                self.naive.cut(who, *cut);
            }
            Step::Effects(count) => (0..*count).for_each(|_| {
                self.carry_out_next();
            }),
            Step::Advance(millis) => self.advance(Duration::from_millis(*millis)),
            Step::Shed => {
                let fullest = self.naive.fullest()?;
                assert_eq!(self.shard.shed_fullest(), fullest.is_some());
                fullest.into_iter().for_each(|who| self.naive.cut(who, Cut::Slow));
            }
            Step::Elsewhere(bytes) => {
                self.shard.set_elsewhere_bytes(*bytes);
                self.naive.elsewhere = *bytes;
            }
            Step::ShutDown => {
                self.shard.shut_down();
                self.naive.shut_down();
            }
        }
        Some(())
    }

    fn connect(&mut self, room: usize) {
        let number = self.keys.len();
        let mut bytes = [0x5a; 16];
        bytes[8..].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let token = Token::from_random_bytes(bytes);
        let key = self.shard.connect(token, request(number as u64));
        self.keys.push(key);
        self.tokens.push(token);
        self.rooms.push(room);
        self.told.push(0);
        self.by_key.insert(key, number);
        self.by_token.insert(token, number);
        self.naive.connect();
    }

    fn answer(&mut self, who: usize, outcome: &Outcome) {
        let answer = match *outcome {
            Outcome::Refused => Answer::Refused,
            Outcome::Unknown => Answer::Unknown,
            Outcome::Accepted { first, close, framed } => Answer::Accepted(Accepted {
                then: if close { Then::End } else { Then::Stay },
                framing: if framed { Framing::Chunked } else { Framing::Unframed },
                ..opening(first.map(|bytes| encode(&[bytes])))
            }),
        };
        let opened = self.shard.answered(self.keys[who], answer, self.now).is_some();
        assert_eq!(opened, self.naive.answered(who, outcome, HEAD, self.micros()));
    }

    fn send(&mut self, who: usize, events: &[usize], close: bool) {
        let frame = (!events.is_empty()).then(|| encode(events));
        let token = self.tokens[who];
        let mut sent = self.shard.send(&token, frame.as_ref(), close, Attempt::First);
        let mut expected = self.naive.send(who, events, close, false);
        if sent == Sent::WriteFirst(self.keys[who]) {
            assert_eq!(expected, None, "the model sees room");
            self.write(who, usize::MAX);
            sent = self.shard.send(&token, frame.as_ref(), close, Attempt::AfterWrite);
            expected = self.naive.send(who, events, close, true);
        }
        assert_eq!(Some(sent), expected);
    }

    /// Writes at most `offered` bytes, as much as the kernel takes.
    fn write(&mut self, who: usize, offered: usize) {
        let Some(pending) = self.shard.pending(self.keys[who]) else { return };
        let offered = pending.map(<[u8]>::len).sum::<usize>().min(offered);
        let taken = offered.min(self.rooms[who]);
        if self.rooms[who] != usize::MAX {
            self.rooms[who] -= taken;
        }
        self.shard.wrote(self.keys[who], taken, taken < offered, self.now);
        self.naive.wrote(who, taken, taken < offered, self.micros());
    }

    fn carry_out_next(&mut self) -> bool {
        let Some(effect) = self.shard.next_effect() else { return false };
        let (who, told) = match effect {
            Effect::Flush(key) => {
                // Short of everything now and then, as a driver that takes a bounded number of slices.
                let who = self.by_key[&key];
                self.write(who, 150);
                return true;
            }
            Effect::ShutDownWrite(key) => (self.by_key[&key], Told::ShutDownWrite),
            Effect::Release(key) => (self.by_key[&key], Told::Release),
            Effect::Cut(key) => (self.by_key[&key], Told::Cut),
            Effect::Forget(token) => (self.by_token[&token], Told::Forget),
            Effect::Read(_) | Effect::Lag { .. } | Effect::Leave { .. } => {
                panic!("nobody listens: {effect:?}")
            }
            Effect::Disconnect { token, reason, opened, request: stored } => {
                let who = self.by_token[&token];
                assert_eq!(stored, request(who as u64));
                (who, Told::Disconnect(reason, opened))
            }
        };
        self.told[who] += usize::from(matches!(told, Told::Disconnect(..) | Told::Forget));
        assert_eq!(self.naive.streams[who].expected.pop_front(), Some(told), "stream {who}");
        true
    }

    fn settle(&mut self) {
        while self.carry_out_next() {}
        for (who, stream) in self.naive.streams.iter().enumerate() {
            assert!(stream.expected.is_empty(), "stream {who} still waits for {:?}", stream.expected);
            let stuck = stream.has_socket() && stream.blocked_since.is_none() && !stream.pending().is_empty();
            assert!(!stuck, "stream {who} has bytes and nobody will write them");
        }
    }

    fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.settle();
        while let Some(deadline) = self.shard.next_deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.shard.tick(self.now);
            self.naive.tick(self.micros());
            self.take_beats();
            self.settle();
        }
        self.now = end;
        let left = self.naive.streams.iter().map(|stream| stream.stage).collect::<Vec<_>>();
        self.naive.tick(self.micros());
        let overdue = self.naive.streams.iter().map(|stream| stream.stage).ne(left);
        assert!(!overdue, "a deadline was missed");
        assert_eq!(self.naive.unheard(self.micros()), None, "a heartbeat was missed");
    }

    fn take_beats(&mut self) {
        for (who, key) in self.keys.iter().enumerate() {
            let Some(pending) = self.shard.pending(*key) else { continue };
            let pending: usize = pending.map(<[u8]>::len).sum();
            if pending != self.naive.streams[who].pending().len() {
                let now = self.now.since_origin().as_micros() as u64;
                self.naive.beat(who, BEAT, now).expect("a heartbeat in time");
            }
        }
    }

    fn compare(&self) {
        let mut census = Census { outbox_bytes: self.naive.held(), ..Census::default() };
        for (who, stream) in self.naive.streams.iter().enumerate() {
            let pending = self.shard.pending(self.keys[who]);
            let pending = pending.map(|slices| slices.flatten().copied().collect::<Vec<u8>>());
            assert_eq!(pending, stream.has_socket().then(|| stream.pending()), "stream {who}");
            match stream.stage {
                Stage::Opening { .. } => census.opening += 1,
                Stage::Open => census.open += 1,
                Stage::Ending | Stage::Draining { .. } => census.ending += 1,
                Stage::Gone => {}
            }
        }
        assert_eq!(self.shard.census(), census);
        let tally = self.shard.tally();
        assert_eq!(tally.events_accepted, self.naive.accepted);
        assert_eq!(tally.events_written, self.naive.written);
        assert_eq!(tally.undelivered, self.naive.undelivered);
        assert!(self.shard.effects_waiting() <= 4 * self.keys.len());
    }

    /// Ends everything; `abandon` is a shutdown whose budget is over at once.
    fn finish(&mut self, abandon: bool) {
        self.settle();
        self.shard.shut_down();
        self.naive.shut_down();
        if abandon {
            assert_eq!(self.shard.abandon(), self.naive.abandon());
        } else {
            self.let_everything_end();
            assert!(self.told.iter().all(|told| *told == 1), "each connect has one outcome: {:?}", self.told);
        }
        self.compare();
        let tally = self.shard.tally();
        assert_eq!(tally.events_accepted, tally.events_written + tally.undelivered.iter().sum::<u64>());
        assert_eq!(self.shard.census(), Census::default());
        assert_eq!(self.shard.next_deadline(), None);
    }

    fn let_everything_end(&mut self) {
        let yes = Outcome::Accepted { first: Some(1), close: false, framed: true };
        for who in 0..self.keys.len() {
            self.rooms[who] = usize::MAX;
            self.shard.writable(self.keys[who]);
            self.answer(who, &yes);
        }
        self.advance(Duration::from_secs(60));
    }
}

fn encode(events: &[usize]) -> Frame {
    let mut encoder = Encoder::for_payload(64);
    events.iter().for_each(|bytes| encoder.event(None, &"x".repeat(*bytes)));
    let frame = encoder.finish();
    let expected: String = events.iter().map(|bytes| text_of(*bytes)).collect();
    assert_eq!(frame.payload(), expected.as_bytes());
    frame
}

fn run(steps: &[Step], abandon: bool) -> Shard {
    let mut pair = Pair::new();
    for step in steps {
        pair.apply(step);
        pair.compare();
    }
    pair.finish(abandon);
    pair.shard
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_what_the_naive_model_does(steps in steps(), abandon in prop::bool::weighted(0.2)) {
        run(&steps, abandon);
    }
}

#[test]
fn the_random_commands_reach_every_answer_end_and_loss() {
    let mut runner = TestRunner::deterministic();
    let mut reached = [0; 16];
    for _ in 0..200 {
        let steps = steps().new_tree(&mut runner).expect("steps").current();
        let shard = run(&steps, false);
        let tally = shard.tally();
        let counts = tally.sends.iter().chain(&tally.closes).chain(&tally.cuts).chain(&tally.undelivered);
        reached.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    assert!(reached.iter().all(|count| *count > 2), "{reached:?}");
}
