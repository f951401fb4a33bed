//! A document with generated blocks between `<!-- generated: name -->` and `<!-- end -->`.

use std::fs;
use std::path::{Path, PathBuf};

const UPDATE: &str = "UPDATE_DOCS=1 cargo test -p sse-gateway --test docs";

/// Fails when a block differs from what the code says; rewrites it when it is asked to.
pub(crate) fn check_block(document: &str, name: &str, generated: &str) {
    let path = path(document);
    let text = read(document);
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{document} has no block {name}"));
    let (block, after) = rest.split_once("<!-- end -->").expect("the block has an end");
    let expected = format!("\n{}\n\n", generated.trim_end());
    if block == expected {
        return;
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{begin}{expected}<!-- end -->{after}"))
            .expect("the document is written");
    } else {
        panic!("{document}: the block \"{name}\" is not what the code says. Rewrite it with:\n  {UPDATE}");
    }
}

/// Reads a document of `docs/`.
pub(crate) fn read(document: &str) -> String {
    fs::read_to_string(path(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn path(document: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(document)
}
