//! Tasks, from their start to the end of their streams.

use serde_json::{Value, json};
use sse_gateway_testkit::Endpoint;

use crate::story::{
    TaskEvent, demo_task_events, expect_connection_open, expect_demo_task, expect_ending, next_task_event,
};
use crate::system::{System, data};

#[tokio::test]
async fn connection_open_comes_first() {
    let system = System::start().await;
    let task_id = system.start_endless_task().await;
    let mut client = system.watch(&task_id).await;
    expect_connection_open(&mut client).await;
}

#[tokio::test]
async fn progress_events_arrive_in_order() {
    let system = System::start().await;
    let task_id = system.start_task("demo_task", json!({ "steps": 8, "delay": 0.01 })).await;
    let mut client = system.watch(&task_id).await;
    expect_connection_open(&mut client).await;

    for expected in demo_task_events(8, "Test task completed") {
        assert_eq!(next_task_event(&mut client, &task_id).await, expected);
    }
}

#[tokio::test]
async fn the_completed_event_is_followed_by_connection_close_and_the_end() {
    let system = System::start().await;
    let params = json!({ "steps": 2, "delay": 0, "message": "Grüße,\n\"done\"" });
    let task_id = system.start_task("demo_task", params).await;
    let mut client = system.watch(&task_id).await;

    expect_demo_task(&mut client, &task_id, 2, "Grüße,\n\"done\"").await;

    let status = system.task_status(&task_id).await;
    assert_eq!(status["status"], "completed");
    assert_eq!(status["result"]["steps_completed"], 2);
}

#[tokio::test]
async fn an_unknown_task_gives_error_connection_close_and_the_end() {
    let system = System::start().await;
    let mut client = system.watch("no-such-task").await;

    expect_connection_open(&mut client).await;
    let error = client.next_event().await;
    assert_eq!(error.name, "error");
    assert_eq!(data(&error), json!({ "error": "Task not found", "task_id": "no-such-task" }));
    expect_ending(&mut client, "task_not_found").await;
}

#[tokio::test]
async fn a_clients_leaving_reaches_the_backend() {
    let system = System::start().await;
    let task_id = system.start_endless_task().await;
    let mut client = system.watch(&task_id).await;
    expect_connection_open(&mut client).await;
    system.wait_active_connections("task", 1).await;

    drop(client);

    system.wait_active_connections("task", 0).await;
    assert_eq!(system.task_status(&task_id).await["status"], "running");
}

#[tokio::test]
async fn a_second_client_replaces_the_first_and_gets_the_story_and_the_ending() {
    let system = System::start().await;
    let task_id = system.start_task("demo_task", json!({ "steps": 32, "delay": 0.02 })).await;
    let mut first = system.watch(&task_id).await;
    expect_connection_open(&mut first).await;
    let story = demo_task_events(32, "Test task completed");
    for expected in &story[..5] {
        assert_eq!(&next_task_event(&mut first, &task_id).await, expected);
    }

    let mut second = system.watch(&task_id).await;

    // The first goes on where it was until it is told, and misses nothing before that.
    let mut expected = story[5..].iter();
    loop {
        let event = first.next_event().await;
        if event.name == "connection_close" {
            assert_eq!(data(&event), json!({ "reason": "replaced" }));
            break;
        }
        assert_eq!(data(&event)["data"], expected.next().expect("not all of it").data);
    }
    assert_eq!(first.end().await, sse_gateway_testkit::End::Clean);
    expect_demo_task(&mut second, &task_id, 32, "Test task completed").await;
    system.wait_active_connections("task", 0).await;
}

#[tokio::test]
async fn a_failing_task_tells_its_error_and_an_id_to_look_it_up() {
    let system = System::start().await;
    let params = json!({ "error_message": "The disk is full", "delay": 0 });
    let task_id = system.start_task("failing_task", params).await;
    let mut client = system.watch(&task_id).await;

    expect_connection_open(&mut client).await;
    assert_eq!(next_task_event(&mut client, &task_id).await, TaskEvent::new("task_started", Value::Null));
    let progress = json!({ "text": "Starting failing task", "value": 0.0 });
    assert_eq!(next_task_event(&mut client, &task_id).await, TaskEvent::new("progress_update", progress));
    let failed = next_task_event(&mut client, &task_id).await;
    assert_eq!((failed.kind.as_str(), &failed.data["error"]), ("task_failed", &json!("The disk is full")));
    assert!(failed.data["error_id"].as_str().is_some_and(|id| !id.is_empty()), "{failed:?}");
    expect_ending(&mut client, "task_failed").await;
}

#[tokio::test]
async fn a_cancelled_task_ends_its_stream() {
    let system = System::start().await;
    let task_id = system.start_endless_task().await;
    let mut client = system.watch(&task_id).await;
    expect_connection_open(&mut client).await;
    for expected in &demo_task_events(1, "")[..2] {
        assert_eq!(&next_task_event(&mut client, &task_id).await, expected);
    }

    let answer = system.request("POST", &format!("/api/tasks/{task_id}/cancel")).await;

    assert_eq!((answer.status(), answer.json()["status"].clone()), (200, json!("cancelled")));
    assert_eq!(next_task_event(&mut client, &task_id).await.kind, "task_cancelled");
    expect_ending(&mut client, "task_cancelled").await;
}

#[tokio::test]
async fn a_task_that_runs_too_long_fails() {
    let system = System::start_with(&[("TASK_TIMEOUT_SECONDS", "1")]).await;
    let task_id = system.start_endless_task().await;
    let mut client = system.watch(&task_id).await;
    expect_connection_open(&mut client).await;
    for expected in &demo_task_events(1, "")[..2] {
        assert_eq!(&next_task_event(&mut client, &task_id).await, expected);
    }
    assert_eq!(next_task_event(&mut client, &task_id).await.kind, "task_failed");
    expect_ending(&mut client, "task_failed").await;
}

#[tokio::test]
async fn a_client_after_the_end_gets_the_story_and_the_ending_each_time() {
    let system = System::start().await;
    let task_id = system.start_task("demo_task", json!({ "delay": 0 })).await;
    for _ in 0..3 {
        let mut client = system.watch(&task_id).await;
        expect_demo_task(&mut client, &task_id, 3, "Test task completed").await;
    }
}

#[tokio::test]
async fn a_connect_that_no_service_takes_is_refused() {
    let system = System::start().await;
    for target in ["/api/sse/nothing", "/api/sse/tasks", "/api/sse/tasks?task_id=a%3Ab"] {
        let mut client = system.get(target).await;
        assert_eq!(client.response().await.code(), (400, "BACKEND_ERROR".to_owned()), "{target}");
    }
}
