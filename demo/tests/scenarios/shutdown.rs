//! The backend ends: its tasks first, within a budget.

use serde_json::json;
use sse_gateway_testkit::{Signal, eventually};

use crate::story::{
    demo_task_events, expect_connection_open, expect_demo_task, expect_ending, next_task_event,
};
use crate::system::System;

#[tokio::test]
async fn a_running_task_may_end_before_the_backend_does() {
    let mut system = System::start().await;
    let task_id = system.start_task("demo_task", json!({ "steps": 16, "delay": 0.05 })).await;
    let mut client = system.watch(&task_id).await;
    eventually("the task runs", async || system.task_status(&task_id).await["status"] == "running").await;

    system.backend.signal(Signal::TERM);

    expect_demo_task(&mut client, &task_id, 16, "Test task completed").await;
    let exit = system.backend.wait_exit().await;
    assert_eq!(exit.code, Some(0), "{}", exit.output);
}

#[tokio::test]
async fn a_task_that_does_not_end_within_the_budget_is_cancelled_and_its_client_told() {
    let mut system = System::start_with(&[("SHUTDOWN_SECONDS", "3")]).await;
    let task_id = system.start_endless_task().await;
    let mut client = system.watch(&task_id).await;
    expect_connection_open(&mut client).await;
    for expected in &demo_task_events(1, "")[..2] {
        assert_eq!(&next_task_event(&mut client, &task_id).await, expected);
    }

    system.backend.signal(Signal::TERM);
    eventually("new tasks are refused", async || {
        let body = json!({ "task_type": "demo_task", "params": { "delay": 0 } });
        let answer = system.post("/api/tasks", body).await;
        answer.status() == 503 && answer.code().1 == "SHUTTING_DOWN"
    })
    .await;
    assert_eq!(system.get_from_backend("/api/health/readyz").await.status(), 503);

    assert_eq!(next_task_event(&mut client, &task_id).await.kind, "task_cancelled");
    expect_ending(&mut client, "task_cancelled").await;
    assert_eq!(system.backend.wait_exit().await.code, Some(0));
}
