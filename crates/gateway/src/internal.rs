//! Who may use `/internal/*`.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header};
use sse_gateway_protocol::code::Code;

use crate::config::InternalAccess;

/// Headers that say that the request came through a proxy, whose address says nothing of the caller.
const FORWARDING: [HeaderName; 3] = [header::FORWARDED, header::VIA, HeaderName::from_static("x-real-ip")];
const FORWARDED_PREFIX: &str = "x-forwarded-";

const FROM_ELSEWHERE: &str = "Internal routes are not open to this address: \
     set INTERNAL_SECRET and send it as a bearer token, or add the caller's network to INTERNAL_ALLOW";
const THROUGH_PROXY: &str = "Internal routes are not open through a proxy: \
     set INTERNAL_SECRET and send it as a bearer token, or call the gateway directly";

/// Lets a caller in, or says why not.
pub(crate) fn admit(
    access: &InternalAccess,
    address: IpAddr,
    headers: &HeaderMap,
) -> Result<(), (Code, &'static str)> {
    match access {
        InternalAccess::Secret(secret) => match bearer(headers) {
            Some(candidate) if secret.matches(candidate) => Ok(()),
            _ => Err((Code::Unauthorized, "Internal routes need `Authorization: Bearer <INTERNAL_SECRET>`")),
        },
        InternalAccess::Networks(networks) => {
            let forwarded = headers
                .keys()
                .any(|name| FORWARDING.contains(name) || name.as_str().starts_with(FORWARDED_PREFIX));
            if forwarded {
                Err((Code::InternalForbidden, THROUGH_PROXY))
            } else if networks.iter().any(|network| network.contains(&address)) {
                Ok(())
            } else {
                Err((Code::InternalForbidden, FROM_ELSEWHERE))
            }
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::Config;

    fn access(pairs: &[(&str, &str)]) -> InternalAccess {
        Config::from_pairs(pairs.iter().copied()).expect("valid settings").internal.access
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    fn code(access: &InternalAccess, address: &str, pairs: &[(&'static str, &'static str)]) -> Option<Code> {
        admit(access, address.parse().expect("an address"), &headers(pairs)).err().map(|(code, _)| code)
    }

    #[test]
    fn with_a_secret_only_the_bearer_counts() {
        let access = access(&[("INTERNAL_SECRET", "open-sesame")]);
        assert_eq!(code(&access, "203.0.113.9", &[("authorization", "Bearer open-sesame")]), None);
        assert_eq!(
            code(&access, "203.0.113.9", &[("authorization", "bearer open-sesame"), ("via", "x")]),
            None
        );
        for wrong in
            ["Bearer open-sesam", "Bearer open-sesame1", "open-sesame", "Basic open-sesame", "Bearer", ""]
        {
            assert_eq!(
                code(&access, "127.0.0.1", &[("authorization", wrong)]),
                Some(Code::Unauthorized),
                "{wrong}"
            );
        }
        assert_eq!(code(&access, "127.0.0.1", &[]), Some(Code::Unauthorized));
    }

    #[test]
    fn without_a_secret_the_network_counts() {
        let loopback = access(&[]);
        assert_eq!(code(&loopback, "127.0.0.1", &[]), None);
        assert_eq!(code(&loopback, "127.8.7.6", &[]), None);
        assert_eq!(code(&loopback, "::1", &[]), None);
        assert_eq!(code(&loopback, "10.0.0.5", &[]), Some(Code::InternalForbidden));
        let private = access(&[("INTERNAL_ALLOW", "10.0.0.0/8, 192.0.2.1")]);
        assert_eq!(code(&private, "10.0.0.5", &[]), None);
        assert_eq!(code(&private, "192.0.2.1", &[]), None);
        assert_eq!(code(&private, "127.0.0.1", &[]), Some(Code::InternalForbidden));
    }

    #[test]
    fn without_a_secret_a_forwarding_header_shuts_everybody_out() {
        let loopback = access(&[]);
        for name in
            ["forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-anything"]
        {
            assert_eq!(code(&loopback, "127.0.0.1", &[(name, "")]), Some(Code::InternalForbidden), "{name}");
        }
    }
}
