//! The internal routes.

use http::Method;

/// What a path below `/internal/` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Send,
    Publish,
    Close,
    /// The topics of the stream with this token.
    StreamTopics(&'a str),
    /// The topic of this name, percent-encoded.
    Topic(&'a str),
    Metrics,
}

impl<'a> Route<'a> {
    pub(super) fn of(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix("/internal/")?;
        Some(match path {
            "send" => Self::Send,
            "publish" => Self::Publish,
            "close" => Self::Close,
            "metrics" => Self::Metrics,
            _ => match path.split_once('/')? {
                ("streams", rest) => {
                    let token = rest.strip_suffix("/topics").filter(|token| !token.contains('/'))?;
                    Self::StreamTopics(token)
                }
                // A name may have slashes, encoded or not.
                ("topics", name) => Self::Topic(name),
                _ => return None,
            },
        })
    }

    /// The methods that it takes, as `Allow` lists them.
    pub(super) fn methods(self) -> &'static str {
        match self {
            Self::Send | Self::Publish | Self::Close | Self::StreamTopics(_) => "POST",
            Self::Topic(_) => "GET, HEAD, DELETE",
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
