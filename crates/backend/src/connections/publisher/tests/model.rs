//! Random outages, restarts and refusals against a naive model of what a gateway was given.

use proptest::prelude::*;

use super::*;

/// What may happen next.
#[derive(Clone, Debug)]
enum Step {
    Publish,
    /// Carry out the oldest thing to do.
    CarryOut(Fault),
    RestartWithoutItsLog,
    /// Keys are kept as long as events are.
    Advance(u64),
    SetFull(bool),
}

/// What the wire does to a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// It does not arrive, and that is known.
    NotConnected,
    /// It does not arrive, and that is not known.
    RequestLost,
    /// It arrives, and the answer does not.
    AnswerLost,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fault = prop_oneof![
        5 => Just(Fault::None),
        1 => Just(Fault::NotConnected),
        1 => Just(Fault::RequestLost),
        1 => Just(Fault::AnswerLost),
    ];
    let step = prop_oneof![
        4 => Just(Step::Publish),
        10 => fault.prop_map(Step::CarryOut),
        1 => Just(Step::RestartWithoutItsLog),
        2 => (1..3_000_u64).prop_map(Step::Advance),
        1 => any::<bool>().prop_map(Step::SetFull),
    ];
    proptest::collection::vec(step, 0..120)
}

struct Model {
    world: World,
    published: u32,
    restarts: u32,
}

impl Model {
    fn run(&mut self, step: &Step) {
        let world = &mut self.world;
        match *step {
            Step::Publish => {
                let data = self.published.to_string();
                self.published += 1;
                if world.identifier.service() == "version" {
                    world.enqueue(&data);
                } else {
                    world.append(&data);
                }
            }
            Step::CarryOut(fault) => self.carry_out(fault),
            Step::RestartWithoutItsLog => {
                world.gateway.restart();
                self.restarts += 1;
            }
            Step::Advance(millis) => world.advance(Duration::from_millis(millis)),
            Step::SetFull(full) => world.gateway.full = full,
        }
        self.observe();
    }

    fn carry_out(&mut self, fault: Fault) {
        let world = &mut self.world;
        let Some(effect) = world.poll() else { return };
        if fault == Fault::None {
            return world.carry_out(effect);
        }
        let arrives = fault == Fault::AnswerLost;
        let outcome = if fault == Fault::NotConnected { Outcome::NotConnected } else { Outcome::Unknown };
        match effect {
            Effect::Ask => world.publisher.unanswered(world.now),
            Effect::Check(_) => world.publisher.checked(&outcome, world.now),
            Effect::Publish(publication) => {
                if arrives {
                    world.gateway.publish(&publication);
                }
                world.answer(outcome);
            }
            Effect::Look(identifier, asker) => {
                world.publisher.looked(&identifier, asker, Looked::Unanswered, world.now);
            }
            Effect::Delete(identifier) => {
                if arrives {
                    world.gateway.delete(&identifier);
                }
                world.publisher.deleted(&identifier, false, world.now);
            }
            other => panic!("{other:?}"),
        }
    }

    /// In whatever life of the gateway, nothing is there twice or out of order.
    fn observe(&self) {
        let numbers = self.numbers();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        if self.world.identifier.service() == "task" {
            assert!(numbers.iter().zip(numbers.iter().skip(1)).all(|(a, b)| a + 1 == *b), "{numbers:?}");
        }
    }

    fn numbers(&self) -> Vec<u32> {
        self.world.published().iter().map(|text| text.parse().expect("a number")).collect()
    }

    /// A gateway that works again gets everything.
    fn settle(&mut self) {
        self.world.gateway.full = false;
        self.world.run_for(Duration::from_secs(30));
        let numbers = self.numbers();
        assert!(!self.world.publisher.is_busy());
        // A version that the gateway has taken is its own to keep.
        if self.world.identifier.service() == "task" || self.restarts == 0 {
            assert!(numbers.iter().copied().eq(0..self.published), "{numbers:?}");
        }
        let now = self.world.now;
        let identifier = self.world.identifier.clone();
        if self.world.identifier.service() == "task" {
            self.world.finish("0");
            self.world.run();
            assert_eq!(self.world.published().last(), Some(&"[done]"));
            self.world.publisher.forget(&identifier, now);
            self.world.run();
        }
        assert_eq!((self.world.publisher.queues.len(), self.world.publisher.retained_bytes), (0, 0));
        assert_eq!((self.world.publisher.logs, &self.world.lost[..]), (0, &[][..]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_048, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nothing_is_lost_repeated_or_reordered(steps in steps(), once in any::<bool>()) {
        let world = if once { World::queue() } else { World::log() };
        let mut model = Model { world, published: 0, restarts: 0 };
        steps.iter().for_each(|step| model.run(step));
        model.settle();
    }
}
