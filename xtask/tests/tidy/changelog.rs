//! The changelog is written with the change.

use crate::tree;

#[test]
fn the_changelog_begins_with_what_is_unreleased() {
    let changelog = tree::read("CHANGELOG.md");
    let first = changelog.lines().find(|line| line.starts_with("## "));
    assert_eq!(first, Some("## Unreleased"));
}

#[test]
fn the_changelog_uses_the_four_kinds_of_change() {
    for heading in tree::read("CHANGELOG.md").lines().filter_map(|line| line.strip_prefix("### ")) {
        assert!(["Breaking", "Added", "Changed", "Fixed"].contains(&heading), "{heading}");
    }
}
