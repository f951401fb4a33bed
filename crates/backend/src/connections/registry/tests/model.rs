//! Random interleavings against a naive model of what streams were given.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// What may happen next; numbers choose among the streams there have been.
#[derive(Clone, Debug)]
enum Step {
    Publish,
    Connect,
    ConnectRepeated(usize),
    Disconnect { stream: usize, opened: bool },
    DisconnectUnknown,
    Answer(Outcome),
    Advance(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Publish),
        3 => Just(Step::Connect),
        1 => (0..8_usize).prop_map(Step::ConnectRepeated),
        3 => (0..8_usize, any::<bool>()).prop_map(|(stream, opened)| Step::Disconnect { stream, opened }),
        1 => Just(Step::DisconnectUnknown),
        4 => Just(Step::Answer(Outcome::Ok)),
        4 => outcome().prop_map(Step::Answer),
        2 => (1..3000_u64).prop_map(Step::Advance),
    ];
    proptest::collection::vec(step, 0..80)
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Outcome::Buffered), Just(Outcome::Gone), Just(Outcome::NotTaken), Just(Outcome::Unknown),]
}

/// One stream as a naive observer between us and the gateway sees it.
#[derive(Default)]
struct Stream {
    /// What the gateway took for it, in order.
    taken: Vec<u32>,
    /// A send to it had an unknown outcome, or it was closed: it may get no more events.
    finished: bool,
    left: Option<bool>,
}

struct Model {
    world: World,
    /// Whether events are delivered once; else every stream gets all.
    once: bool,
    published: u32,
    confirmed: BTreeSet<u32>,
    streams: Vec<(Token, Stream)>,
    live: Option<Token>,
    under_way: Option<Request>,
}

impl Model {
    fn new(world: World) -> Self {
        let once = world.identifier.service() == "version";
        Self {
            world,
            once,
            published: 0,
            confirmed: BTreeSet::new(),
            streams: Vec::new(),
            live: None,
            under_way: None,
        }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Publish => {
                let data = self.published.to_string();
                self.published += 1;
                if self.once {
                    self.world.enqueue(&data);
                } else {
                    self.world.append(&data);
                }
            }
            Step::Connect => {
                let token = self.world.connect();
                self.streams.push((token, Stream::default()));
                self.live = Some(token);
            }
            Step::ConnectRepeated(index) => {
                if let Some((token, _)) = self.streams.get(index) {
                    let expected =
                        if self.live == Some(*token) { Ok(false) } else { Err(ConnectError::Over) };
                    let token = *token;
                    assert_eq!(self.world.connect_as(token), expected);
                }
            }
            Step::Disconnect { stream, opened } => self.disconnect(stream, opened),
            Step::DisconnectUnknown => {
                assert_eq!(self.world.disconnect(Token::from_random_bytes([255; 16]), true), None);
            }
            Step::Answer(outcome) => self.answer(outcome),
            Step::Advance(millis) => self.world.advance(Duration::from_millis(millis)),
        }
        self.observe();
    }

    fn disconnect(&mut self, index: usize, opened: bool) {
        let Some((token, stream)) = self.streams.get_mut(index) else { return };
        let token = *token;
        let first = stream.left.is_none();
        if first {
            stream.left = Some(opened);
            if opened {
                self.confirmed.extend(&stream.taken);
            }
        }
        assert_eq!(self.world.disconnect(token, opened).is_some(), first, "a disconnect counts once");
        if self.live == Some(token) {
            self.live = None;
        }
    }

    fn answer(&mut self, outcome: Outcome) {
        let Some(request) = self.under_way.take() else { return };
        let (_, stream) = stream_mut(&mut self.streams, request.token);
        let numbers = numbers(&request);
        match outcome {
            Outcome::Ok | Outcome::Buffered => {
                stream.taken.extend(&numbers);
                if outcome == Outcome::Ok || stream.left == Some(true) {
                    self.confirmed.extend(&stream.taken);
                }
            }
            Outcome::Unknown if !numbers.is_empty() => stream.finished = true,
            _ => {}
        }
        let probe = numbers.is_empty() && !request.close;
        let lost = outcome == Outcome::Gone || (outcome == Outcome::Unknown && !probe);
        if lost && self.live == Some(request.token) {
            self.live = None;
        }
        self.world.answer(outcome);
    }

    /// Checks every request as it goes out, and the map.
    fn observe(&mut self) {
        while let Some(request) = self.world.poll_sent() {
            assert!(self.under_way.is_none(), "two requests at once for one identifier");
            let (_, stream) = stream_mut(&mut self.streams, request.token);
            let numbers = numbers(&request);
            if !numbers.is_empty() {
                assert_eq!(Some(request.token), self.live, "events go to the live stream only");
                assert!(!stream.finished, "nothing follows an unknown outcome");
            }
            let mut expected = stream.taken.last().map_or(0, |last| last + 1);
            for number in &numbers {
                while self.once && self.confirmed.contains(&expected) {
                    expected += 1;
                }
                assert_eq!(*number, expected, "in order, nothing left out, nothing confirmed repeated");
                expected += 1;
            }
            self.under_way = Some(request);
        }
        assert_eq!(self.world.connected(), usize::from(self.live.is_some()), "at most one live mapping");
    }

    /// A gateway that works again and a client that stays get everything that is not delivered.
    fn settle(&mut self) {
        self.run(&Step::Connect);
        for _ in 0..200 {
            self.run(&Step::Answer(Outcome::Ok));
            self.run(&Step::Advance(100));
        }
        let all: Vec<u32> = (0..self.published).collect();
        if self.once {
            assert!(self.confirmed.iter().copied().eq(all), "lost: {:?}", self.confirmed);
        } else {
            let (_, last) = self.streams.last().expect("connected above");
            assert_eq!(last.taken, all);
        }
    }
}

fn stream_mut(streams: &mut [(Token, Stream)], token: Token) -> &mut (Token, Stream) {
    streams.iter_mut().find(|(known, _)| *known == token).expect("only known streams are sent to")
}

fn numbers(request: &Request) -> Vec<u32> {
    texts(request).iter().filter_map(|text| text.parse().ok()).collect()
}

/// Bounds out of reach: each has a test of its own.
fn world(once: bool) -> World {
    let settings = ConnectionSettings {
        closing_max: 1_000,
        past_token_age_max: Duration::from_secs(3_600),
        ..ConnectionSettings::default()
    };
    let service = if once { "version" } else { "task" };
    let mut world = World::new(Identifier::parse(service, "1").expect("a valid id"), settings);
    if !once {
        world.registry.open_log(&world.identifier).expect("a new log");
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_048, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nothing_is_lost_repeated_or_reordered(
        steps in steps(),
        once in any::<bool>(),
        batches in any::<bool>(),
    ) {
        let mut model = Model::new(World { batches, ..world(once) });
        steps.iter().for_each(|step| model.run(step));
        model.settle();
    }
}
