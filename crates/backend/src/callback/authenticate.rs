//! Who calls back.

use percent_encoding::percent_decode_str;

use crate::Secret;

/// Tells whether the caller knows the secret: by `Authorization: Bearer`, preferred because query
/// strings end up in logs, or by the query parameter `secret`. Without a secret everyone may call.
pub(super) fn is_allowed(secret: Option<&Secret>, authorization: Option<&str>, query: Option<&str>) -> bool {
    let Some(secret) = secret else { return true };
    let by_header = authorization.and_then(bearer).is_some_and(|text| secret.matches(text.as_bytes()));
    let by_query = query.and_then(secret_parameter).is_some_and(|bytes| secret.matches(&bytes));
    by_header || by_query
}

fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, credentials) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| credentials.trim())
}

fn secret_parameter(query: &str) -> Option<Vec<u8>> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("secret="))?;
    Some(percent_decode_str(value).collect())
}
