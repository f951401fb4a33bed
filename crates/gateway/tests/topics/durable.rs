//! 2.2 and 2.4 for a log on the disk: what outlives the process.

use serde_json::json;
use sse_gateway_testkit::{Client, Endpoint, Gateway, eventually, free_port};

use crate::disk::{BOTH, Restart, log_in, size, start_on_disk, texts_from_start};
use crate::setup::{NDJSON, expect_close, expect_cursor, expect_gap};

#[tokio::test]
async fn epoch_sequence_and_events_outlive_the_process() {
    for how in BOTH {
        let (mut stage, _directory) = start_on_disk(&[]).await;
        let before = stage.events("news", &["1", "2", "3"]).await.pop().expect("three");
        stage.restart(how).await;
        let after = stage.event("news", "4").await;
        assert_eq!(before.epoch, after.epoch, "{how:?}");
        assert!(before < after);
        assert_eq!(texts_from_start(&stage, "news", 4).await, ["1", "2", "3", "4"]);
    }
}

#[tokio::test]
async fn a_client_resumes_over_a_restart_without_a_gap() {
    for how in BOTH {
        let (mut stage, _directory) = start_on_disk(&[]).await;
        let mut subscriber = stage.listen("/", json!(["a", "b"])).await;
        let cursor = subscriber.last_id();
        stage.publish(json!({"topic": "a", "event": {"name": "n", "data": "1\n2"}})).await;
        stage.event("b", "3").await;
        let live = [subscriber.next().await, subscriber.next().await];
        stage.restart(how).await;
        let mut again = stage.resume("/", json!(["a", "b"]), &cursor).await;
        assert_eq!([again.next().await, again.next().await], live, "{how:?}");
        let mut at_the_end = stage.resume("/", json!(["a", "b"]), &subscriber.last_id()).await;
        expect_cursor(&mut at_the_end).await;
    }
}

/// Also a cursor that was handed out and stands for no event is none of the future.
#[tokio::test]
async fn a_cursor_event_of_the_former_process_is_good() {
    for how in BOTH {
        let (mut stage, _directory) = start_on_disk(&[]).await;
        stage.event("news", "1").await;
        let subscriber = stage.listen("/", json!(["news"])).await;
        let cursor = subscriber.last_id();
        stage.restart(how).await;
        stage.event("news", "2").await;
        let mut again = stage.resume("/", json!(["news"]), &cursor).await;
        assert_eq!(again.next().await.text(), "2", "{how:?}");
    }
}

#[tokio::test]
async fn keys_are_remembered_with_their_events() {
    for how in BOTH {
        let (mut stage, _directory) = start_on_disk(&[]).await;
        let body = |data: &str| json!({"topic": "news", "event": {"data": data}, "id": "k"});
        let first = stage.sender.publish(body("1")).await.json();
        stage.restart(how).await;
        assert_eq!(stage.sender.publish(body("1")).await.json(), first, "{how:?}");
        assert_eq!(stage.sender.publish(body("2")).await.code(), (409, "KEY_REUSED".into()));
        stage.event("news", "2").await;
        assert_eq!(texts_from_start(&stage, "news", 2).await, ["1", "2"]);
    }
}

#[tokio::test]
async fn completions_are_remembered() {
    for how in BOTH {
        let (mut stage, _directory) = start_on_disk(&[]).await;
        let body =
            json!({"topic": "task", "event": {"data": "1"}, "close": {"reason": "done"}, "id": "final"});
        let first = stage.sender.publish(body.clone()).await.json();
        stage.restart(how).await;
        assert_eq!(stage.sender.publish(body).await.json(), first, "{how:?}");
        let late = stage.sender.publish(json!({"topic": "task", "event": {"data": "late"}})).await;
        assert_eq!(late.code(), (409, "TOPIC_COMPLETED".into()));
        let mut subscriber = stage.subscribe("/", json!([{"name": "task", "from": "start"}])).await;
        assert_eq!(subscriber.next().await.text(), "1");
        let close = expect_close(&mut subscriber, "done").await;
        assert_eq!(close.position().to_string(), first["position"]);
        let mut client = Client::connect(stage.gateway.address()).await;
        client.ask_again("/", subscriber.last_id()).await;
        assert_eq!(client.head().await.status(), 204);
    }
}

#[tokio::test]
async fn what_was_dropped_is_remembered_as_a_gap_and_nothing_else_is_one() {
    for how in BOTH {
        let (mut stage, _directory) = start_on_disk(&[("TOPIC_EVENTS_MAX", "2")]).await;
        let positions = stage.events("news", &["1", "2", "3", "4"]).await;
        stage.restart(how).await;
        let mut expired = stage.resume("/", json!(["news"]), &positions[0].to_string()).await;
        expect_gap(&mut expired, "expired", &["news"]).await;
        assert_eq!(expired.texts(2).await, ["3", "4"], "{how:?}");
        let mut fits = stage.resume("/", json!(["news"]), &positions[1].to_string()).await;
        assert_eq!(fits.texts(2).await, ["3", "4"], "{how:?}");
    }
}

#[tokio::test]
async fn what_was_deleted_stays_deleted() {
    for how in BOTH {
        let (mut stage, _directory) = start_on_disk(&[]).await;
        let positions = stage.events("news", &["1", "2"]).await;
        assert!(stage.sender.delete("/internal/topics/news").await.status() < 300);
        stage.restart(how).await;
        assert_eq!(stage.topic("news").await.status(), 404, "{how:?}");
        stage.event("news", "3").await;
        assert_eq!(texts_from_start(&stage, "news", 1).await, ["3"]);
        let mut subscriber = stage.resume("/", json!(["news"]), &positions[0].to_string()).await;
        expect_gap(&mut subscriber, "expired", &["news"]).await;
    }
}

#[tokio::test]
async fn what_was_handed_to_a_stream_is_not_undelivered_after_a_restart_in_order() {
    let (mut stage, _directory) = start_on_disk(&[]).await;
    stage.event("inbox", "1").await;
    let undelivered = json!([{"name": "inbox", "from": "undelivered"}]);
    assert_eq!(stage.subscribe("/", undelivered.clone()).await.next().await.text(), "1");
    stage.restart(Restart::Stopped).await;
    stage.event("inbox", "2").await;
    assert_eq!(stage.subscribe("/", undelivered).await.next().await.text(), "2");
}

/// A task that has not reported yet is no unknown task after a crash.
#[tokio::test]
async fn a_topic_that_was_created_without_events_exists_after_a_restart() {
    for how in BOTH {
        let (mut stage, _directory) = start_on_disk(&[]).await;
        stage.publish(json!({"topic": "task:42"})).await;
        stage.restart(how).await;
        let missing = json!({"events": [], "reason": "task_not_found"});
        let mut subscriber = stage.subscribe("/", json!([{"name": "task:42", "if_missing": missing}])).await;
        expect_cursor(&mut subscriber).await;
    }
}

#[tokio::test]
async fn with_sync_at_intervals_an_unclean_end_is_another_epoch_and_a_clean_one_is_not() {
    let (mut stage, _directory) = start_on_disk(&[("LOG_SYNC", "interval")]).await;
    let first = stage.event("news", "1").await;
    stage.restart(Restart::Stopped).await;
    let second = stage.event("news", "2").await;
    assert!(first < second);
    stage.restart(Restart::Killed).await;
    let third = stage.event("news", "3").await;
    assert_ne!(second.epoch, third.epoch);
    let mut subscriber = stage.resume("/", json!(["news"]), &second.to_string()).await;
    expect_gap(&mut subscriber, "epoch", &["news"]).await;
}

#[tokio::test]
async fn what_has_aged_out_does_not_come_back() {
    for how in BOTH {
        let (mut stage, _directory) = start_on_disk(&[("TOPIC_AGE_MAX_SECONDS", "1")]).await;
        let cursor = stage.listen("/", json!(["news"])).await.last_id();
        stage.event("news", "old").await;
        eventually("it is forgotten", async || stage.topic("news").await.status() == 404).await;
        stage.restart(how).await;
        assert_eq!(stage.topic("news").await.status(), 404, "{how:?}");
        stage.event("news", "new").await;
        let mut subscriber = stage.resume("/", json!(["news"]), &cursor).await;
        expect_gap(&mut subscriber, "expired", &["news"]).await;
        assert_eq!(subscriber.next().await.text(), "new");
    }
}

#[tokio::test]
async fn a_log_belongs_to_one_gateway() {
    let (stage, directory) = start_on_disk(&[]).await;
    stage.event("news", "1").await;
    let (log, port) = (log_in(&directory), free_port().to_string());
    let settings = [("LOG", log.as_str()), ("PORT", &port)];
    let exit = Gateway::run(&[], settings).await;
    assert_eq!(exit.code, Some(1), "{}", exit.output);
    stage.event("news", "2").await;
    assert_eq!(texts_from_start(&stage, "news", 2).await, ["1", "2"]);
}

#[tokio::test]
async fn a_log_that_can_be_none_is_a_clear_message_and_exit_1() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().to_str().expect("UTF-8");
    let port = free_port().to_string();
    for settings in [
        vec![("LOG", path)],
        vec![("LOG", "/proc/no/such"), ("LOG_SYNC", "always")],
        vec![("LOG_SYNC", "sometimes")],
    ] {
        let settings: Vec<_> = settings.into_iter().chain([("PORT", port.as_str())]).collect();
        let exit = Gateway::run(&[], settings.clone()).await;
        assert_eq!(exit.code, Some(1), "{settings:?}: {}", exit.output);
        assert!(exit.output.contains("LOG"), "{settings:?}: {}", exit.output);
    }
}

#[tokio::test]
async fn retention_frees_the_disk() {
    const BYTES: usize = 64 << 20;
    let (stage, directory) = start_on_disk(&[("LOG_BYTES_MAX", "4194304")]).await;
    let line = json!({"topic": "news", "event": {"data": "x".repeat(60_000)}}).to_string() + "\n";
    let part = line.repeat(16);
    for _ in 0..BYTES / part.len() {
        let answer = stage.sender.post("/internal/publish", NDJSON, part.clone()).await;
        assert_eq!(answer.status(), 200);
    }
    eventually("the disk is freed", async || size(directory.path()) < 40 << 20).await;
}
