//! What is damaged is told, and never served or skipped.

use sse_gateway_store::{Disk, Error, SimDisk, SyncMode};

use crate::life::{Life, options};

const BATCHES: u64 = 12;
const PER_BATCH: u64 = 3;

/// A store of several segments, each batch of which was synced.
fn store() -> (SimDisk, Vec<String>) {
    let disk = SimDisk::new();
    let mut life = begin(&disk).expect("the store is in order");
    for batch in 0..BATCHES {
        let first = 1 + batch * PER_BATCH;
        life.publish(first..first + PER_BATCH).expect("the disk works");
    }
    (disk.clone(), segments(&disk))
}

fn segments(disk: &SimDisk) -> Vec<String> {
    let names = disk.names().expect("it lists").into_iter().filter(|name| name.ends_with(".segment"));
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    names
}

fn begin(disk: &SimDisk) -> Result<Life<SimDisk>, Error> {
    Life::begin(disk.clone(), options(SyncMode::Always), 1)
}

/// An own disk with the same files.
fn copy(disk: &SimDisk) -> SimDisk {
    use sse_gateway_store::DiskFile;
    let copied = SimDisk::new();
    for name in disk.names().expect("it lists") {
        let bytes = disk.read(&name, usize::MAX).expect("it reads");
        let mut file = copied.create(&name, 0).expect("the disk works");
        file.append(&bytes).and_then(|()| file.sync()).expect("the disk works");
    }
    copied.sync_names().expect("the disk works");
    copied
}

fn all_but(batches: u64) -> Vec<u64> {
    (1..=(BATCHES - batches) * PER_BATCH).collect()
}

#[test]
fn the_newest_segment_cut_anywhere_gives_every_whole_batch_before_the_cut() {
    let (disk, names) = store();
    let newest = names.last().expect("there are some");
    let length = disk.appended(newest);
    let header = 128;
    let mut seen = Vec::new();
    for cut in header..=length {
        let disk = copy(&disk);
        disk.truncate(newest, cut);
        let bytes = disk.read(newest, cut).expect("it reads");
        let recovered = begin(&disk).expect("a torn tail is no damage").recovered;
        let count = recovered.published.len() as u64;
        assert_eq!(recovered.published, (1..=count).collect::<Vec<_>>());
        assert_eq!(count % PER_BATCH, 0, "a batch is all or nothing");
        if let Some(torn) = recovered.torn {
            // Zeros at the end cannot be told from what was never written.
            let behind = &bytes[(torn.at + torn.bytes) as usize..];
            assert!(behind.iter().all(|byte| *byte == 0));
        }
        seen.push(count);
    }
    assert!(seen.is_sorted(), "a later cut gives no less");
    assert_eq!(seen.last(), Some(&(BATCHES * PER_BATCH)));
    assert!(seen.iter().collect::<std::collections::BTreeSet<_>>().len() > 1);
}

#[test]
fn a_cut_header_is_damage() {
    let (disk, names) = store();
    for name in &names {
        let disk = copy(&disk);
        disk.truncate(name, 127);
        assert!(matches!(begin(&disk), Err(Error::Damaged { file, at: 0 }) if file == *name));
    }
}

#[test]
fn each_flipped_bit_is_told_where_it_is_or_costs_only_the_last_batch() {
    let (disk, names) = store();
    let (newest, _) = names.split_last().expect("there are some");
    let mut torn = 0;
    for name in &names {
        let length = disk.appended(name);
        // One bit of each byte: all bits of a frame and of a header are flipped in their own tests.
        for byte in 0..length {
            let disk = copy(&disk);
            disk.flip(name, byte * 8 + byte % 8);
            match begin(&disk) {
                Err(Error::Damaged { file, at }) => {
                    assert_eq!(&file, name);
                    assert!(at <= byte as u64, "byte {byte} is damaged, not {at}");
                }
                Ok(life) => {
                    assert_eq!(name, newest, "byte {byte}");
                    assert_eq!(life.recovered.published, all_but(1), "byte {byte}");
                    torn += 1;
                }
                Err(other) => panic!("byte {byte}: {other}"),
            }
        }
    }
    assert!(torn > 0, "whether the last write was ever finished, nobody can tell");
}

#[test]
fn after_a_clean_end_each_flipped_bit_in_the_last_batch_is_damage() {
    let (disk, _) = store();
    let mut life = begin(&disk).expect("the store is in order");
    life.publish([100, 101]).expect("the disk works");
    life.close().expect("the disk works");
    let names = segments(&disk);
    let newest = names.last().expect("there are some");
    let end_mark = 40;
    for byte in 128..disk.appended(newest) - end_mark {
        let disk = copy(&disk);
        disk.flip(newest, byte * 8);
        assert!(matches!(begin(&disk), Err(Error::Damaged { .. })), "byte {byte}");
    }
}

#[test]
fn a_missing_segment_is_named() {
    let (disk, names) = store();
    for name in &names[..names.len() - 1] {
        let disk = copy(&disk);
        disk.remove(name).expect("the disk works");
        assert!(matches!(begin(&disk), Err(Error::Missing { file }) if file == *name));
    }
}

#[test]
fn a_segment_that_was_put_in_the_place_of_another_is_damage() {
    let (disk, names) = store();
    disk.rename(&names[0], &names[1]).expect("the disk works");
    assert!(matches!(begin(&disk), Err(Error::Damaged { at: 0, .. })));
}

#[test]
fn bytes_that_a_crash_left_behind_the_last_batch_are_told_and_stay_out() {
    use sse_gateway_store::DiskFile;
    let (disk, names) = store();
    let newest = names.last().expect("there are some");
    let appended = |name| disk.read(name, disk.appended(name)).expect("it reads");
    let (older, whole) = (appended(&names[0]), appended(newest));
    // Whole frames, but of another segment: as if somebody had published what he had read there.
    let mut file = disk.create(newest, 0).expect("the disk works");
    file.append(&whole).and_then(|()| file.append(&older)).expect("the disk works");
    let recovered = begin(&disk).expect("a torn tail is no damage").recovered;
    let torn = recovered.torn.expect("there is one");
    assert_eq!((torn.at, torn.bytes), (whole.len() as u64, older.len() as u64));
    assert_eq!(recovered.published, all_but(0));
    // It stays out when the segment is not the newest any more.
    let mut life = begin(&disk).expect("the store is in order");
    life.publish([100]).expect("the disk works");
    drop(life);
    let recovered = begin(&disk).expect("the store is in order").recovered;
    assert_eq!(recovered.torn, None);
    assert_eq!(recovered.published.last(), Some(&100));
}
