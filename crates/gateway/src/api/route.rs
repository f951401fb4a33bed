//! The internal routes.

use http::Method;

/// What a path below `/internal/` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Send,
    Metrics,
}

impl Route {
    pub(super) fn of(path: &str) -> Option<Self> {
        match path.strip_prefix("/internal/")? {
            "send" => Some(Self::Send),
            "metrics" => Some(Self::Metrics),
            _ => None,
        }
    }

    /// The methods that it takes, as `Allow` lists them.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::Send => "POST",
            Self::Metrics => "GET, HEAD",
        }
    }

    pub(super) fn allows(self, method: &Method) -> bool {
        self.methods().split(", ").any(|allowed| allowed == method.as_str())
    }

    /// Tells whether a request with this method has a body that is read.
    pub(super) fn reads_body(self, method: &Method) -> bool {
        self.methods() == "POST" && method == Method::POST
    }
}
