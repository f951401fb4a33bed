//! Random histories of publishes, forgetting, cleaning, faults and ends, on a disk that crashes.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use sse_gateway_protocol::{Epoch, Seq};
use sse_gateway_store::{SimDisk, SimFault, SyncMode};

use crate::life::{Life, Memory, NOW_MS, Recovered, options, topic_of};

#[derive(Clone, Debug)]
enum Step {
    Publish(u64),
    /// Forget the oldest, so many.
    Forget(usize),
    Clean {
        aged: bool,
    },
    Sync,
    /// The next call but so many fails.
    Fail(u64, SimFault),
    Kill,
    Crash(u64),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![Just(SimFault::Broken), Just(SimFault::Full), Just(SimFault::Dies)];
    prop_oneof![
        12 => (1..8u64).prop_map(Step::Publish),
        4 => (1..20usize).prop_map(Step::Forget),
        4 => any::<bool>().prop_map(|aged| Step::Clean { aged }),
        2 => Just(Step::Sync),
        1 => (0..20u64, fault).prop_map(|(calls, fault)| Step::Fail(calls, fault)),
        1 => Just(Step::Kill),
        1 => any::<u64>().prop_map(Step::Crash),
        1 => Just(Step::Close),
    ]
}

/// A store with everything that was ever told about it.
struct World {
    disk: SimDisk,
    sync: SyncMode,
    life: Option<Life<SimDisk>>,
    lives: u64,
    next: Seq,
    now_ms: u64,
    memory: Memory,
    /// Refused, or of a life that died meanwhile: may be there or not.
    unknown: BTreeSet<Seq>,
    /// Accepted, but of a life with interval that did not end cleanly: may be lost.
    in_danger: BTreeSet<Seq>,
    /// Whether any sync of this life failed.
    sync_failed: bool,
    epoch: Option<Epoch>,
    /// How the last life ended; unknown when its end failed.
    unclean: Option<bool>,
}

impl World {
    fn new(sync: SyncMode) -> Self {
        Self {
            disk: SimDisk::new(),
            sync,
            life: None,
            lives: 0,
            next: 1,
            now_ms: NOW_MS,
            memory: Memory::default(),
            unknown: BTreeSet::new(),
            in_danger: BTreeSet::new(),
            sync_failed: false,
            epoch: None,
            unclean: Some(false),
        }
    }

    fn run(&mut self, step: &Step) {
        self.begin();
        let Some(life) = &mut self.life else { return };
        match step {
            Step::Publish(count) => {
                let numbers = self.next..self.next + count;
                self.next = numbers.end;
                let accepted = life.publish(numbers.clone()).is_ok();
                self.sync_failed |= !accepted;
                let told = if accepted { &mut self.memory.remembered } else { &mut self.unknown };
                told.extend(numbers.clone());
                if accepted && self.sync == SyncMode::Interval {
                    self.in_danger.extend(numbers);
                }
            }
            Step::Forget(count) => {
                let old: Vec<_> = self.memory.remembered.iter().take(*count).copied().collect();
                old.into_iter().for_each(|seq| self.memory.drop_event(seq));
            }
            Step::Clean { aged } => {
                self.now_ms += if *aged { 1_000_000 } else { 0 };
                let _ = life.cleaner.clean(&mut self.memory, self.now_ms);
            }
            Step::Sync => {
                let failed = life.journal.sync().is_err();
                self.sync_failed |= failed;
                // A good sync after a bad one proves nothing.
                if !self.sync_failed {
                    self.in_danger.clear();
                }
            }
            Step::Fail(calls, fault) => self.disk.fail_at(self.disk.calls() + 1 + calls, *fault),
            Step::Kill => self.end(Some(true), SimDisk::kill),
            Step::Crash(seed) => self.end(Some(true), |disk| disk.crash(*seed)),
            Step::Close => {
                let closed = self.life.take().is_some_and(|life| life.close().is_ok());
                self.end(closed.then_some(false), SimDisk::kill);
            }
        }
    }

    fn end(&mut self, unclean: Option<bool>, how: impl FnOnce(&SimDisk)) {
        self.life = None;
        self.unclean = unclean;
        self.disk.heal();
        how(&self.disk);
    }

    /// Begins the next life if there is none, and looks at what is there.
    fn begin(&mut self) {
        if self.life.is_some() {
            return;
        }
        self.lives += 1;
        let life = Life::begin(self.disk.clone(), options(self.sync), self.lives);
        let life = life.expect("a crash is no damage");
        let recovered = &life.recovered;
        let there: BTreeSet<_> = recovered.published.iter().copied().collect();
        assert!(recovered.published.is_sorted_by(|before, after| before < after));
        let lost: BTreeSet<_> = self.memory.remembered.difference(&there).copied().collect();
        assert!(lost.is_subset(&self.in_danger), "{lost:?} were accepted and are lost");
        assert!(self.unclean.is_none_or(|unclean| unclean == recovered.unclean));
        let reset = recovered.unclean && self.sync == SyncMode::Interval;
        if let Some(epoch) = &self.epoch {
            assert_eq!(life.journal.epoch() != epoch, reset, "unclean with interval, and only then");
        }
        assert!(lost.is_empty() || reset, "what is lost of an epoch ends it");
        assert!(recovered.next >= self.next || reset, "numbers repeat");
        self.next = self.next.max(recovered.next);
        self.assert_bounds(&there, recovered);
        // What is unknown has been found or not; from here on it is as any other.
        self.memory.remembered.retain(|seq| !lost.contains(seq));
        let found: Vec<_> = there.intersection(&self.unknown).copied().collect();
        self.memory.remembered.extend(found);
        self.unknown.clear();
        self.in_danger.clear();
        self.sync_failed = false;
        self.epoch = Some(life.journal.epoch().clone());
        self.life = Some(life);
    }

    /// Either the newest event that a topic dropped is there, to be dropped again, or its bounds say so.
    fn assert_bounds(&mut self, there: &BTreeSet<Seq>, recovered: &Recovered) {
        for (topic, bounds) in &mut self.memory.bounds {
            let dropped = |seq: &&Seq| **seq <= bounds.dropped_through && topic_of(**seq) == *topic;
            let newest = there.iter().filter(dropped).max().copied().unwrap_or_default();
            let known = recovered.bounds.get(topic).map_or(0, |bounds| bounds.dropped_through).max(newest);
            assert!(known == bounds.dropped_through || self.in_danger.contains(&bounds.dropped_through));
            bounds.dropped_through = known;
        }
    }
}

proptest! {
    #[test]
    fn with_always_nothing_accepted_is_ever_lost(steps in vec(step(), 1..120)) {
        let mut world = World::new(SyncMode::Always);
        steps.iter().for_each(|step| world.run(step));
        world.run(&Step::Crash(1));
        world.begin();
    }

    #[test]
    fn with_interval_a_loss_ends_the_epoch(steps in vec(step(), 1..120)) {
        let mut world = World::new(SyncMode::Interval);
        steps.iter().for_each(|step| world.run(step));
        world.run(&Step::Crash(1));
        world.begin();
    }
}
