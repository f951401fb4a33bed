//! The backend's own routes: statuses, bodies, and errors with codes.

use serde_json::{Value, json};
use sse_gateway_testkit::eventually;

use crate::system::System;

const ALL_STARTS: [&str; 2] = ["/api/tasks", "/api/testing/tasks/start"];

#[tokio::test]
async fn starting_answers_where_to_listen() {
    let system = System::start().await;
    for path in ALL_STARTS {
        let answer = system.post(path, json!({ "task_type": "demo_task", "params": {} })).await;
        assert_eq!(answer.status(), 200);
        let body = answer.json();
        let task_id = body["task_id"].as_str().expect("an id");
        let stream_url = format!("/api/sse/tasks?task_id={task_id}");
        assert_eq!(body, json!({ "task_id": task_id, "stream_url": stream_url, "status": "pending" }));
    }
}

#[tokio::test]
async fn a_wrong_start_is_refused_with_a_code() {
    let system = System::start().await;
    let with_params = |params: Value| json!({ "task_type": "demo_task", "params": params });
    let cases = [
        (json!({ "task_type": "nope" }), "UNKNOWN_TASK_TYPE"),
        (json!({}), "INVALID_BODY"),
        (json!({ "task_type": 3 }), "INVALID_BODY"),
        (json!([]), "INVALID_BODY"),
        (with_params(json!([])), "INVALID_PARAMS"),
        (with_params(json!({ "steps": -1 })), "INVALID_PARAMS"),
        (with_params(json!({ "steps": 100_001 })), "INVALID_PARAMS"),
        (with_params(json!({ "delay": -0.1 })), "INVALID_PARAMS"),
        (with_params(json!({ "delay": 1e300 })), "INVALID_PARAMS"),
        (with_params(json!({ "message": 1 })), "INVALID_PARAMS"),
    ];
    for path in ALL_STARTS {
        for (body, code) in &cases {
            assert_eq!(system.post(path, body.clone()).await.code(), (400, (*code).to_owned()), "{body}");
        }
    }
}

#[tokio::test]
async fn a_status_tells_all_of_a_task() {
    let system = System::start().await;
    let task_id = system.start_task("demo_task", json!({ "delay": 0, "message": "Hello" })).await;
    eventually("the task completes", async || system.task_status(&task_id).await["status"] == "completed")
        .await;

    let mut status = system.task_status(&task_id).await;
    for time in ["start_time", "end_time"] {
        assert!(status[time].take().as_str().is_some_and(|time| time.ends_with('Z')), "{time}");
    }
    let result = json!({ "message": "Hello", "steps_completed": 3, "status": "success" });
    let expected = json!({
        "task_id": task_id, "status": "completed", "start_time": null, "end_time": null, "result": result, "error": null
    });
    assert_eq!(status, expected);
}

#[tokio::test]
async fn a_task_can_be_cancelled_until_it_has_ended_and_removed_after() {
    let system = System::start().await;
    let task_id = system.start_endless_task().await;
    let (task, cancel) = (format!("/api/tasks/{task_id}"), format!("/api/tasks/{task_id}/cancel"));

    assert_eq!(system.request("DELETE", &task).await.code(), (404, "TASK_NOT_FINISHED".to_owned()));
    assert_eq!(system.request("POST", &cancel).await.status(), 200);
    assert_eq!(system.request("POST", &cancel).await.code(), (404, "TASK_ENDED".to_owned()));
    assert_eq!(system.request("DELETE", &task).await.json()["status"], "cancelled");
    assert_eq!(system.request("DELETE", &task).await.code(), (404, "TASK_NOT_FOUND".to_owned()));
    let status = system.get_from_backend(&format!("{task}/status")).await;
    assert_eq!(status.code(), (404, "TASK_NOT_FOUND".to_owned()));
    assert_eq!(system.request("POST", &cancel).await.code(), (404, "TASK_NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn more_tasks_than_may_wait_are_refused() {
    let system = System::start_with(&[("TASKS_RUNNING_MAX", "1"), ("TASKS_PENDING_MAX", "2")]).await;
    let first = system.start_endless_task().await;
    eventually("the first task runs", async || system.task_status(&first).await["status"] == "running").await;
    for _ in 0..2 {
        system.start_endless_task().await;
    }
    let refused = system.post("/api/tasks", json!({ "task_type": "demo_task" })).await;
    assert_eq!(refused.code(), (429, "TASKS_FULL".to_owned()));
}

#[tokio::test]
async fn a_wrong_announcement_is_refused() {
    let system = System::start().await;
    for body in [
        json!({ "version": "1" }),
        json!({ "request_id": "page" }),
        json!({ "request_id": "page", "version": 1 }),
        json!({ "request_id": "page", "version": "" }),
        json!({ "request_id": "page", "version": "1", "changelog": [] }),
        json!({ "request_id": "", "version": "1" }),
        json!({ "request_id": "a:b", "version": "1" }),
        json!({ "request_id": "x".repeat(201), "version": "1" }),
    ] {
        let answer = system.post("/api/testing/deployments/version", body.clone()).await;
        assert_eq!(answer.code(), (400, "INVALID_BODY".to_owned()), "{body}");
    }
    let large = json!({ "request_id": "page", "version": "x".repeat(1 << 20) });
    let answer = system.post("/api/testing/deployments/version", large).await;
    assert_eq!(answer.code(), (413, "EVENT_TOO_LARGE".to_owned()));
}

#[tokio::test]
async fn what_the_framework_refuses_has_a_code_too() {
    let system = System::start().await;
    let not_json = system.api().post("/api/tasks", "application/json", "{").await;
    assert_eq!(not_json.code(), (400, "INVALID_JSON".to_owned()));
    let no_type = system.api().post("/api/tasks", "text/plain", "{}").await;
    assert_eq!(no_type.code(), (400, "INVALID_JSON".to_owned()));
    let large = system.api().post("/api/tasks", "application/json", vec![b' '; (2 << 20) + 1]).await;
    assert_eq!(large.code(), (413, "BODY_TOO_LARGE".to_owned()));
    assert_eq!(system.request("GET", "/nothing").await.code(), (404, "NOT_FOUND".to_owned()));
    assert_eq!(system.request("GET", "/page/nothing").await.code(), (404, "NOT_FOUND".to_owned()));
    assert_eq!(system.request("GET", "/api/tasks/%FF/status").await.code(), (400, "BAD_REQUEST".to_owned()));
    let wrong_method = system.request("PUT", "/api/tasks").await;
    assert_eq!(wrong_method.code(), (405, "METHOD_NOT_ALLOWED".to_owned()));
    assert_eq!(wrong_method.header("allow"), Some("POST"));
}

#[tokio::test]
async fn in_production_there_are_no_testing_endpoints() {
    let system = System::start_with(&[("APP_ENV", "production")]).await;
    for path in ["/api/testing/tasks/start", "/api/testing/deployments/version"] {
        let body = json!({ "task_type": "demo_task", "request_id": "page", "version": "1" });
        assert_eq!(system.post(path, body).await.code(), (404, "NOT_FOUND".to_owned()));
    }
    assert_eq!(system.get_from_backend("/page/settings.json").await.json()["testing"], false);
    system.start_task("demo_task", json!({})).await;
}

#[tokio::test]
async fn health_and_metrics_answer() {
    let mut system = System::start().await;
    let healthz = system.get_from_backend("/api/health/healthz").await;
    assert_eq!((healthz.status(), healthz.json()), (200, json!({ "status": "ok" })));
    let ready = json!({ "status": "ready", "gateway_reachable": true });
    assert_eq!(system.get_from_backend("/api/health/readyz").await.json(), ready);
    assert_eq!(system.get_from_backend("/metrics").await.status(), 200);

    system.kill_gateway().await;
    let alone = system.get_from_backend("/api/health/readyz").await;
    assert_eq!((alone.status(), alone.json()["gateway_reachable"].clone()), (200, json!(false)));
}
