//! From the client's URL to a service and an identifier.

use std::borrow::Cow;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::services::Service;
use crate::{Identifier, InvalidIdentifier};

/// The services, in the order in which they are asked.
pub(super) struct Routes(Vec<Arc<dyn Service>>);

/// Where a URL leads.
pub(super) enum Route<'a> {
    To(&'a dyn Service, Identifier),
    /// No service has this path, or the parameter is missing.
    Nowhere,
    /// The service's parameter cannot name anything.
    BadId(&'static str, InvalidIdentifier),
}

impl Routes {
    pub(super) fn new(services: Vec<Arc<dyn Service>>) -> Self {
        Self(services)
    }

    pub(super) fn service(&self, name: &str) -> Option<&dyn Service> {
        self.0.iter().find(|service| service.name() == name).map(|service| &**service)
    }

    /// Routes a raw request target: exact path segments and the service's query parameter, the first
    /// if it is repeated; both percent-decoded.
    pub(super) fn route(&self, target: &str) -> Route<'_> {
        let (path, query) = split(target);
        let Some(service) = self.0.iter().find(|service| has_path(path, service.path())) else {
            return Route::Nowhere;
        };
        let Some(id) = query.and_then(|query| parameter(query, service.parameter())) else {
            return Route::Nowhere;
        };
        match Identifier::parse(service.name(), &id) {
            Ok(identifier) => Route::To(&**service, identifier),
            Err(error) => Route::BadId(service.parameter(), error),
        }
    }
}

/// Splits a target into path and query; an absolute one loses its scheme and authority.
fn split(target: &str) -> (&str, Option<&str>) {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    match path.split_once("://") {
        Some((_, rest)) if !path.starts_with('/') => (rest.find('/').map_or("/", |at| &rest[at..]), query),
        _ => (path, query),
    }
}

/// Segments are compared decoded, but split before: an encoded slash separates nothing.
fn has_path(path: &str, wanted: &str) -> bool {
    let decoded = path.split('/').map(|segment| percent_decode_str(segment).collect::<Vec<u8>>());
    decoded.eq(wanted.split('/').map(|segment| segment.as_bytes().to_vec()))
}

/// Finds a form-encoded parameter; one that is not UTF-8 counts as missing.
fn parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.into_iter().find(|(key, _)| form_decoded(key).is_some_and(|key| key == name))?;
    form_decoded(value)
}

fn form_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8().ok();
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}
