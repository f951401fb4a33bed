//! Serves the page: the files of `page/`, built into the binary, and where its gateway is.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use crate::reply::{ApiError, Id};
use crate::settings::PublicGateway;

/// The files of `page/`, each with its content type; a test compares them with the folder.
const FILES: &[(&str, &str, &str)] = &[
    ("index.html", HTML, include_str!("../page/index.html")),
    ("style.css", "text/css; charset=utf-8", include_str!("../page/style.css")),
    ("icon.svg", "image/svg+xml", include_str!("../page/icon.svg")),
    ("main.js", SCRIPT, include_str!("../page/main.js")),
    ("api.js", SCRIPT, include_str!("../page/api.js")),
    ("chat-panel.js", SCRIPT, include_str!("../page/chat-panel.js")),
    ("event-log.js", SCRIPT, include_str!("../page/event-log.js")),
    ("form-answer.js", SCRIPT, include_str!("../page/form-answer.js")),
    ("stream.js", SCRIPT, include_str!("../page/stream.js")),
    ("task-card.js", SCRIPT, include_str!("../page/task-card.js")),
    ("task-list.js", SCRIPT, include_str!("../page/task-list.js")),
    ("version-panel.js", SCRIPT, include_str!("../page/version-panel.js")),
];
const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What the page has to know about its surroundings.
#[derive(Clone)]
pub(crate) struct Page {
    /// Where browsers reach the gateway.
    pub(crate) gateway: PublicGateway,
    /// Whether the testing endpoints exist.
    pub(crate) testing: bool,
}

/// What the page is told of it.
#[derive(Serialize)]
struct PageSettings {
    gateway_url: String,
    testing: bool,
}

/// Routes `/` and `/page/*`.
pub(crate) fn router(page: Page) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/page/settings.json", get(page_settings))
        .route("/page/{file}", get(file))
        .with_state(page)
}

async fn index(State(page): State<Page>, headers: HeaderMap) -> Response {
    serve("index.html", &page.gateway_url(&headers))
}

async fn file(State(page): State<Page>, headers: HeaderMap, Id(name): Id) -> Response {
    serve(&name, &page.gateway_url(&headers))
}

async fn page_settings(State(page): State<Page>, headers: HeaderMap) -> Response {
    let settings = PageSettings { gateway_url: page.gateway_url(&headers), testing: page.testing };
    ([(CACHE_CONTROL, "no-store")], Json(settings)).into_response()
}

fn serve(name: &str, gateway_url: &str) -> Response {
    let Some((_, content_type, content)) = FILES.iter().find(|(known, ..)| *known == name) else {
        return ApiError::not_found().into_response();
    };
    let gateway = origin(gateway_url);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self' {gateway}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers: [(HeaderName, &str); 5] = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, &policy),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // A newer binary serves a newer page under the same names.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, *content).into_response()
}

impl Page {
    /// Gives the gateway's address as this browser reaches it.
    fn gateway_url(&self, headers: &HeaderMap) -> String {
        match &self.gateway {
            PublicGateway::At(url) => url.clone(),
            PublicGateway::OnPort(port) => {
                let host = headers.get(HOST).and_then(|host| host.to_str().ok()).and_then(host_name);
                format!("http://{}:{port}", host.unwrap_or("localhost"))
            }
        }
    }
}

/// Takes the port off a `Host` header; `None` for what is no plain name or IPv4 address.
///
/// The name goes into a security policy, so nothing may be in it that means something there; and a
/// policy cannot name an IPv6 address, so a page under `[::1]` reaches the gateway by its name.
fn host_name(host: &str) -> Option<&str> {
    let name = host.split_once(':').map_or(host, |(name, _port)| name);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

/// Takes the path off a URL: a policy that names one means that path alone.
fn origin(url: &str) -> &str {
    let path = url.match_indices('/').nth(2).map_or(url.len(), |(at, _)| at);
    &url[..path]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/page")).unwrap();
        let mut in_folder: Vec<_> =
            folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        let mut served: Vec<_> = FILES.iter().map(|(name, ..)| (*name).to_owned()).collect();
        in_folder.sort();
        served.sort();
        assert_eq!(served, in_folder);
    }

    #[test]
    fn the_page_uses_nothing_from_elsewhere() {
        for (name, _, content) in FILES {
            let elsewhere = content.replace("http://www.w3.org/2000/svg", "").contains("://");
            assert!(!elsewhere, "{name} names another host");
            assert!(!content.contains("innerHTML"), "{name} makes markup of text");
        }
    }

    #[test]
    fn the_policy_names_the_origin_of_a_gateway_below_a_path() {
        let page = Page { gateway: PublicGateway::At("https://example.org/sse".into()), testing: true };
        let response = serve("index.html", &page.gateway_url(&HeaderMap::new()));
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("connect-src 'self' https://example.org;"), "{policy}");
    }

    #[test]
    fn the_gateway_is_on_the_host_under_which_the_page_was_opened() {
        let page = Page { gateway: PublicGateway::OnPort(3000), testing: true };
        let url = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            page.gateway_url(&headers)
        };
        assert_eq!(url("localhost:3001"), "http://localhost:3000");
        assert_eq!(url("127.0.0.1:3001"), "http://127.0.0.1:3000");
        assert_eq!(url("demo.example"), "http://demo.example:3000");
        for host in ["", "a b", "a;script-src *", "a'b", "*", "[::1]:3001", "a/b:1"] {
            assert_eq!(url(host), "http://localhost:3000", "{host}");
        }
    }
}
