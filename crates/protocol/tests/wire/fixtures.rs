//! Reads `spec/fixtures`.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_json::Value;
use sse_gateway_protocol::send::Rejection;

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/fixtures"))
}

/// Gives the cases of a file; each has a name of its own.
pub(crate) fn cases(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join(file)).expect(file);
    let cases: Vec<Value> = serde_json::from_str(&text).expect(file);
    assert!(cases.len() > 3, "{file} has few cases");
    cases
}

/// Reads one member of a case.
pub(crate) fn member<T: DeserializeOwned>(case: &Value, name: &str) -> T {
    serde_json::from_value(case[name].clone()).unwrap_or_else(|error| panic!("{name} of {case}: {error}"))
}

/// Gives a case's bytes: the text of a member, or the hexadecimal digits of its `_hex` form.
pub(crate) fn bytes(case: &Value, name: &str) -> Vec<u8> {
    if let Some(text) = case[name].as_str() {
        return text.as_bytes().to_vec();
    }
    let digits: String = member(case, &format!("{name}_hex"));
    let byte = |place| u8::from_str_radix(&digits[place..place + 2], 16).expect("two digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Checks a refusal against a case's `error`.
pub(crate) fn assert_refused(rejection: &Rejection, case: &Value) {
    let error = &case["error"];
    assert_eq!(rejection.code.as_str(), error["code"], "{case}");
    assert_eq!(rejection.code.status(), error["status"], "{case}");
    assert_eq!(rejection.message, error["message"], "{case}");
}
