//! The backend's address.

use std::fmt;

use http::Uri;

/// An http or https URL, used exactly as it is configured; its query string may hold a secret.
#[derive(Clone)]
pub struct CallbackUrl(Uri);

impl CallbackUrl {
    /// Gives the URL for the request.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    /// Tells whether TLS is needed.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }
}

impl fmt::Display for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show(&self.0.to_string()))
    }
}

impl fmt::Debug for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Hides what may be secret: everything from the question mark on, and whatever is no URL's start.
pub(super) fn show(value: &str) -> String {
    match value.split_once('?') {
        Some((path, _)) => format!("{}?(hidden)", without_user(path)),
        None => without_user(value),
    }
}

fn without_user(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}(hidden){}", &url[..scheme + 3], &url[at..]),
        _ => url.to_owned(),
    }
}

pub(super) fn url(value: &str) -> Result<CallbackUrl, String> {
    let expected = || "an http or https URL without user and password".to_owned();
    let uri: Uri = value.parse().map_err(|_| expected())?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    match (uri.scheme_str(), authority) {
        (Some("http" | "https"), Some(authority)) if !authority.host().is_empty() => Ok(CallbackUrl(uri)),
        _ => Err(expected()),
    }
}
