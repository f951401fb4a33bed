//! The page in a real headless Chromium.
//!
//! [`browser`] starts it, and [`site`] what it looks at. Without Chromium and its driver the tests say that they were skipped,
//! unless `SSE_GATEWAY_BROWSER=required` or `CI` is set: then they fail.

mod browser;
mod chats;
mod site;

use browser::{Tab, in_browser};
use site::Site;
use sse_gateway_testkit::eventually;

#[tokio::test]
async fn a_task_that_is_started_fills_its_bar_to_the_end() {
    in_browser(Site::of_one_process, async |tab, _site| {
        start_task(&tab, "12", "0.05").await;

        tab.wait_for(".task[data-status=completed]").await;
        assert_eq!(tab.property(".task progress", "value").await, 1.0);
        assert_eq!(tab.text(".task output").await, "100 %");
        tab.wait_text(".task .state", "closed").await;
        assert!(tab.text(".task .task-result").await.contains(r#""steps_completed":12"#));

        // Newest first: the end, and before it each event of the story once.
        let names = tab.texts("#events tr:not([data-name=version]) td:nth-child(3)").await;
        let of_task: Vec<_> = names.iter().filter(|name| *name != "connection_open").collect();
        assert_eq!(of_task[0], "connection_close");
        assert_eq!(of_task[1..].len(), 1 + 1 + 12 + 1, "{names:?}");
        assert!(of_task[1..].iter().all(|name| *name == "task_event"), "{names:?}");
    })
    .await;
}

#[tokio::test]
async fn a_task_can_be_cancelled() {
    in_browser(Site::of_one_process, async |tab, _site| {
        start_task(&tab, "1000", "0.1").await;
        tab.wait_for(".task[data-status=running]").await;
        tab.click(".task [data-action=cancel]").await;
        tab.wait_for(".task[data-status=cancelled]").await;
        tab.wait_text(".task .state", "closed").await;
    })
    .await;
}

#[tokio::test]
async fn a_version_shows_its_banner_and_one_announced_while_away_comes_later() {
    in_browser(Site::of_one_process, async |tab, _site| {
        tab.wait_text("#version-state", "open").await;
        tab.click("#version-form button[type=submit]").await;
        tab.wait_text("#banner-version", "Version 1.1.0").await;
        assert!(tab.is_visible("#banner").await);
        tab.wait_text("#version-answer", "1.1.0 was delivered.").await;

        tab.click("#version-toggle").await;
        tab.wait_text("#version-state", "closed").await;
        eventually("the backend knows that the page has gone", async || {
            tab.click("#version-form button[type=submit]").await;
            tab.text("#version-answer").await.contains("is queued")
        })
        .await;
        let queued = tab.text("#version-answer").await;
        let version = queued.split_whitespace().next().expect("it names the version").to_owned();
        tab.click("#version-toggle").await;
        tab.wait_text("#banner-version", &format!("Version {version}")).await;
    })
    .await;
}

#[tokio::test]
async fn a_second_tab_takes_the_task_over_and_the_first_says_so_and_can_take_it_back() {
    in_browser(Site::of_one_process, async |tab, _site| {
        start_task(&tab, "1000", "0.05").await;
        tab.wait_for(".task[data-status=running][data-stream=open]").await;

        let first = tab.current().await;
        tab.click(".task [data-action=second-tab]").await;
        let second = tab.switch_to_other_than(&first).await;
        tab.wait_for(".task[data-status=running][data-stream=open]").await;

        tab.switch_to(first).await;
        tab.wait_for(".task[data-stream=replaced]").await;
        assert!(tab.text(".task-replaced").await.contains("Watched in another tab"));

        tab.click(".task-replaced button").await;
        tab.wait_for(".task[data-status=running][data-stream=open]").await;
        tab.switch_to(second).await;
        tab.wait_for(".task[data-stream=replaced]").await;
    })
    .await;
}

#[tokio::test]
async fn with_two_backend_processes_every_task_reaches_the_page_whichever_is_called_back() {
    in_browser(Site::of_two_processes, async |tab, _site| {
        tab.wait_text("#version-state", "open").await;
        tab.fill("#start-form [name=count]", "5").await;
        start_task(&tab, "8", "0.05").await;
        let completed = ".task[data-status=completed]";
        eventually("five tasks are completed", async || tab.count(completed).await == 5).await;
        for text in tab.texts(".task output").await {
            assert_eq!(text, "100 %");
        }
        let names = tab.texts("#events tr[data-name=task_event] td:nth-child(3)").await;
        assert_eq!(names.len(), 5 * (1 + 1 + 8 + 1), "each event of each story once");
    })
    .await;
}

#[tokio::test]
async fn a_page_whose_backend_is_away_says_so_and_finds_its_way_back_by_itself() {
    in_browser(Site::of_two_processes, async |tab, mut site| {
        tab.wait_text("#version-state", "open").await;
        tab.click("#version-toggle").await;
        tab.wait_text("#version-state", "closed").await;
        site.stop_backend().await;

        tab.click("#version-toggle").await;
        tab.wait_for("#events tr[data-name=unavailable]").await;
        tab.wait_text("#version-state", "connecting").await;

        site.start_backend().await;
        let opened = "#events tr[data-name=connection_open]";
        let before = tab.count(opened).await;
        eventually("the stream is back", async || tab.count(opened).await > before).await;
        tab.wait_text("#version-state", "open").await;
    })
    .await;
}

async fn start_task(tab: &Tab, steps: &str, delay: &str) {
    tab.wait_text("#version-state", "open").await;
    tab.fill("#start-form [name=steps]", steps).await;
    tab.fill("#start-form [name=step_delay]", delay).await;
    tab.click("#start-form button[type=submit]").await;
    tab.wait_for(".task").await;
}
