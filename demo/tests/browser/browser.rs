//! Chromium with its driver.

use std::future::Future;
use std::io::Write;
use std::path::PathBuf;

use fantoccini::wd::{Capabilities, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use sse_gateway_testkit::{Process, eventually, free_port};
use tempfile::TempDir;
use tokio::task::{LocalSet, spawn_local};

use crate::site::Site;

const FLAGS: [&str; 9] = [
    "--headless=new",
    // Containers run as root, where Chromium's own sandbox does not start.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1200",
];

/// Opens a site's page in a browser and runs a test with both. What was started is ended, also when
/// the test fails.
pub(crate) async fn in_browser<F>(site: impl AsyncFnOnce() -> Site, test: impl FnOnce(Tab, Site) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let Some(chromium) = chromium_or_skip() else { return };
    let site = site().await;
    let profile = tempfile::tempdir().expect("a folder for the browser's profile");
    let (driver, client) = start_browser(&chromium, &profile).await;
    client.goto(&site.url).await.expect("the page opens");
    let test = test(Tab(client.clone()), site);
    let outcome = LocalSet::new().run_until(async { spawn_local(test).await }).await;
    // Closing the session ends Chromium, which would outlive a driver that is just killed.
    client.close().await.expect("the browser closes");
    drop((driver, profile));
    if let Err(failure) = outcome {
        std::panic::resume_unwind(failure.into_panic());
    }
}

async fn start_browser(chromium: &PathBuf, profile: &TempDir) -> (Process, Client) {
    let port = free_port();
    let home = profile.path().to_str().expect("a path that is text");
    let environment = [("PATH", std::env::var("PATH").unwrap_or_default()), ("HOME", home.to_owned())];
    let driver = Process::start(&PathBuf::from("chromedriver"), [format!("--port={port}")], environment);
    driver.wait_output("was started successfully").await;

    let flags = FLAGS.into_iter().map(str::to_owned).chain([format!("--user-data-dir={home}/profile")]);
    let options = json!({ "binary": chromium, "args": flags.collect::<Vec<_>>() });
    let capabilities = Capabilities::from_iter([("goog:chromeOptions".to_owned(), options)]);
    let client = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities)
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .unwrap_or_else(|error| panic!("Chromium does not start: {error}\n{}", driver.output()));
    (driver, client)
}

/// Finds Chromium, or says why the test is skipped.
fn chromium_or_skip() -> Option<PathBuf> {
    let missing = match (find("chromedriver"), find("chromium").or_else(|| find("google-chrome"))) {
        (Some(_), Some(chromium)) => return Some(chromium),
        (None, _) => "chromedriver",
        (_, None) => "chromium",
    };
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let required = set("CI") || std::env::var("SSE_GATEWAY_BROWSER").is_ok_and(|value| value == "required");
    assert!(!required, "{missing} is missing, and a browser is required here");
    // Not with a macro: what those print is shown only of tests that fail.
    let note = format!("SKIPPED: {missing} is missing (Debian: apt-get install chromium chromium-driver)\n");
    let _ = std::io::stderr().write_all(note.as_bytes());
    None
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The tab that the browser shows.
pub(crate) struct Tab(Client);

impl Tab {
    /// Waits until something matches the selector.
    pub(crate) async fn wait_for(&self, selector: &str) {
        eventually(selector, async || !self.evaluate(EXISTS, selector).await.is_null()).await;
    }

    /// Waits until the text of what matches the selector is this.
    pub(crate) async fn wait_text(&self, selector: &str, text: &str) {
        let what = format!("{text:?} in {selector}");
        eventually(&what, async || self.evaluate(TEXT, selector).await == text).await;
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        self.evaluate(TEXT, selector).await.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        serde_json::from_value(self.evaluate(TEXTS, selector).await).expect("a list of texts")
    }

    pub(crate) async fn property(&self, selector: &str, name: &str) -> f64 {
        let script = format!("return document.querySelector(arguments[0]).{name}");
        self.evaluate(&script, selector).await.as_f64().expect("a number")
    }

    pub(crate) async fn is_visible(&self, selector: &str) -> bool {
        self.find(selector).await.is_displayed().await.expect("it can be asked")
    }

    /// Clicks where a person would.
    pub(crate) async fn click(&self, selector: &str) {
        self.find(selector).await.click().await.unwrap_or_else(|error| panic!("click {selector}: {error}"));
    }

    /// Replaces what stands in a field, key by key.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        field.clear().await.expect("a field that can be cleared");
        field.send_keys(text).await.expect("a field that takes keys");
    }

    /// Gives an attribute of what matches the selector.
    pub(crate) async fn attribute(&self, selector: &str, name: &str) -> String {
        let script = format!("return document.querySelector(arguments[0])?.getAttribute('{name}')");
        self.evaluate(&script, selector).await.as_str().unwrap_or_default().to_owned()
    }

    /// Counts what matches the selector.
    pub(crate) async fn count(&self, selector: &str) -> usize {
        self.texts(selector).await.len()
    }

    pub(crate) async fn reload(&self) {
        self.0.refresh().await.expect("the page loads again");
    }

    pub(crate) async fn current(&self) -> WindowHandle {
        self.0.window().await.expect("a tab")
    }

    /// Waits for another tab and shows it.
    pub(crate) async fn switch_to_other_than(&self, first: &WindowHandle) -> WindowHandle {
        let mut other = None;
        eventually("another tab", async || {
            other = self.0.windows().await.expect("tabs").into_iter().find(|tab| tab != first);
            other.is_some()
        })
        .await;
        let other = other.expect("it was found");
        self.switch_to(other.clone()).await;
        other
    }

    pub(crate) async fn switch_to(&self, tab: WindowHandle) {
        self.0.switch_to_window(tab).await.expect("the tab is there");
    }

    async fn find(&self, selector: &str) -> fantoccini::elements::Element {
        self.0.find(Locator::Css(selector)).await.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    async fn evaluate(&self, script: &str, selector: &str) -> Value {
        self.0
            .execute(script, vec![selector.into()])
            .await
            .unwrap_or_else(|error| panic!("{selector}: {error}"))
    }
}

const EXISTS: &str = "return document.querySelector(arguments[0]) && true";
const TEXT: &str = "return document.querySelector(arguments[0])?.textContent";
const TEXTS: &str =
    "return Array.from(document.querySelectorAll(arguments[0]), (found) => found.textContent)";
