//! Parameters of a request's query, as forms and `URLSearchParams` write them.

use percent_encoding::percent_decode;

/// Finds a parameter and decodes its value; of repeated ones the first counts.
pub(crate) fn parameter(query: &str, name: &str) -> Option<Vec<u8>> {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(key, _)| decode(key) == name.as_bytes()).map(|(_, value)| decode(value))
}

/// A plus is a space; every encoder writes a real one as `%2B`.
fn decode(text: &str) -> Vec<u8> {
    percent_decode(text.replace('+', " ").as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_the_first_of_a_name_counts() {
        let query = "topic=a%2Fb+c%2B&t%6Fpic=second&close&empty=&bad=%zz%ff";
        let text = |name| parameter(query, name).map(|value| String::from_utf8_lossy(&value).into_owned());
        assert_eq!(text("topic").as_deref(), Some("a/b c+"));
        assert_eq!(text("close").as_deref(), Some(""));
        assert_eq!(text("empty").as_deref(), Some(""));
        assert_eq!(text("bad").as_deref(), Some("%zz\u{fffd}"));
        assert_eq!(text("opic"), None);
    }
}
