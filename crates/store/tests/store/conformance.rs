//! What holds on every disk.

use std::os::unix::fs::PermissionsExt;

use sse_gateway_protocol::Epoch;
use sse_gateway_store::{
    Bounds, Directory, Disk, Locked, RESERVED_AHEAD, Record, SimDisk, SyncMode, is_full,
};
use tempfile::TempDir;

use crate::life::{Life, options};

/// A disk that can be opened again, as by the next process.
trait Ground {
    type Disk: Disk;
    fn disk(&self) -> Self::Disk;

    fn begin(&self, sync: SyncMode, number: u64) -> Life<Self::Disk> {
        Life::begin(self.disk(), options(sync), number).expect("the store is in order")
    }
}

impl Ground for SimDisk {
    type Disk = SimDisk;

    fn disk(&self) -> SimDisk {
        self.clone()
    }
}

impl Ground for TempDir {
    type Disk = Directory;

    fn disk(&self) -> Directory {
        Directory::open(&self.path().join("made/when/missing")).expect("the directory opens")
    }
}

/// Runs each check on both disks, each time on an empty one.
macro_rules! on_every_disk {
    ($($name:ident)*) => {
        mod simulated {
            $(#[test] fn $name() { super::$name(&sse_gateway_store::SimDisk::new()); })*
        }
        mod real {
            $(#[test] fn $name() { super::$name(&tempfile::tempdir().expect("there is room")); })*
        }
    };
}

on_every_disk! {
    an_empty_disk_is_a_new_log
    records_come_back_in_order_over_many_lives_and_segments
    with_always_the_epoch_stays_however_it_ended
    with_interval_the_epoch_stays_only_after_a_clean_end
    numbers_never_repeat
    an_append_of_nothing_writes_nothing
    lives_without_records_leave_no_segments
    a_batch_may_be_longer_than_a_segment
    bounds_come_last_and_merged
    a_deletion_ends_the_bounds_of_before_and_not_those_of_after
    other_files_are_left_alone
}

const ALWAYS: SyncMode = SyncMode::Always;

fn an_empty_disk_is_a_new_log(ground: &impl Ground) {
    let life = ground.begin(ALWAYS, 1);
    assert_eq!(life.journal.epoch(), &Epoch::from_random(1));
    assert_eq!((life.recovered.next, life.recovered.published.len()), (1, 0));
    assert_eq!(life.journal.reserved_through(), RESERVED_AHEAD);
    assert!(!life.recovered.unclean);
}

fn records_come_back_in_order_over_many_lives_and_segments(ground: &impl Ground) {
    for number in 0..4 {
        let mut life = ground.begin(ALWAYS, number);
        let first = number * 100;
        assert_eq!(life.recovered.published, (0..first).collect::<Vec<_>>());
        for batch in 0..20 {
            life.publish((0..5).map(|place| first + batch * 5 + place)).expect("the disk works");
        }
    }
    let segments = ground.disk().names().expect("it lists").len();
    assert!(segments > 20, "{segments} segments");
}

fn with_always_the_epoch_stays_however_it_ended(ground: &impl Ground) {
    ground.begin(ALWAYS, 1).publish([1]).expect("the disk works");
    let life = ground.begin(ALWAYS, 2);
    assert!(life.recovered.unclean);
    assert_eq!(life.journal.epoch(), &Epoch::from_random(1));
    life.close().expect("the disk works");
    let life = ground.begin(ALWAYS, 3);
    assert!(!life.recovered.unclean);
    assert_eq!(life.journal.epoch(), &Epoch::from_random(1));
}

fn with_interval_the_epoch_stays_only_after_a_clean_end(ground: &impl Ground) {
    let mut life = ground.begin(SyncMode::Interval, 1);
    life.publish([1]).expect("the disk works");
    life.close().expect("the disk works");

    let mut life = ground.begin(SyncMode::Interval, 2);
    assert_eq!(life.journal.epoch(), &Epoch::from_random(1));
    life.publish([2]).expect("the disk works");
    life.journal.sync().expect("the disk works");
    drop(life);

    // What counts is how the life was led that ended, not how the next one will be.
    let life = ground.begin(ALWAYS, 3);
    assert_eq!(life.journal.epoch(), &Epoch::from_random(3));
    assert_eq!(life.recovered.published, [1, 2]);
}

fn numbers_never_repeat(ground: &impl Ground) {
    let mut life = ground.begin(ALWAYS, 1);
    let newest = RESERVED_AHEAD / 2 + 1;
    assert!(!life.journal.wants_reservation(newest - 1));
    assert!(life.journal.wants_reservation(newest));
    life.append(&[], newest).expect("the disk works");
    assert_eq!(life.journal.reserved_through(), newest + RESERVED_AHEAD);
    drop(life);
    let life = ground.begin(ALWAYS, 2);
    assert_eq!(life.recovered.next, newest + RESERVED_AHEAD + 1);
    drop(life);
    let life = ground.begin(ALWAYS, 3);
    assert_eq!(life.recovered.next, newest + 2 * RESERVED_AHEAD + 1, "even if no number was used");
}

fn an_append_of_nothing_writes_nothing(ground: &impl Ground) {
    let mut life = ground.begin(ALWAYS, 1);
    let bytes = life.journal.disk_bytes();
    life.append(&[], 5).expect("nothing was to be done");
    assert_eq!(life.journal.disk_bytes(), bytes);
}

fn lives_without_records_leave_no_segments(ground: &impl Ground) {
    ground.begin(ALWAYS, 0).publish([1]).expect("the disk works");
    for number in 1..10 {
        let life = ground.begin(ALWAYS, number);
        if number % 2 == 0 {
            life.close().expect("the disk works");
        }
    }
    let names = ground.disk().names().expect("it lists");
    assert_eq!(names.iter().filter(|name| name.ends_with(".segment")).count(), 2, "{names:?}");
    assert_eq!(ground.begin(ALWAYS, 10).recovered.published, [1]);
}

fn a_batch_may_be_longer_than_a_segment(ground: &impl Ground) {
    ground.begin(ALWAYS, 1).publish(1..=100).expect("the disk works");
    let mut life = ground.begin(ALWAYS, 2);
    assert_eq!(life.recovered.published, (1..=100).collect::<Vec<_>>());
    life.publish(101..=200).expect("the disk works");
    drop(life);
    assert_eq!(ground.begin(ALWAYS, 3).recovered.published.len(), 200);
}

fn bounds_come_last_and_merged(ground: &impl Ground) {
    let first = Bounds { as_of: 1, used_ms: 9, dropped_through: 0, inherited: 5, handed_through: 1 };
    let second = Bounds { as_of: 2, used_ms: 8, dropped_through: 1, inherited: 5, handed_through: 0 };
    let mut life = ground.begin(ALWAYS, 1);
    for bounds in [first, second] {
        life.append(&[Record::Bounded { topic: "a", bounds }], 2).expect("the disk works");
    }
    life.publish([3]).expect("the disk works");
    drop(life);
    let merged = Bounds { as_of: 2, used_ms: 9, dropped_through: 1, inherited: 5, handed_through: 1 };
    let recovered = ground.begin(ALWAYS, 2).recovered;
    assert_eq!(recovered.bounds.into_iter().collect::<Vec<_>>(), [("a".to_owned(), merged)]);
}

fn a_deletion_ends_the_bounds_of_before_and_not_those_of_after(ground: &impl Ground) {
    let bounded = |topic, as_of| Record::Bounded { topic, bounds: Bounds { as_of, ..Bounds::default() } };
    let deleted = |topic| Record::Deleted { seq: 7, topic };
    let mut life = ground.begin(ALWAYS, 1);
    let records = [bounded("before", 6), bounded("after", 7), deleted("before"), deleted("after")];
    life.append(&records, 7).expect("the disk works");
    drop(life);
    let recovered = ground.begin(ALWAYS, 2).recovered;
    assert_eq!(recovered.bounds.into_keys().collect::<Vec<_>>(), ["after"]);
    assert_eq!(recovered.deleted, [7, 7]);
}

fn other_files_are_left_alone(ground: &impl Ground) {
    let other = "7.segment";
    drop(ground.disk().create(other, 0).expect("the disk works"));
    drop(ground.begin(ALWAYS, 1));
    drop(ground.begin(ALWAYS, 2));
    assert!(ground.disk().names().expect("it lists").iter().any(|name| name == other));
}

#[test]
fn a_directory_belongs_to_one_store_at_a_time() {
    let folder = tempfile::tempdir().expect("there is room");
    let first = Directory::open(folder.path()).expect("it is free");
    let clone = first.clone();
    drop(first);
    let refused = Directory::open(folder.path()).expect_err("the clone has it");
    assert!(refused.get_ref().is_some_and(|error| error.is::<Locked>()), "{refused:?}");
    drop(clone);
    Directory::open(folder.path()).expect("it is free again");
}

#[test]
fn only_the_owner_reads_what_is_stored() {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("log");
    let life = Life::begin(Directory::open(&path).expect("it opens"), options(ALWAYS), 1);
    drop(life.expect("the store is in order"));
    let mode = |path: &std::path::Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for entry in path.read_dir().expect("it lists") {
        let path = entry.expect("it lists").path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
    }
}

#[test]
fn a_full_disk_is_told_from_a_broken_one() {
    let disk = SimDisk::new();
    let mut life = Life::begin(disk.clone(), options(ALWAYS), 1).expect("the store is in order");
    disk.set_capacity(Some(disk.used()));
    assert!(is_full(&life.publish([1]).expect_err("there is no room")));
    disk.set_capacity(None);
    life.publish([2]).expect("there is room again");
    drop(life);
    let life = Life::begin(disk, options(ALWAYS), 2).expect("the store is in order");
    assert_eq!(life.recovered.published, [2]);
}
