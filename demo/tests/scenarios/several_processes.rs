//! Several backend processes behind one gateway: who watches notices nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sse_gateway_testkit::{Sender, Signal};

use crate::story::{
    demo_task_events, expect_connection_open, expect_demo_task, expect_ending, next_task_event,
};
use crate::system::System;

/// As many tasks as make it sure that both processes run some.
const TASKS: usize = 20;

#[tokio::test]
async fn a_task_started_in_one_process_is_watched_when_the_other_answers_the_callback() {
    let system = System::start().await;
    let (_process, address) = system.start_another_backend().await;
    let other = Sender::new(address);
    let body = json!({ "task_type": "demo_task", "params": { "steps": 8, "delay": 0.02 } }).to_string();
    let answer = other.post("/api/tasks", "application/json", body).await;
    let task_id = answer.json()["task_id"].as_str().expect("an id").to_owned();

    let mut client = system.watch(&task_id).await;
    expect_demo_task(&mut client, &task_id, 8, "Test task completed").await;

    let status = format!("/api/tasks/{task_id}/status");
    assert_eq!(other.get(&status).await.json()["status"], "completed");
    assert_eq!(system.get_from_backend(&status).await.code(), (404, "TASK_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn two_processes_share_a_port_and_every_task_of_both_tells_its_whole_story() {
    let system = System::start_processes("2", &[]).await;
    let mut processes = BTreeSet::new();
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        let body = json!({ "task_type": "demo_task", "params": { "steps": 8, "delay": 0.02 } }).to_string();
        let answer = system.new_api().post("/api/tasks", "application/json", body).await;
        processes.insert(answer.header("backend-process").expect("it says which").to_owned());
        tasks.push(answer.json()["task_id"].as_str().expect("an id").to_owned());
    }
    assert_eq!(processes.len(), 2, "both take requests");
    // The gateway calls back over one connection as long as it is busy, so to one process.
    for task_id in &tasks {
        let mut client = system.watch(task_id).await;
        expect_demo_task(&mut client, task_id, 8, "Test task completed").await;
    }
}

#[tokio::test]
async fn a_version_is_announced_by_any_process() {
    let system = System::start_processes("2", &[]).await;
    for version in 1..=5 {
        system.announce("page", &version.to_string()).await;
    }
    let mut client = system.listen_for_versions("page").await;
    for version in 1..=5 {
        let event = client.next_event().await;
        let told: Value = serde_json::from_str(&event.data).expect("JSON");
        assert_eq!(told, json!({ "version": version.to_string() }));
    }
}

#[tokio::test]
async fn a_signal_ends_all_processes_after_their_tasks() {
    let mut system = System::start_processes("2", &[("SHUTDOWN_SECONDS", "1")]).await;
    let task_id = system.start_endless_task().await;
    let mut client = system.watch(&task_id).await;
    expect_connection_open(&mut client).await;
    for expected in &demo_task_events(1, "")[..2] {
        assert_eq!(&next_task_event(&mut client, &task_id).await, expected);
    }
    system.backend.signal(Signal::TERM);
    assert_eq!(next_task_event(&mut client, &task_id).await.kind, "task_cancelled");
    expect_ending(&mut client, "task_cancelled").await;
    let exit = system.backend.wait_exit().await;
    assert_eq!(exit.code, Some(0), "{}", exit.output);
}
