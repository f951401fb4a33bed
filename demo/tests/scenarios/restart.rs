//! The gateway dies and comes back.

use serde_json::json;
use sse_gateway_testkit::End;

use crate::story::{demo_task_events, expect_connection_open, next_task_event, task_event};
use crate::system::{System, data};

#[tokio::test]
async fn after_the_gateway_was_killed_a_client_that_comes_back_gets_the_story_and_the_ending() {
    let mut system = System::start().await;
    let task_id = system.start_task("demo_task", json!({ "steps": 32, "delay": 0.05 })).await;
    let mut client = system.watch(&task_id).await;
    expect_connection_open(&mut client).await;
    for expected in &demo_task_events(32, "Test task completed")[..6] {
        assert_eq!(&next_task_event(&mut client, &task_id).await, expected);
    }

    system.kill_gateway().await;
    // Events that were on their way may still arrive; a clean end may not.
    let (_, end) = client.rest().await;
    assert_ne!(end, End::Clean);
    assert_eq!(system.task_status(&task_id).await["status"], "running");

    system.restart_gateway().await;
    let mut story = Vec::new();
    let mut client = system.watch(&task_id).await;
    let reason = loop {
        let event = client.next_event().await;
        match event.name.as_str() {
            "connection_open" => story.clear(),
            "task_event" => story.push(task_event(&event, &task_id)),
            "connection_close" => match data(&event)["reason"].as_str() {
                // A newer event was the first to reach the new gateway: the story is told anew.
                Some("deleted") => client = system.watch(&task_id).await,
                reason => break reason.map(str::to_owned),
            },
            other => panic!("{other} on a task's stream"),
        }
    };
    assert_eq!(reason.as_deref(), Some("task_completed"));
    assert_eq!(client.end().await, End::Clean);
    assert_eq!(story, demo_task_events(32, "Test task completed"));
}

#[tokio::test]
async fn a_version_announced_while_the_gateway_is_away_waits_for_the_client() {
    let mut system = System::start().await;
    let client = system.listen_for_versions("page").await;
    system.kill_gateway().await;
    drop(client);

    assert_eq!(system.announce("page", "1").await["status"], "queued");

    system.restart_gateway().await;
    let mut client = system.listen_for_versions("page").await;
    assert_eq!(data(&client.next_event().await), json!({ "version": "1" }));
    assert_eq!(system.announce("page", "2").await["status"], "delivered");
    assert_eq!(data(&client.next_event().await), json!({ "version": "2" }));
}
