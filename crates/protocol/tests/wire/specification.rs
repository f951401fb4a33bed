//! The normative text names every code and every fixture.

use sse_gateway_protocol::code::Code;

use crate::fixtures::{cases, folder};

fn specification() -> String {
    std::fs::read_to_string(folder().join("../protocol.md")).expect("spec/protocol.md")
}

/// Gives the rows of the table of codes: status and code.
fn rows(text: &str) -> Vec<(String, String)> {
    let (_, table) = text.split_once("\n| status | code |").expect("the table of codes");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).skip(1);
        (cells.next().expect("a status"), cells.next().expect("a code"))
    })
    .collect()
}

#[test]
fn the_table_of_codes_is_the_codes() {
    let text = specification();
    let mut written = rows(&text);
    let mut codes: Vec<(String, String)> =
        Code::ALL.iter().map(|code| (status(*code), code.as_str().to_owned())).collect();
    written.sort();
    codes.sort();
    assert_eq!(written, codes);
}

fn status(code: Code) -> String {
    match code {
        Code::BackendError => "the backend's".to_owned(),
        code => code.status().to_string(),
    }
}

#[test]
fn every_fixture_is_named() {
    let text = specification();
    for entry in std::fs::read_dir(folder()).expect("spec/fixtures") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        assert!(text.contains(&format!("fixtures/{name}")), "{name} is not named in spec/protocol.md");
    }
}

#[test]
fn every_message_of_a_rejected_body_is_specified() {
    let text = specification();
    for file in ["send.json", "publish.json", "close.json", "change.json"] {
        for case in cases(file) {
            if let Some(message) = case["error"]["message"].as_str() {
                assert!(text.contains(message), "{message}");
            }
        }
    }
}
