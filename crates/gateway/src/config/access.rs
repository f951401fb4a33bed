//! Who may use what.

use std::net::IpAddr;

use http::HeaderValue;
use ipnet::IpNet;

use super::Secret;

/// A range of addresses.
pub(super) type Network = IpNet;

/// Who may use `/internal/*`.
#[derive(Clone, Debug)]
pub enum InternalAccess {
    /// Whoever shows the secret.
    Secret(Secret),
    /// Whoever comes from one of these networks, directly.
    Networks(Vec<IpNet>),
}

/// Which origins' pages may read streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// None but the gateway's own.
    None,
    /// Any, without credentials.
    Any,
    /// These, with credentials.
    Listed(Vec<HeaderValue>),
}

pub(super) fn networks(value: &str) -> Result<Vec<Network>, String> {
    let parse = |item: &str| {
        item.parse::<IpNet>().or_else(|_| item.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            "a comma-separated list of networks, such as 127.0.0.0/8,::1/128,10.0.0.5".to_owned()
        })
    };
    items(value).map(parse).collect()
}

pub(super) fn origins(value: &str) -> Result<AllowedOrigins, String> {
    if value == "*" {
        return Ok(AllowedOrigins::Any);
    }
    let expected = || "* or a comma-separated list of origins, such as https://app.example.org".to_owned();
    let parse = |item: &str| {
        let (scheme, host) = item.split_once("://").ok_or_else(expected)?;
        let valid =
            matches!(scheme, "http" | "https") && !host.is_empty() && !host.contains(['/', '*', '?', '#']);
        HeaderValue::from_str(item).ok().filter(|_| valid).ok_or_else(expected)
    };
    let list: Vec<_> = items(value).map(parse).collect::<Result<_, _>>()?;
    if list.is_empty() { Err(expected()) } else { Ok(AllowedOrigins::Listed(list)) }
}

fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|item| !item.is_empty())
}
