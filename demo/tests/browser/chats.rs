//! A model's answer, which no reload, lost connection or second viewer disturbs.

use sse_gateway_testkit::eventually;

use crate::browser::{Tab, in_browser};
use crate::site::Site;

#[tokio::test]
async fn an_answer_survives_a_reload_in_mid_sentence_with_no_word_lost_or_doubled() {
    in_browser(Site::of_one_process, async |tab, site| {
        ask(&tab, "0.04").await;
        let before = words(&tab, 20).await;
        tab.reload().await;
        let after = words(&tab, 20).await;
        assert!(after.starts_with(&before) || before.starts_with(&after), "{before} / {after}");
        expect_answer(&tab, &site).await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_goes_on_where_it_was_after_a_lost_connection() {
    in_browser(Site::of_one_process, async |tab, mut site| {
        ask(&tab, "0.04").await;
        words(&tab, 20).await;
        site.wire.take_down().await;
        tab.wait_text("#chat-state", "connecting").await;
        site.wire.bring_up();
        expect_answer(&tab, &site).await;
        // Each event once: nothing was told again.
        let events = tab.texts("#events tr[data-name=message]").await.len();
        let words = tab.text("#chat-answer").await.split(' ').count();
        assert_eq!(events, words + 1, "a word each, and [DONE]");
    })
    .await;
}

#[tokio::test]
async fn a_second_viewer_hears_the_whole_answer_and_takes_it_from_nobody() {
    in_browser(Site::of_one_process, async |tab, site| {
        ask(&tab, "0.04").await;
        words(&tab, 20).await;
        let first = tab.current().await;
        tab.click("#chat-viewer").await;
        tab.switch_to_other_than(&first).await;
        expect_answer(&tab, &site).await;
        tab.switch_to(first).await;
        expect_answer(&tab, &site).await;
    })
    .await;
}

async fn ask(tab: &Tab, token_delay: &str) {
    tab.wait_text("#version-state", "open").await;
    tab.fill("#chat-form [name=token_delay]", token_delay).await;
    tab.click("#chat-form button[type=submit]").await;
}

/// Waits until the page shows so many words of an answer that is not over; gives what it shows.
async fn words(tab: &Tab, count: usize) -> String {
    let mut shown = String::new();
    eventually("words of an answer", async || {
        shown = tab.text("#chat-answer").await;
        shown.split(' ').count() > count
    })
    .await;
    assert_eq!(tab.text("#chat-status").await, "answering", "it is amid its answer");
    shown
}

/// Waits for the end, and compares what the page shows with what the gateway tells.
async fn expect_answer(tab: &Tab, site: &Site) {
    tab.wait_text("#chat-status", "complete").await;
    let chat_id = tab.attribute("#chat", "data-id").await;
    assert_eq!(tab.text("#chat-answer").await, site.answer(&chat_id).await);
}
