//! Disk is given back for what is forgotten, and nothing remembered goes with it.

use std::time::Duration;

use sse_gateway_protocol::Seq;
use sse_gateway_store::{Bounds, Disk, Record, SimDisk, SyncMode, is_full};

use crate::life::{AGE_MAX, Life, Memory, NOW_MS, options};

fn begin(disk: &SimDisk, number: u64) -> Life<SimDisk> {
    Life::begin(disk.clone(), options(SyncMode::Always), number).expect("the store is in order")
}

const AFTER_ALL_MS: u64 = NOW_MS + AGE_MAX.as_millis() as u64 + 1;

#[test]
fn what_is_forgotten_gives_its_disk_back() {
    let disk = SimDisk::new();
    let mut life = begin(&disk, 1);
    for seq in 1..=300 {
        life.publish([seq]).expect("the disk works");
    }
    let full = disk.used();
    assert_eq!(life.journal.disk_bytes(), full as u64);
    life.clean(&mut Memory::default(), AFTER_ALL_MS).expect("the disk works");
    let segment = options(SyncMode::Always).segment_bytes as usize;
    assert!(disk.used() < 2 * segment, "{} of {full} bytes are left", disk.used());
    assert_eq!(life.journal.disk_bytes(), disk.used() as u64);
    assert!(
        disk.names().expect("it lists").len() <= 3,
        "one that covers the old ones, the journal's, the ballast"
    );
}

#[test]
fn what_is_remembered_stays_wherever_it_is() {
    let disk = SimDisk::new();
    let mut life = begin(&disk, 1);
    for seq in 1..=300 {
        life.publish([seq]).expect("the disk works");
    }
    let kept: Vec<Seq> = (1..=300).filter(|seq| seq % 50 == 0 || (100..110).contains(seq)).collect();
    let mut memory = Memory::of(kept.clone());
    memory.forgotten_through = 77;
    memory.bounds.insert("topic-3".to_owned(), Bounds { dropped_through: 298, ..Bounds::default() });
    life.clean(&mut memory, AFTER_ALL_MS).expect("the disk works");
    drop(life);
    let recovered = begin(&disk, 2).recovered;
    let old = |seq: &&Seq| **seq <= 280;
    let left: Vec<_> = recovered.published.iter().filter(old).copied().collect();
    assert_eq!(left, kept.iter().filter(old).copied().collect::<Vec<_>>());
    assert_eq!(recovered.published.last(), Some(&300), "the journal's own segment is not touched");
    assert_eq!(recovered.forgotten_through, 77);
    assert_eq!(recovered.bounds["topic-3"].dropped_through, 298);
    assert_eq!(recovered.bounds.len(), 1, "other topics are gone");
}

#[test]
fn nothing_is_cleaned_that_is_young_as_long_as_there_is_little() {
    let disk = SimDisk::new();
    let mut life = begin(&disk, 1);
    for seq in 1..=20 {
        life.publish([seq]).expect("the disk works");
    }
    assert!(disk.names().expect("it lists").len() > 2);
    assert!(!life.cleaner.clean(&mut Memory::default(), NOW_MS).expect("the disk works"));
    assert_eq!(begin(&disk, 2).recovered.published.len(), 20);
}

#[test]
fn disk_use_is_bounded_by_what_is_remembered() {
    let disk = SimDisk::new();
    let mut life = begin(&disk, 1);
    let mut memory = Memory::default();
    let segment = options(SyncMode::Always).segment_bytes as usize;
    let mut most = 0;
    // Every tenth stays for 1,000 numbers, the others for 20: garbage lies between what is remembered.
    for seq in 1..=6000 {
        life.publish([seq]).expect("the disk works");
        memory.remembered.insert(seq);
        seq.checked_sub(20).filter(|old| old % 10 != 0).into_iter().for_each(|old| memory.drop_event(old));
        seq.checked_sub(1000).into_iter().for_each(|old| memory.drop_event(old));
        life.clean(&mut memory, NOW_MS).expect("the disk works");
        if seq > 1000 {
            most = most.max(disk.used());
        }
    }
    let remembered = 120 * 130;
    assert!(most < 2 * remembered + 7 * segment, "{most} bytes");
    drop(life);
    let recovered = begin(&disk, 2).recovered.published;
    assert!(memory.remembered.iter().all(|seq| recovered.contains(seq)));
}

#[test]
fn a_deletion_outlives_what_it_deleted() {
    let disk = SimDisk::new();
    let mut life = begin(&disk, 1);
    let mut memory = Memory::default();
    // Remembered at the first pass, deleted before the second.
    for seq in 1..=60 {
        life.publish([seq]).expect("the disk works");
        memory.remembered.insert(seq);
    }
    life.clean(&mut memory, AFTER_ALL_MS).expect("the disk works");
    life.append(&[Record::Deleted { seq: 61, topic: "topic-0" }], 61).expect("the disk works");
    memory.remembered.retain(|seq| seq % 5 != 0);
    for seq in 62..=100 {
        life.publish([seq]).expect("the disk works");
        memory.remembered.insert(seq);
    }
    let later = AFTER_ALL_MS + AGE_MAX.as_millis() as u64 + 1;
    loop {
        // At no step is the deletion gone and something deleted still there.
        let recovered = begin(&copy(&disk), 2).recovered;
        let deleted = recovered.published.iter().filter(|seq| *seq % 5 == 0 && **seq < 61).count();
        assert!(deleted == 0 || recovered.deleted == [61], "{deleted} have come back");
        if !life.cleaner.clean(&mut memory, later).expect("the disk works") {
            assert_eq!((deleted, recovered.deleted.len()), (0, 0), "both are gone in the end");
            break;
        }
    }
}

fn copy(disk: &SimDisk) -> SimDisk {
    use sse_gateway_store::DiskFile;
    let copied = SimDisk::new();
    for name in disk.names().expect("it lists") {
        let bytes = disk.read(&name, usize::MAX).expect("it reads");
        copied.create(&name, 0).and_then(|mut file| file.append(&bytes)).expect("the disk works");
    }
    copied
}

#[test]
fn what_was_reserved_outlives_the_segment_that_says_so() {
    let disk = SimDisk::new();
    let mut life = begin(&disk, 1);
    life.publish([1]).expect("the disk works");
    life.append(&[], 5_000_000).expect("the disk works");
    let reserved = life.journal.reserved_through();
    // The segment ends, no other begins, and the one that knows is cleaned.
    disk.set_capacity(Some(disk.used()));
    life.publish([5_000_001]).expect_err("there is no room");
    disk.set_capacity(None);
    life.clean(&mut Memory::default(), AFTER_ALL_MS).expect("the disk works");
    drop(life);
    assert_eq!(begin(&disk, 2).recovered.next, reserved + 1);
}

#[test]
fn a_disk_that_the_store_itself_filled_takes_publishes_again_once_something_is_forgotten() {
    let disk = SimDisk::new();
    let mut life = begin(&disk, 1);
    let mut memory = Memory::default();
    disk.set_capacity(Some(20_000));
    let mut seq = 1;
    while life.publish([seq]).is_ok() {
        memory.remembered.insert(seq);
        seq += 1;
    }
    // Not one byte is free, and it is remembered: so it stays.
    disk.set_capacity(Some(disk.used()));
    life.clean(&mut memory, NOW_MS).expect("there is nothing to clean");
    assert!(is_full(&life.publish([seq]).expect_err("there is no room")));
    memory.remembered = memory.remembered.split_off(&(seq - 10));
    let later = NOW_MS + 10_001;
    life.clean(&mut memory, later).expect("there is room for that");
    for _ in 0..100 {
        seq += 1;
        life.publish([seq]).expect("there is room again");
        memory.remembered.insert(seq);
    }
    drop(life);
    let recovered = begin(&disk, 2).recovered.published;
    assert!(memory.remembered.iter().all(|seq| recovered.contains(seq)));
}

#[test]
fn a_store_on_a_full_disk_begins() {
    let disk = SimDisk::new();
    let mut life = begin(&disk, 1);
    let mut accepted = Vec::new();
    disk.set_capacity(Some(20_000));
    for seq in 1.. {
        if life.publish([seq]).is_err() {
            break;
        }
        accepted.push(seq);
    }
    disk.set_capacity(Some(disk.used()));
    drop(life);
    for number in 2..5 {
        let mut life = begin(&disk, number);
        assert_eq!(life.recovered.published, accepted);
        life.publish([number]).expect_err("there is no room");
    }
}

#[test]
fn a_pass_over_what_is_all_remembered_writes_nothing() {
    let disk = SimDisk::new();
    let mut life = begin(&disk, 1);
    for seq in 1..=300 {
        life.publish([seq]).expect("the disk works");
    }
    let calls = disk.calls();
    life.clean(&mut Memory::of(1..=300), AFTER_ALL_MS).expect("the disk works");
    assert_eq!(disk.calls(), calls);
    assert!(Duration::from_millis(AFTER_ALL_MS - NOW_MS) > AGE_MAX);
}
