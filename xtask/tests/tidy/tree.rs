//! The files of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

/// A file that is kept in the repository.
pub(crate) struct File {
    /// From the workspace's root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Gives the workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is a folder of the workspace").into()
}

/// Reads every text file of these extensions.
pub(crate) fn files(extensions: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    collect(&root(), extensions, &mut found);
    assert!(!found.is_empty(), "no {extensions:?} below {}", root().display());
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Reads one file by its path from the root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Fails with every place that breaks a rule.
#[track_caller]
pub(crate) fn assert_none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}\n  {}\n", broken.join("\n  "));
}

fn collect(folder: &Path, extensions: &[&str], found: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace is readable") {
        let path = entry.expect("a folder's entry is readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // What is hidden or built is not the project's text.
        if name.starts_with('.') || matches!(name, "target" | "node_modules") {
            continue;
        }
        if path.is_dir() {
            collect(&path, extensions, found);
        } else if path.extension().is_some_and(|own| extensions.iter().any(|extension| own == *extension)) {
            let text = fs::read_to_string(&path).expect("a source file is UTF-8");
            let path = path.strip_prefix(root()).expect("below the root").display().to_string();
            found.push(File { path, text });
        }
    }
}
