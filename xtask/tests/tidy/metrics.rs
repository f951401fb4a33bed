//! What the documents say to watch is there to be watched.

use std::collections::BTreeSet;

use crate::tree::{self, assert_none};

const PREFIX: &str = "sse_gateway_";

#[test]
fn every_metric_that_a_document_names_is_registered() {
    let sources = tree::files(&["rs"]).into_iter().filter(|file| file.path.contains("/src/"));
    let sources: String = sources.map(|file| file.text).collect();
    // A registry may have the prefix, and adds the suffixes by itself.
    let registered = |name: &String| {
        let bare = name.trim_end_matches("_bucket").trim_end_matches("_total").trim_start_matches(PREFIX);
        [name.as_str(), bare].into_iter().any(|name| sources.contains(&format!("\"{name}\"")))
    };
    let unknown: Vec<_> = named().into_iter().filter(|name| !registered(name)).collect();
    assert_none("A document names a metric that no code registers.", &unknown);
}

fn named() -> BTreeSet<String> {
    let documents = tree::files(&["md"]).into_iter().filter(|file| !file.path.starts_with("spec/"));
    let mut names = BTreeSet::new();
    for document in documents {
        for (start, _) in document.text.match_indices(PREFIX) {
            let name = document.text[start..].split(|c: char| !c.is_ascii_lowercase() && c != '_').next();
            names.extend(name.map(str::to_owned));
        }
    }
    // The name of the crate, as Rust spells it.
    names.remove("sse_gateway_backend");
    names
}
