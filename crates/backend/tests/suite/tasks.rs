//! What a client who watches a task gets.

use serde_json::{Value, json};
use sse_gateway_backend::services::tasks::TaskError;
use sse_gateway_testkit::End;

use crate::stage::{Steps, seconds, story, told, types};

on_both_gateways! {
    async fn the_story_arrives_in_order_and_ends_with_the_result_and_the_end(stage: Stage) {
        let steps = Steps::new();
        let task_steps = steps.clone();
        let task_id = stage.submit(move |progress, _| {
            let steps = task_steps.clone();
            async move {
                for n in 1..=20_u32 {
                    steps.wait(n).await;
                    progress.report(format!("step {n}"), f64::from(n) / 20.0)?;
                }
                Ok(json!({ "status": "success" }))
            }
        }).await;
        let mut client = stage.watch(task_id).await;
        assert_eq!(told(&client.next_event().await).0, "task_started");
        for n in 1..=20_u32 {
            steps.advance(n);
            let (event_type, data) = told(&client.next_event().await);
            assert_eq!((event_type.as_str(), &data["text"]), ("progress_update", &json!(format!("step {n}"))));
        }
        let rest = story(&mut client).await;
        assert_eq!(types(&rest), ["task_completed", "connection_close"]);
        assert_eq!(rest[0].1, json!({ "status": "success" }));
        assert_eq!(rest[1].1, json!({ "reason": "task_completed" }));
        stage.wait_connected("task", 0).await;
    }

    async fn a_failure_is_told_with_an_id(stage: Stage) {
        let steps = Steps::new();
        let task_steps = steps.clone();
        let task_id = stage.submit(move |_, _| {
            let steps = task_steps.clone();
            async move {
                steps.wait(1).await;
                Err(TaskError::new("Test error"))
            }
        }).await;
        let mut client = stage.watch(task_id).await;
        steps.advance(1);
        let story = story(&mut client).await;
        assert_eq!(types(&story), ["task_started", "task_failed", "connection_close"]);
        assert_eq!(story[1].1["error"], "Test error");
        assert!(story[1].1["error_id"].is_string());
        assert_eq!(story[2].1, json!({ "reason": "task_failed" }));
    }

    async fn who_asks_for_an_unknown_task_is_told_and_closed(stage: Stage) {
        let mut client = stage.open("/api/sse/tasks?task_id=unknown").await;
        let story = story(&mut client).await;
        assert_eq!(story, [
            ("error".into(), json!({ "error": "Task not found", "task_id": "unknown" })),
            ("connection_close".into(), json!({ "reason": "task_not_found" })),
        ]);
        stage.wait_connected("task", 0).await;
    }

    async fn a_clients_leaving_reaches_the_backend(stage: Stage) {
        let task_id = stage.submit(|_, _| std::future::pending()).await;
        let client = stage.watch(task_id).await;
        stage.wait_connected("task", 1).await;
        drop(client);
        stage.wait_connected("task", 0).await;
    }

    async fn a_second_client_replaces_the_first_and_gets_the_story_and_the_ending(stage: Stage) {
        let steps = Steps::new();
        let task_steps = steps.clone();
        let task_id = stage.submit(move |progress, _| {
            let steps = task_steps.clone();
            async move {
                progress.report("first half", 0.5)?;
                steps.wait(1).await;
                progress.report("second half", 1.0)?;
                Ok(Value::Null)
            }
        }).await;
        let mut first = stage.watch(task_id).await;
        assert_eq!(told(&first.next_event().await).0, "task_started");
        assert_eq!(told(&first.next_event().await).0, "progress_update");
        let mut second = stage.watch(task_id).await;
        let (name, data) = told(&first.next_event().await);
        assert_eq!((name.as_str(), data), ("connection_close", json!({ "reason": "replaced" })));
        assert_eq!(first.end().await, End::Clean);
        steps.advance(1);
        let story = story(&mut second).await;
        assert_eq!(
            types(&story),
            ["task_started", "progress_update", "progress_update", "task_completed", "connection_close"]
        );
    }

    async fn who_comes_after_the_end_gets_the_story_and_the_same_ending(stage: Stage) {
        let task_id = stage.submit(|progress, _| async move {
            progress.report("half", 0.5)?;
            Ok(json!("done"))
        }).await;
        for _ in 0..2 {
            let mut client = stage.watch(task_id).await;
            let story = story(&mut client).await;
            assert_eq!(types(&story), ["task_started", "progress_update", "task_completed", "connection_close"]);
            assert_eq!(story[2].1, json!("done"));
        }
    }

    async fn a_cancelled_task_tells_its_client(stage: Stage) {
        let task_id = stage.submit(|_, _| std::future::pending()).await;
        let mut client = stage.watch(task_id).await;
        stage.backend.tasks().cancel(task_id).expect("not ended");
        let story = story(&mut client).await;
        assert_eq!(types(&story), ["task_started", "task_cancelled", "connection_close"]);
        assert_eq!(story[2].1, json!({ "reason": "task_cancelled" }));
    }

    async fn a_result_of_over_100_kb_arrives_or_an_error_says_that_it_cannot(stage: Stage) {
        let task_id = stage.submit(|_, _| async { Ok(json!("x".repeat(200_000))) }).await;
        let mut client = stage.watch(task_id).await;
        let story = story(&mut client).await;
        let [_, (event_type, data), (_, reason)] = &story[..] else { panic!("{:?}", types(&story)) };
        if stage.gateway.is_original() {
            assert_eq!((event_type.as_str(), &reason["reason"]), ("task_failed", &json!("task_failed")));
            assert!(data["error"].as_str().expect("an error").contains("too large"), "{data}");
        } else {
            assert_eq!((event_type.as_str(), &reason["reason"]), ("task_completed", &json!("task_completed")));
            assert_eq!(data.as_str().map(str::len), Some(200_000));
        }
        let report = stage.backend.tasks().report(task_id).expect("known");
        assert!(report.result.is_some(), "the status has it in any case");
    }

    async fn a_shutdown_tells_clients_that_their_task_was_cancelled(stage: Stage) {
        let task_id = stage.submit(|_, _| std::future::pending()).await;
        let mut client = stage.watch(task_id).await;
        let report = stage.backend.shutdown(seconds(1)).await;
        assert_eq!((report.tasks_cancelled, report.delivered), (1, true));
        assert_eq!(types(&story(&mut client).await), ["task_started", "task_cancelled", "connection_close"]);
        assert!(!stage.backend.readiness().await.is_ready());
    }
}
