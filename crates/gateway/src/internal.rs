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
