//! What the documents name exists.

use std::path::{Component, Path, PathBuf};

use crate::tree::{self, File, assert_none};

#[test]
fn every_link_of_a_document_resolves() {
    let documents = tree::files(&["md"]);
    let mut broken = Vec::new();
    for document in &documents {
        for target in targets(&document.text).filter(|target| !target.contains("://")) {
            let (path, anchor) =
                target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
            if !resolves(document, path, anchor, &documents) {
                broken.push(format!("{}: {target}", document.path));
            }
        }
    }
    assert_none("A link leads nowhere.", &broken);
}

#[test]
fn every_path_that_a_document_names_exists() {
    let mut broken = Vec::new();
    for document in tree::files(&["md"]).iter().filter(|document| document.path != "CHANGELOG.md") {
        for path in document.text.split('`').skip(1).step_by(2).filter(|code| is_path(code)) {
            if !tree::root().join(path.trim_end_matches('/')).exists() {
                broken.push(format!("{}: {path}", document.path));
            }
        }
    }
    assert_none("A document names a file or folder that is not there.", &broken);
}

/// Gives what stands in `](...)`, outside fenced code.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    let prose = text.split("```").step_by(2);
    prose
        .flat_map(|prose| prose.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
}

fn resolves(document: &File, path: &str, anchor: Option<&str>, documents: &[File]) -> bool {
    let folder = Path::new(&document.path).parent().expect("a document is in a folder");
    let target = if path.is_empty() { PathBuf::from(&document.path) } else { flat(&folder.join(path)) };
    let Some(anchor) = anchor else { return tree::root().join(&target).exists() };
    let text = documents.iter().find(|other| Path::new(&other.path) == target).map(|other| &other.text);
    text.is_some_and(|text| {
        text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor)
    })
}

fn flat(path: &Path) -> PathBuf {
    let mut flat = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(flat.pop()),
            Component::CurDir => {}
            other => flat.push(other),
        }
    }
    flat
}

/// A heading's anchor as forges make it.
fn slug(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Whether code in a document is a path from the workspace's root.
fn is_path(code: &str) -> bool {
    const TOPS: [&str; 7] = ["crates/", "demo/", "xtask/", "spec/", "docs/", ".ci/", ".cargo/"];
    TOPS.iter().any(|top| code.starts_with(top)) && !code.contains([' ', '*', '<', '{', '\n'])
}

#[test]
fn a_heading_has_the_anchor_of_its_words() {
    assert_eq!(slug("## The words (glossary)"), "the-words-glossary");
}
