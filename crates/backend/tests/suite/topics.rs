//! What only topics make possible: several processes, resuming, and a gateway that remembers.

use std::time::Duration;

use serde_json::{Value, json};
use sse_gateway_backend::connections::Delivery;
use sse_gateway_backend::services::tasks::TaskId;
use sse_gateway_backend::services::versions::Version;
use sse_gateway_testkit::{Client, Endpoint as _, Response, eventually};

use crate::stage::{AnyGateway, Stage, Steps, next_version, open_again, story, submit_to, told, types};

async fn stage() -> Stage {
    Stage::with_ours(|_| {}).await
}

fn target(task_id: TaskId) -> String {
    format!("/api/sse/tasks?task_id={task_id}")
}

/// What the gateway says of a task's topic.
async fn topic(stage: &Stage, task_id: TaskId) -> Response {
    stage.gateway.sender().get(&format!("/internal/topics/task%3A{task_id}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_of_one_process_is_watched_though_another_answers_the_callback() {
    let stage = stage().await;
    let process = stage.another_process();
    let steps = Steps::new();
    let task_steps = steps.clone();
    let task_id = submit_to(&process, move |progress, _| {
        let steps = task_steps.clone();
        async move {
            for n in 1..=3_u32 {
                steps.wait(n).await;
                progress.report(n.to_string(), f64::from(n) / 3.0)?;
            }
            Ok(json!("done"))
        }
    })
    .await;
    let mut client = stage.watch(task_id).await;
    assert_eq!(told(&client.next_event().await).0, "task_started");
    steps.advance(1);
    assert_eq!(told(&client.next_event().await).1["text"], "1");
    steps.advance(3);
    let rest = story(&mut client).await;
    assert_eq!(types(&rest), ["progress_update", "progress_update", "task_completed", "connection_close"]);
    // And for whoever comes later.
    let mut client = stage.watch(task_id).await;
    assert_eq!(story(&mut client).await.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_reported_and_cancelled_by_its_own_process_alone() {
    let stage = stage().await;
    let process = stage.another_process();
    let task_id = submit_to(&process, |_, _| std::future::pending()).await;
    let mut client = stage.watch(task_id).await;
    assert!(stage.backend.tasks().report(task_id).is_none());
    assert!(stage.backend.tasks().cancel(task_id).is_err());
    process.tasks().cancel(task_id).expect("its own");
    assert_eq!(types(&story(&mut client).await), ["task_started", "task_cancelled", "connection_close"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_task_is_found_before_it_has_said_anything() {
    let stage = Stage::with_ours(|settings| settings.tasks.running_max = 1).await;
    let process = stage.another_process();
    let first = submit_to(&process, |_, _| std::future::pending()).await;
    let second = submit_to(&process, |_, _| async { Ok(Value::Null) }).await;
    let mut client = stage.watch(second).await;
    process.tasks().cancel(first).expect("runs");
    assert_eq!(types(&story(&mut client).await), ["task_started", "task_completed", "connection_close"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_announced_by_one_process_reaches_a_client_whom_another_let_in() {
    let stage = stage().await;
    let process = stage.another_process();
    let announce = async |version: &str| {
        let version = Version { version: version.into(), changelog: None };
        process.versions().announce("r", &version).await.expect("takes it")
    };
    assert_eq!(announce("1").await, Delivery::Queued);
    assert_eq!(stage.announce("r", "2").await, Delivery::Queued);
    let mut client = stage.listen_for_versions("r").await;
    assert_eq!(announce("3").await, Delivery::Delivered);
    for version in ["1", "2", "3"] {
        assert_eq!(next_version(&mut client).await, version);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_with_its_last_id_gets_what_it_missed_and_no_more() {
    let stage = stage().await;
    let steps = Steps::new();
    let task_steps = steps.clone();
    let task_id = stage
        .submit(move |progress, _| {
            let steps = task_steps.clone();
            async move {
                progress.report("seen", 0.1)?;
                steps.wait(1).await;
                progress.report("missed", 0.5)?;
                Ok(Value::Null)
            }
        })
        .await;
    let mut client = stage.watch(task_id).await;
    assert_eq!(told(&client.next_event().await).0, "task_started");
    let last = client.next_event().await;
    assert_eq!(told(&last).1["text"], "seen");
    drop(client);
    stage.wait_connected("task", 0).await;
    steps.advance(1);
    let mut client = open_again(&stage, &target(task_id), &last.id).await;
    let missed = story(&mut client).await;
    assert_eq!(types(&missed), ["connection_open", "progress_update", "task_completed", "connection_close"]);
    assert_eq!(missed[1].1["text"], "missed");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_had_the_ending_is_told_not_to_come_again() {
    let stage = stage().await;
    let task_id = stage.submit(|_, _| async { Ok(Value::Null) }).await;
    let mut client = stage.watch(task_id).await;
    let ending = loop {
        let event = client.next_event().await;
        if event.name == "connection_close" {
            break event;
        }
    };
    let mut client = Client::connect(stage.gateway.address()).await;
    client.ask_again(&target(task_id), &ending.id).await;
    assert_eq!(client.response().await.status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_gateway_lost_its_log_stories_are_there_again_from_their_start() {
    let mut stage = stage().await;
    let steps = Steps::new();
    let task_steps = steps.clone();
    let running = stage
        .submit(move |progress, _| {
            let steps = task_steps.clone();
            async move {
                progress.report("before", 0.5)?;
                steps.wait(1).await;
                progress.report("after", 0.5)?;
                Ok(Value::Null)
            }
        })
        .await;
    let ended = stage.submit(|_, _| async { Ok(json!("done")) }).await;
    let mut client = stage.watch(running).await;
    assert_eq!(told(&client.next_event().await).0, "task_started");
    let last = client.next_event().await;
    let mut other = stage.watch(ended).await;
    story(&mut other).await;

    let AnyGateway::Ours(gateway) = &mut stage.gateway else { panic!("ours") };
    gateway.kill_and_start_again().await;
    eventually("the topics are there again", async || {
        topic(&stage, running).await.status() == 200
            && topic(&stage, ended).await.json()["completed"].is_object()
    })
    .await;

    let mut client = open_again(&stage, &target(running), &last.id).await;
    assert_eq!(client.next_event().await.name, "connection_open");
    let (name, gap) = told(&client.next_event().await);
    assert_eq!((name.as_str(), &gap["reason"]), ("gap", &json!("epoch")));
    steps.advance(1);
    let again = story(&mut client).await;
    assert_eq!(
        types(&again),
        ["task_started", "progress_update", "progress_update", "task_completed", "connection_close"]
    );
    let mut client = stage.watch(ended).await;
    assert_eq!(types(&story(&mut client).await), ["task_started", "task_completed", "connection_close"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_task_is_not_found_though_the_gateway_had_its_story() {
    let stage = stage().await;
    let task_id = stage.submit(|_, _| async { Ok(Value::Null) }).await;
    let mut client = stage.watch(task_id).await;
    story(&mut client).await;
    stage.backend.tasks().remove(task_id).expect("ended");
    eventually("the topic is gone", async || topic(&stage, task_id).await.status() == 404).await;
    let mut client = stage.watch(task_id).await;
    assert_eq!(types(&story(&mut client).await), ["error", "connection_close"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_task_stays_known_longer_than_the_gateway_remembers_what_is_not_used() {
    let stage = Stage::with_ours_that_forgets_after_a_second().await;
    let task_id = stage.submit(|_, _| std::future::pending()).await;
    let started = std::time::Instant::now();
    eventually("three times as long as a topic lives", async || {
        assert_eq!(topic(&stage, task_id).await.status(), 200);
        started.elapsed() > Duration::from_secs(3)
    })
    .await;
}
