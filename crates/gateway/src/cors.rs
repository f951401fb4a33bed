//! Which pages of other origins may read streams (WHATWG Fetch, CORS protocol).

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::Response;

use crate::config::AllowedOrigins;
use crate::reply::Body;

/// How long a browser may remember a preflight, in seconds.
const PREFLIGHT_MAX_AGE: &str = "600";

/// What one request's origin may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cors {
    /// CORS is off: no header names it.
    Off,
    /// Any origin may read, without credentials.
    Any,
    /// The answer depends on the origin, and this one is not in the list.
    NotListed,
    /// This origin may read, with credentials.
    Listed(HeaderValue),
}

pub(crate) fn allow(origins: &AllowedOrigins, headers: &HeaderMap) -> Cors {
    match origins {
        AllowedOrigins::None => Cors::Off,
        AllowedOrigins::Any => Cors::Any,
        AllowedOrigins::Listed(list) => match headers.get(header::ORIGIN) {
            Some(origin) if list.contains(origin) => Cors::Listed(origin.clone()),
            _ => Cors::NotListed,
        },
    }
}

impl Cors {
    pub(crate) fn is_on(&self) -> bool {
        *self != Cors::Off
    }

    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        let allowed = match self {
            Cors::Off => return,
            Cors::Any => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
                return;
            }
            Cors::NotListed => None,
            Cors::Listed(origin) => Some(origin.clone()),
        };
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

/// Answers OPTIONS: what a stream's request may carry.
pub(crate) fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Cache-Control, Last-Event-ID"),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn headers_for(setting: &str, origin: Option<&'static str>) -> HeaderMap {
        let config = Config::from_pairs([("CORS_ALLOW_ORIGIN", setting)]).expect("valid");
        let mut request = HeaderMap::new();
        if let Some(origin) = origin {
            request.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        let mut answer = HeaderMap::new();
        allow(&config.cors, &request).apply(&mut answer);
        answer
    }

    #[test]
    fn off_names_nothing() {
        assert!(headers_for("", Some("https://a.example")).is_empty());
    }

    #[test]
    fn any_origin_reads_without_credentials() {
        let answer = headers_for("*", Some("https://a.example"));
        assert_eq!(answer[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!answer.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }

    #[test]
    fn a_listed_origin_reads_with_credentials_and_others_do_not() {
        let list = "https://a.example, https://b.example";
        let answer = headers_for(list, Some("https://b.example"));
        assert_eq!(answer[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://b.example");
        assert_eq!(answer[header::ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        for other in [Some("https://c.example"), None] {
            let answer = headers_for(list, other);
            assert!(!answer.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
            assert_eq!(answer[header::VARY], "Origin", "a cache must not mix origins up");
        }
    }
}
