//! A real process is killed while it publishes, again and again.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use sse_gateway_protocol::Seq;
use sse_gateway_store::{Directory, SyncMode};

use crate::life::{Life, Memory, NOW_MS, options};

/// The child finds here what to publish to.
const FOLDER: &str = "SSE_GATEWAY_STORE_TEST_FOLDER";

const KILLS: usize = 15;

/// Not a test: what the killed process runs. It says each number once it was accepted.
#[test]
#[ignore = "runs only as the child of the test below"]
fn child() {
    let folder = env::var(FOLDER).expect("the parent says where");
    let disk = Directory::open(folder.as_ref()).expect("the directory is free");
    let mut life = Life::begin(disk, options(SyncMode::Always), 1).expect("the store is in order");
    let mut memory = Memory::of(life.recovered.published.iter().copied());
    let mut out = std::io::stdout();
    for seq in life.recovered.next.. {
        life.publish([seq]).expect("the disk works");
        memory.remembered.insert(seq);
        writeln!(out, "accepted {seq}").expect("the parent listens");
        life.cleaner.clean(&mut memory, NOW_MS).expect("the disk works");
    }
}

fn start(folder: &std::path::Path) -> Child {
    Command::new(env::current_exe().expect("it is known"))
        .args(["--exact", "process::child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("it starts")
}

#[test]
fn a_process_that_is_killed_leaves_all_that_it_said() {
    let folder = tempfile::tempdir().expect("there is room");
    let mut accepted: Vec<Seq> = Vec::new();
    for kill in 0..KILLS {
        let mut child = start(folder.path());
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut said = 0;
        // It goes on while it is killed: what the pipe still holds was said before.
        for line in lines.map_while(Result::ok) {
            let Some(seq) = line.strip_prefix("accepted ").and_then(|seq| seq.parse().ok()) else { continue };
            accepted.push(seq);
            said += 1;
            if said == 5 + 7 * kill {
                child.kill().expect("it runs");
            }
        }
        child.wait().expect("it has ended");
        assert!(said >= 5 + 7 * kill, "it ended by itself");
        let disk = Directory::open(folder.path()).expect("the dead hold no lock");
        let life = Life::begin(disk, options(SyncMode::Always), 2).expect("a kill is no damage");
        let there = &life.recovered.published;
        assert!(accepted.iter().all(|seq| there.binary_search(seq).is_ok()), "after kill {kill}");
        assert!(there.len() <= accepted.len() + 1 + kill, "at most one a kill was not said");
    }
}
