//! No file is forgotten.

use std::path::Path;

use crate::tree::{self, assert_none};

#[test]
fn every_rust_file_is_declared_where_it_belongs() {
    let files = tree::files(&["rs"]);
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| !is_root_of_a_crate(&file.path)) {
        let path = Path::new(&file.path);
        let (stem, folder) = match path.file_stem().and_then(|stem| stem.to_str()) {
            Some("mod") => (path.parent().and_then(Path::file_name), path.parent().and_then(Path::parent)),
            _ => (path.file_stem(), path.parent()),
        };
        let stem = stem.and_then(|stem| stem.to_str()).expect("a Rust file has a name");
        let folder = folder.expect("a Rust file is in a folder").display().to_string();
        let named = format!("#[path = \"{stem}.rs\"]");
        let declares = |parent: &tree::File| {
            let text = &parent.text;
            declares(text, stem) || text.contains(&named)
        };
        let parents = files.iter().filter(|other| is_parent(&other.path, &folder) && other.path != file.path);
        if !parents.into_iter().any(declares) {
            broken.push(file.path.clone());
        }
    }
    assert_none("A file belongs to no crate, so that nothing compiles or runs it.", &broken);
}

#[test]
fn tests_that_belong_together_are_one_binary() {
    let files = tree::files(&["rs"]);
    // A test that counts allocations needs a process of its own.
    let loose: Vec<_> = files
        .iter()
        .filter(|file| is_loose_test(&file.path) && !file.text.contains("#[global_allocator]"))
        .collect();
    let folder = |path: &str| Path::new(path).parent().map(Path::to_owned);
    let crowded = loose
        .iter()
        .filter(|file| loose.iter().filter(|other| folder(&other.path) == folder(&file.path)).count() > 1);
    let broken: Vec<_> = crowded.map(|file| file.path.clone()).collect();
    assert_none("Each file in tests/ is linked by itself: give them one folder with a main.rs.", &broken);
}

/// A file directly in the `tests` folder of a crate, which Cargo makes a binary of.
fn is_loose_test(path: &str) -> bool {
    !path.contains("/src/") && Path::new(path).parent().is_some_and(|folder| folder.ends_with("tests"))
}

fn is_root_of_a_crate(path: &str) -> bool {
    let in_src = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
    let in_tests = path.ends_with("/main.rs") && path.contains("/tests/");
    let binary = path.contains("/src/bin/") || path.contains("/examples/") || path.contains("/benches/");
    in_src || in_tests || is_loose_test(path) || binary || path.ends_with("build.rs")
}

/// Any file of the folder may declare by `#[path]`; otherwise it is its root or the file named like it.
fn is_parent(path: &str, folder: &str) -> bool {
    Path::new(path).parent().is_some_and(|parent| parent == Path::new(folder))
        || path == format!("{folder}.rs")
}

fn declares(text: &str, stem: &str) -> bool {
    text.lines().map(str::trim).any(|line| {
        let line = line
            .trim_start_matches("pub ")
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub(super) ");
        line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) == Some(stem)
    })
}
