//! Many at once.

use serde_json::json;
use sse_gateway_testkit::{Client, Endpoint as _, eventually};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::stage::{Steps, next_version, seconds, story, types};

/// How many tasks run at once.
const TASKS: u32 = 200;

/// How many progress events each has.
const EVENTS: u32 = 20;

/// How many clients replace each other.
const STORM: u32 = 50;

on_both_gateways! {
    async fn clients_of_200_tasks_that_come_at_any_moment_get_each_event_exactly_once_in_order(stage: Stage) {
        let steps = Steps::new();
        let mut ids = Vec::new();
        for _ in 0..TASKS {
            let steps = steps.clone();
            ids.push(stage.submit(move |progress, _| {
                let steps = steps.clone();
                async move {
                    for n in 1..=EVENTS {
                        steps.wait(n).await;
                        progress.report(n.to_string(), f64::from(n) / f64::from(EVENTS))?;
                    }
                    Ok(json!("done"))
                }
            }).await);
        }
        let mut clients = JoinSet::new();
        for (index, task_id) in (0_u32..).zip(&ids) {
            // Each client comes while its task is at another step, some after the end.
            let (steps, target) = (steps.clone(), format!("/api/sse/tasks?task_id={task_id}"));
            let address = stage.gateway.address();
            clients.spawn(async move {
                steps.wait(index % (EVENTS + 2)).await;
                let mut client = Client::open(address, &target).await.without_cursors();
                let story = story(&mut client).await;
                let texts: Vec<_> = story.iter().filter_map(|(_, data)| data["text"].as_str()).collect();
                let expected: Vec<_> = (1..=EVENTS).map(|n| n.to_string()).collect();
                assert_eq!(texts, expected);
                let types = types(&story);
                assert_eq!(types[..2], ["connection_open", "task_started"]);
                assert_eq!(types[types.len() - 2..], ["task_completed", "connection_close"]);
            });
        }
        for step in 1..=EVENTS + 2 {
            steps.advance(step);
            tokio::task::yield_now().await;
        }
        while let Some(client) = clients.join_next().await {
            client.expect("every client got its story");
        }
        stage.wait_connected("task", 0).await;
    }

    async fn during_a_storm_of_replacements_no_publish_takes_over_a_second(stage: Stage) {
        let address = stage.gateway.address();
        let target = "/api/sse/utils/version?request_id=r";
        let mut storm = JoinSet::new();
        for _ in 0..STORM {
            storm.spawn(async move {
                let mut client = Client::open(address, target).await.without_cursors();
                let mut versions = Vec::new();
                loop {
                    let event = client.next_event().await;
                    match event.name.as_str() {
                        "version" => versions.push(event.data),
                        "connection_close" => return versions,
                        _ => {}
                    }
                }
            });
        }
        let mut slowest = seconds(0);
        for n in 0..100 {
            let started = Instant::now();
            stage.announce("r", &n.to_string()).await;
            slowest = slowest.max(started.elapsed());
        }
        assert!(slowest < seconds(1), "{slowest:?}");
        eventually("the whole storm has connected", async || stage.connects("version") == STORM).await;
        // A last client replaces the last of the storm, so that all of them end.
        let mut last = stage.listen_for_versions("r").await;
        let mut seen = Vec::new();
        while let Some(client) = storm.join_next().await {
            seen.extend(client.expect("every client is closed"));
        }
        stage.announce("r", "last").await;
        loop {
            match next_version(&mut last).await.as_str() {
                "last" => break,
                version => seen.push(json!({ "version": version }).to_string()),
            }
        }
        let mut numbers: Vec<u32> = seen.iter().map(|data| number(data)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert!(numbers.into_iter().eq(0..100), "each version reached one of the clients");
    }
}

fn number(data: &str) -> u32 {
    let version: serde_json::Value = serde_json::from_str(data).expect("JSON");
    version["version"].as_str().and_then(|text| text.parse().ok()).expect("a number")
}
