//! Files fit in the head, functions on a screen.

use crate::tree::{self, assert_none};

const FILE_LINES_MAX: usize = 450;
const FILE_LINES_MEDIAN_MAX: usize = 150;
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn no_file_is_longer_than_its_bound() {
    let files = tree::files(&["rs", "js", "css", "html"]);
    let long = files.iter().map(|file| (file, file.text.lines().count()));
    let long = long.filter(|(_, lines)| *lines > FILE_LINES_MAX);
    let broken: Vec<_> = long.map(|(file, lines)| format!("{}: {lines} lines", file.path)).collect();
    assert_none("A file has two nouns: split it.", &broken);
}

#[test]
fn half_of_the_files_are_short() {
    let mut lines: Vec<_> = tree::files(&["rs"]).iter().map(|file| file.text.lines().count()).collect();
    lines.sort_unstable();
    let median = lines[lines.len() / 2];
    assert!(median <= FILE_LINES_MEDIAN_MAX, "the median of the Rust files is {median} lines");
}

#[test]
fn no_function_is_longer_than_a_screen() {
    let files = tree::files(&["rs"]);
    let long = files.iter().flat_map(|file| functions(&file.text).map(move |function| (file, function)));
    let long = long.filter(|(_, (_, lines))| *lines > FUNCTION_LINES_MAX);
    let broken: Vec<_> =
        long.map(|(file, (line, lines))| format!("{}:{line}: {lines} lines", file.path)).collect();
    assert_none("A function does not fit on a screen.", &broken);
}

/// Gives each function's first line and its length.
///
/// The files are formatted: a function ends at the first closing brace with its own indentation.
fn functions(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let lines: Vec<_> = text.lines().collect();
    (0..lines.len()).filter(|start| is_function(lines[*start])).collect::<Vec<_>>().into_iter().filter_map({
        move |start| {
            let indentation = lines[start].len() - lines[start].trim_start().len();
            let end = format!("{:indentation$}}}", "");
            let length = lines[start..].iter().position(|line| *line == end)?;
            Some((start + 1, length + 1))
        }
    })
}

fn is_function(line: &str) -> bool {
    const BEFORE: [&str; 7] = ["pub", "pub(crate)", "pub(super)", "const", "async", "unsafe", "default"];
    line.ends_with(['{', '(', ',', '>', ')'])
        && line.split_whitespace().find(|word| !BEFORE.contains(word)) == Some("fn")
}

#[test]
fn functions_are_measured_from_head_to_closing_brace() {
    let text = "fn a() {\n    1\n}\n\nimpl X {\n    pub(crate) async fn b(\n        c: u8,\n    ) {\n    }\n}\nfn c() {}\n";
    assert_eq!(functions(text).collect::<Vec<_>>(), [(1, 3), (6, 4)]);
}
