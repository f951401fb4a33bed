//! Each call to the disk fails once, in each way.

use std::collections::BTreeSet;

use sse_gateway_protocol::Seq;
use sse_gateway_store::{SimDisk, SimFault, SyncMode};

use crate::life::{Life, Memory, NOW_MS, options};

const BATCHES: u64 = 40;

/// What a publisher was told.
#[derive(Debug, Default)]
struct Told {
    accepted: Vec<Seq>,
    refused: BTreeSet<Seq>,
}

/// Publishes and cleans, whatever fails; gives what publishers were told and what is remembered.
fn publish_and_clean(disk: &SimDisk) -> (Told, Memory) {
    let (mut told, mut memory) = (Told::default(), Memory::default());
    let Ok(mut life) = Life::begin(disk.clone(), options(SyncMode::Always), 1) else {
        return (told, memory);
    };
    for batch in 0..BATCHES {
        let numbers = 1 + batch * 3..4 + batch * 3;
        match life.publish(numbers.clone()) {
            Ok(()) => {
                told.accepted.extend(numbers.clone());
                memory.remembered.extend(numbers);
            }
            Err(_) => told.refused.extend(numbers),
        }
        // Most are forgotten when they are thirty numbers old.
        if let Some(old) = (batch * 3).checked_sub(30) {
            (old..old + 3).filter(|seq| seq % 7 != 0).for_each(|seq| memory.drop_event(seq));
        }
        let _ = life.cleaner.clean(&mut memory, NOW_MS);
    }
    (told, memory)
}

fn assert_kept(disk: &SimDisk, told: &Told, memory: &Memory, case: &str) {
    let life = Life::begin(disk.clone(), options(SyncMode::Always), 2);
    let recovered = life.unwrap_or_else(|error| panic!("{case}: {error}")).recovered;
    let published = &recovered.published;
    assert!(published.is_sorted_by(|before, after| before < after), "{case}: order in {published:?}");
    let there: BTreeSet<_> = published.iter().copied().collect();
    let lost: Vec<_> = memory.remembered.difference(&there).collect();
    assert!(lost.is_empty(), "{case}: {lost:?} were accepted and are lost");
    let known: BTreeSet<_> = told.accepted.iter().chain(&told.refused).copied().collect();
    assert!(there.is_subset(&known), "{case}: {there:?} were never published");
    assert!(recovered.next > known.last().copied().unwrap_or_default(), "{case}: numbers repeat");
    for (topic, bounds) in &memory.bounds {
        let gone = told.accepted.iter().filter(|seq| !there.contains(seq));
        let gone = gone.filter(|seq| crate::life::topic_of(**seq) == *topic).max();
        let known = recovered.bounds.get(topic).map_or(0, |bounds| bounds.dropped_through);
        assert!(known >= gone.copied().unwrap_or_default(), "{case}: {topic} lost {gone:?} unseen");
        assert!(known <= bounds.dropped_through, "{case}: {topic} never dropped {known}");
    }
}

fn calls_without_a_fault() -> u64 {
    let disk = SimDisk::new();
    let (told, memory) = publish_and_clean(&disk);
    assert_eq!(told.accepted.len() as u64, BATCHES * 3);
    assert_kept(&disk, &told, &memory, "no fault");
    disk.calls()
}

#[test]
fn whichever_call_fails_nothing_accepted_is_lost_and_the_store_goes_on() {
    for fault in [SimFault::Broken, SimFault::Full] {
        for call in 1..=calls_without_a_fault() {
            let disk = SimDisk::new();
            disk.fail_at(call, fault);
            let (told, memory) = publish_and_clean(&disk);
            disk.heal();
            assert!(told.refused.len() <= 6, "call {call}: one failure refused {:?}", told.refused);
            for seed in 0..4 {
                let case = format!("{fault:?} at call {call}, seed {seed}");
                // A crash leaves what was synced, a kill all; the disk after the crash is another one.
                if seed == 0 {
                    disk.kill();
                } else {
                    disk.crash(seed);
                }
                assert_kept(&disk, &told, &memory, &case);
            }
        }
    }
}

#[test]
fn whichever_call_the_process_dies_in_nothing_accepted_is_lost() {
    for call in 1..=calls_without_a_fault() {
        for seed in 0..6 {
            let disk = SimDisk::new();
            disk.fail_at(call, SimFault::Dies);
            let (told, memory) = publish_and_clean(&disk);
            if seed == 0 {
                disk.kill();
            } else {
                disk.crash(seed * call);
            }
            disk.heal();
            assert_kept(&disk, &told, &memory, &format!("died in call {call}, seed {seed}"));
        }
    }
}

#[test]
fn a_start_that_dies_in_any_call_can_be_repeated() {
    let disk = SimDisk::new();
    let (told, memory) = publish_and_clean(&disk);
    let begun = disk.calls();
    drop(Life::begin(disk.clone(), options(SyncMode::Always), 2));
    let calls = disk.calls() - begun;
    assert!(calls > 3);
    for call in 1..=calls {
        for seed in 1..6 {
            let disk = SimDisk::new();
            let (told, memory) = publish_and_clean(&disk);
            disk.fail_at(disk.calls() + call, SimFault::Dies);
            drop(Life::begin(disk.clone(), options(SyncMode::Always), 2));
            disk.crash(seed);
            assert_kept(&disk, &told, &memory, &format!("died in call {call} of the start, seed {seed}"));
        }
    }
    assert_kept(&disk, &told, &memory, "in the end");
}

#[test]
fn a_start_after_a_death_may_die_as_well() {
    for call in 1..=calls_without_a_fault() {
        for (start_call, seed) in (1..=4).flat_map(|start_call| (1..=4).map(move |seed| (start_call, seed))) {
            let disk = SimDisk::new();
            disk.fail_at(call, SimFault::Dies);
            let (told, memory) = publish_and_clean(&disk);
            // The machine lives: the second process sees what the first has not synced.
            disk.kill();
            disk.fail_at(disk.calls() + start_call, SimFault::Dies);
            drop(Life::begin(disk.clone(), options(SyncMode::Always), 2));
            disk.crash(seed * call);
            disk.heal();
            assert_kept(&disk, &told, &memory, &format!("died in call {call}, then in {start_call}"));
        }
    }
}

#[test]
fn after_a_failed_sync_with_interval_the_life_does_not_end_cleanly() {
    let disk = SimDisk::new();
    let mut life = Life::begin(disk.clone(), options(SyncMode::Interval), 1).expect("it begins");
    life.publish([1]).expect("the disk works");
    disk.fail_at(disk.calls() + 1, SimFault::Broken);
    life.journal.sync().expect_err("the disk is broken");
    life.publish([2]).expect("the disk works again");
    life.journal.sync().expect("the disk works again");
    life.close().expect_err("1 was accepted and is lost");
    let life = Life::begin(disk, options(SyncMode::Interval), 2).expect("it begins");
    assert!(life.recovered.unclean);
    assert_eq!(life.journal.epoch().as_str(), sse_gateway_protocol::Epoch::from_random(2).as_str());
    assert_eq!(life.recovered.published, [2]);
}
