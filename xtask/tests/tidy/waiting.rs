//! Tests wait for what they need, not for a time; lints give way only with a reason.

use crate::tree::{self, assert_none};

#[test]
fn no_thread_sleeps_and_every_queue_has_a_bound() {
    const BANNED: [&str; 4] = ["thread::sleep", "unbounded_channel", "unbounded()", "sync::mpsc::channel("];
    let mut broken = Vec::new();
    for file in tree::files(&["rs"]).iter().filter(|file| !file.path.ends_with("tidy/waiting.rs")) {
        let lines = file.text.lines().zip(1..);
        let bad = lines.filter(|(line, _)| BANNED.iter().any(|banned| line.contains(banned)));
        broken.extend(bad.map(|(line, number)| format!("{}:{number}: {}", file.path, line.trim())));
    }
    assert_none("Wait for the condition, with a limit; name each queue's bound.", &broken);
}

#[test]
fn a_sleep_in_a_test_says_what_it_is_for() {
    let mut broken = Vec::new();
    for file in tree::files(&["rs"]).iter().filter(|file| is_of_a_test(&file.path)) {
        // In virtual time a sleep takes no time and nothing races with it.
        if file.text.contains("start_paused = true") {
            continue;
        }
        let mut before = "";
        for (line, number) in file.text.lines().zip(1..) {
            let explained = line.contains("//") || before.trim_start().starts_with("//");
            // The name, not a call of it.
            if line.contains("sleep(") && !explained {
                broken.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
            before = line;
        }
    }
    assert_none("A sleep is no synchronisation; one that paces a load says so in a comment.", &broken);
}

#[test]
fn every_lint_gives_way_with_a_reason() {
    let mut broken = Vec::new();
    for file in tree::files(&["rs"]).iter().filter(|file| !file.path.ends_with("tidy/waiting.rs")) {
        let mut lines = file.text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            let starts = ["#[allow(", "#![allow(", "#[expect(", "#![expect("];
            if starts.iter().any(|start| line.trim_start().starts_with(start)) {
                let mut attribute = line.to_owned();
                while !attribute.ends_with(']') {
                    let Some((more, _)) = lines.next() else { break };
                    attribute.push_str(more);
                }
                if !attribute.contains("reason = ") {
                    broken.push(format!("{}:{number}: {}", file.path, line.trim()));
                }
            }
        }
    }
    assert_none("An exception to a lint has no reason.", &broken);
}

/// The harness is left out: its one polling loop is what tests wait with.
fn is_of_a_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs")
}
