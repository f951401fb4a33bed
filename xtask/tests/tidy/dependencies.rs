//! Each dependency has a reason and a user.

use crate::tree::{self, assert_none};

const REASONS: &str = "docs/decisions/0002-dependencies.md";

#[test]
fn every_dependency_has_its_reason() {
    let reasons = tree::read(REASONS);
    let unexplained = external().into_iter().filter(|name| !reasons.contains(&format!("| `{name}` |")));
    assert_none(&format!("{REASONS} does not say why:"), &unexplained.collect::<Vec<_>>());
}

#[test]
fn every_reason_is_for_a_dependency() {
    let known = external();
    let reasons = tree::read(REASONS);
    let named = reasons.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let stale = named.map(|(name, _)| name.to_owned()).filter(|name| !known.contains(name));
    assert_none(&format!("{REASONS} explains what nothing depends on:"), &stale.collect::<Vec<_>>());
}

#[test]
fn every_dependency_of_the_workspace_is_used() {
    let manifests: String = tree::files(&["toml"])
        .into_iter()
        .filter(|file| file.path.ends_with("/Cargo.toml"))
        .map(|file| file.text)
        .collect();
    let used = |name: &String| {
        manifests.lines().any(|line| line.split(['.', ' ', '=']).next() == Some(name.as_str()))
    };
    let unused: Vec<_> = external().into_iter().filter(|name| !used(name)).collect();
    assert_none("A dependency that no package takes:", &unused);
}

/// The names in `[workspace.dependencies]` that are not our own packages.
fn external() -> Vec<String> {
    let manifest: toml::Table = tree::read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let table = manifest["workspace"]["dependencies"].as_table().expect("the workspace has dependencies");
    table.iter().filter(|(_, value)| value.get("path").is_none()).map(|(name, _)| name.clone()).collect()
}
