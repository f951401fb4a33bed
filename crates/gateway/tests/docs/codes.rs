//! `docs/operations.md` says what each error code means at night.

use sse_gateway_protocol::code::Code;

use crate::document;

#[test]
fn every_code_has_a_row_with_its_status() {
    let text = document::read("operations.md");
    for code in Code::ALL {
        // The backend's own status stands in place of this one.
        let status = if *code == Code::BackendError { "any".to_owned() } else { code.status().to_string() };
        let begin = format!("| {status} | `{}` |", code.as_str());
        assert!(
            text.lines().any(|line| line.starts_with(&begin)),
            "docs/operations.md has no row \"{begin}\""
        );
    }
}

#[test]
fn every_row_is_for_a_code() {
    let text = document::read("operations.md");
    let rows =
        text.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | `")).filter(|(status, _)| {
            *status == "any" || (status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()))
        });
    let mut count = 0;
    for (_, rest) in rows {
        let name = rest.split('`').next().unwrap_or_default();
        assert!(Code::ALL.iter().any(|code| code.as_str() == name), "docs/operations.md explains {name}");
        count += 1;
    }
    assert_eq!(count, Code::ALL.len());
}
