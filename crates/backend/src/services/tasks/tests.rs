//! The life of tasks in virtual time; their stories are read from the log that clients get.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::*;
use crate::GatewaySettings;
use crate::connections::ConnectionSettings;
use crate::metrics::Metrics;

fn service(settings: TaskSettings) -> TaskService {
    // Nobody is there: stories wait for the gateway.
    let url = hyper::Uri::from_static("http://127.0.0.1:1");
    let gateway = GatewaySettings { url, ..GatewaySettings::default() };
    let connections =
        ConnectionManager::start(&gateway, ConnectionSettings::default(), Arc::new(Metrics::new()));
    TaskService::start(settings, connections.expect("starts without a gateway"))
}

/// Makes a task of a closure.
struct Work<F>(F);

#[async_trait]
impl<F, O> Task for Work<F>
where
    F: Fn(Progress, CancellationToken) -> O + Send + Sync + 'static,
    O: Future<Output = Result<Value, TaskError>> + Send + 'static,
{
    async fn run(&self, progress: &Progress, cancel: &CancellationToken) -> Result<Value, TaskError> {
        (self.0)(progress.clone(), cancel.clone()).await
    }
}

fn work<F, O>(work: F) -> Box<dyn Task>
where
    F: Fn(Progress, CancellationToken) -> O + Send + Sync + 'static,
    O: Future<Output = Result<Value, TaskError>> + Send + 'static,
{
    Box::new(Work(work))
}

fn endless() -> Box<dyn Task> {
    work(|_, _| std::future::pending())
}

/// What a client who connects now would get: event types and data, then the reason of the end.
fn story(service: &TaskService, task_id: TaskId) -> Vec<(String, Value)> {
    let events = service.0.connections.retained(&task_id.identifier());
    let read = |event: &crate::Event| {
        let data: Value = serde_json::from_str(&event.data).expect("JSON");
        match event.name.as_deref() {
            Some("task_event") => {
                assert_eq!(data["task_id"], json!(task_id));
                let timestamp = data["timestamp"].as_str().expect("a timestamp");
                assert!(timestamp.ends_with('Z') && timestamp.parse::<jiff::Timestamp>().is_ok());
                (data["event_type"].as_str().expect("a type").to_owned(), data["data"].clone())
            }
            name => (name.unwrap_or_default().to_owned(), data),
        }
    };
    events.iter().map(read).collect()
}

fn types(service: &TaskService, task_id: TaskId) -> Vec<String> {
    story(service, task_id).into_iter().map(|(event_type, _)| event_type).collect()
}

fn last(service: &TaskService, task_id: TaskId) -> Value {
    let story = story(service, task_id);
    let [.., (_, terminal), (close, reason)] = &story[..] else { panic!("no ending in {story:?}") };
    assert_eq!(close, "connection_close");
    json!([terminal, reason["reason"]])
}

fn status(service: &TaskService, task_id: TaskId) -> Status {
    service.report(task_id).expect("known").status
}

#[tokio::test(start_paused = true)]
async fn a_task_tells_its_story_from_start_to_result() {
    let service = service(TaskSettings::default());
    let task = work(|progress, _| async move {
        progress.report("half", 0.5)?;
        progress.report("all", 1.0)?;
        Ok(json!({ "answer": 42 }))
    });
    let task_id = service.take(task).expect("taken");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        story(&service, task_id),
        [
            ("task_started".into(), Value::Null),
            ("progress_update".into(), json!({ "text": "half", "value": 0.5 })),
            ("progress_update".into(), json!({ "text": "all", "value": 1.0 })),
            ("task_completed".into(), json!({ "answer": 42 })),
            ("connection_close".into(), json!({ "reason": "task_completed" })),
        ]
    );
    let report = serde_json::to_value(service.report(task_id).expect("known")).expect("serialises");
    assert_eq!(report["status"], "completed");
    assert_eq!(report["result"], json!({ "answer": 42 }));
    assert_eq!(report["error"], Value::Null);
    assert!(report["start_time"].is_string() && report["end_time"].is_string());
}

#[tokio::test(start_paused = true)]
async fn a_failure_tells_its_message_and_an_id_and_keeps_its_cause_to_the_log() {
    let service = service(TaskSettings::default());
    let task = work(|_, _| async { Err(TaskError::caused_by("Sorry", "at secret.rs:42")) });
    let task_id = service.take(task).expect("taken");
    sleep(Duration::from_secs(1)).await;
    let told = last(&service, task_id);
    assert_eq!((&told[0]["error"], &told[1]), (&json!("Sorry"), &json!("task_failed")));
    assert!(told[0]["error_id"].is_string());
    assert!(!format!("{:?}", story(&service, task_id)).contains("secret.rs"));
    assert_eq!(service.report(task_id).expect("known").error.as_deref(), Some("Sorry"));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_that_tells_nothing_of_it() {
    let service = service(TaskSettings::default());
    let task_id = service.take(work(|_, _| async { panic!("secret.rs") })).expect("taken");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(last(&service, task_id)[0]["error"], "Task failed unexpectedly");
    assert_eq!(service.0.table().running().len(), 0);
    service.take(endless()).expect("its place is free");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_runs_too_long_fails_with_a_timeout() {
    let service = service(TaskSettings::default());
    let task_id = service.take(endless()).expect("taken");
    sleep(Duration::from_secs(299)).await;
    assert_eq!(status(&service, task_id), Status::Running);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(status(&service, task_id), Status::Failed);
    assert_eq!(last(&service, task_id)[0]["error"], "Task timed out after 300 s");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_task_ends_at_once_and_its_client_is_told() {
    let service = service(TaskSettings::default());
    let task_id = service.take(endless()).expect("taken");
    assert_eq!(service.cancel(task_id).map(|report| report.status), Ok(Status::Cancelled));
    assert_eq!(last(&service, task_id), json!([null, "task_cancelled"]));
    assert_eq!(service.cancel(task_id).map(|_| ()), Err(TaskStateError::Ended));
    let report = service.report(task_id);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(service.report(task_id), report, "it ends once, also when its code is gone");
    assert_eq!(service.cancel(TaskId::random()).map(|_| ()), Err(TaskStateError::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_task_that_is_cancelled_never_runs() {
    let service = service(TaskSettings { running_max: 1, ..TaskSettings::default() });
    let first = service.take(endless()).expect("taken");
    let second = service.take(endless()).expect("taken");
    let report = service.cancel(second).expect("cancelled");
    assert_eq!((report.status, report.start_time), (Status::Cancelled, None));
    assert_eq!(types(&service, second), ["task_cancelled", "connection_close"]);
    service.cancel(first).expect("cancelled");
    sleep(Duration::from_secs(10)).await;
    assert_eq!(types(&service, second), ["task_cancelled", "connection_close"]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_task_keeps_its_place_until_its_code_is_gone() {
    let service = service(TaskSettings { running_max: 1, ..TaskSettings::default() });
    let first = service.take(endless()).expect("taken");
    let second = service.take(endless()).expect("taken");
    service.cancel(first).expect("cancelled");
    sleep(Duration::from_secs(4)).await;
    assert_eq!(status(&service, second), Status::Pending);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(status(&service, second), Status::Running);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_task_may_tidy_up_and_what_it_says_then_is_not_told() {
    static TIDIED: AtomicUsize = AtomicUsize::new(0);
    let service = service(TaskSettings::default());
    let task = work(|progress, cancel| async move {
        cancel.cancelled().await;
        progress.report("tidying", 0.5)?;
        TIDIED.fetch_add(1, Ordering::Relaxed);
        Ok(Value::Null)
    });
    let task_id = service.take(task).expect("taken");
    sleep(Duration::from_secs(1)).await;
    service.cancel(task_id).expect("cancelled");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(TIDIED.load(Ordering::Relaxed), 1);
    assert_eq!(types(&service, task_id), ["task_started", "task_cancelled", "connection_close"]);
}

#[tokio::test(start_paused = true)]
async fn tasks_run_in_their_order_and_a_full_queue_refuses() {
    let settings = TaskSettings { running_max: 2, pending_max: 2, ..TaskSettings::default() };
    let service = service(settings);
    let task = || {
        work(|_, _| async {
            sleep(Duration::from_secs(10)).await;
            Ok(Value::Null)
        })
    };
    let ids: Vec<_> = (0..4).map(|_| service.take(task()).expect("taken")).collect();
    assert_eq!(service.take(task()).map(|_| ()), Err(StartTaskError::Full));
    let statuses = || ids.iter().map(|id| status(&service, *id)).collect::<Vec<_>>();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(statuses(), [Status::Running, Status::Running, Status::Pending, Status::Pending]);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(statuses(), [Status::Completed, Status::Completed, Status::Running, Status::Running]);
}

#[tokio::test(start_paused = true)]
async fn a_finished_task_is_forgotten_after_ten_minutes_or_when_there_are_too_many() {
    let service = service(TaskSettings { finished_max: 2, ..TaskSettings::default() });
    let done = || work(|_, _| async { Ok(Value::Null) });
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(service.take(done()).expect("taken"));
        sleep(Duration::from_secs(1)).await;
    }
    assert!(service.report(ids[0]).is_none(), "one too many");
    assert!(story(&service, ids[0]).is_empty());
    assert!(service.report(ids[1]).is_some());
    sleep(Duration::from_secs(600)).await;
    assert!(service.report(ids[2]).is_none());
    assert!(story(&service, ids[2]).is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_a_task_that_has_ended_can_be_removed() {
    let service = service(TaskSettings::default());
    let task_id = service.take(endless()).expect("taken");
    assert_eq!(service.remove(task_id), Err(TaskStateError::NotEnded));
    service.cancel(task_id).expect("cancelled");
    assert_eq!(service.remove(task_id), Ok(()));
    assert_eq!(service.remove(task_id), Err(TaskStateError::Unknown));
    assert!(story(&service, task_id).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_too_large_fails_and_says_so() {
    let service = service(TaskSettings { result_bytes_max: 1_000, ..TaskSettings::default() });
    let task_id = service.take(work(|_, _| async { Ok(json!("x".repeat(1_000))) })).expect("taken");
    sleep(Duration::from_secs(1)).await;
    let told = last(&service, task_id);
    assert!(told[0]["error"].as_str().expect("an error").starts_with("Result too large: "), "{told}");
    assert_eq!(told[1], "task_failed");
}

#[tokio::test(start_paused = true)]
async fn progress_never_falls_and_out_of_range_is_the_callers_error() {
    let service = service(TaskSettings::default());
    let task = work(|progress, _| async move {
        progress.report("", 0.5)?;
        assert_eq!(progress.report("", 0.4), Err(ProgressError::Falls { from: 0.5, to: 0.4 }));
        for value in [-0.1, 1.1, f64::INFINITY] {
            assert_eq!(progress.report("", value), Err(ProgressError::OutOfRange(value)));
        }
        assert!(matches!(progress.report("", f64::NAN), Err(ProgressError::OutOfRange(_))));
        assert_eq!(progress.report("x".repeat(16_385), 0.5), Err(ProgressError::TextTooLong));
        progress.report("", 0.5)?;
        Ok(Value::Null)
    });
    let task_id = service.take(task).expect("taken");
    sleep(Duration::from_secs(1)).await;
    let expected =
        ["task_started", "progress_update", "progress_update", "task_completed", "connection_close"];
    assert_eq!(types(&service, task_id), expected);
}

struct Sum(u64);

impl BlockingTask for Sum {
    fn run(&self, progress: &Progress, cancel: &CancellationToken) -> Result<Value, TaskError> {
        assert!(!cancel.is_cancelled());
        progress.report("adding", 0.5)?;
        Ok(json!((1..=self.0).sum::<u64>()))
    }
}

#[tokio::test]
async fn blocking_work_has_its_own_thread_and_reports_like_any_other() {
    let service = service(TaskSettings::default());
    let task_id = service.take(Box::new(Blocking::new(Sum(10)))).expect("taken");
    while service.report(task_id).expect("known").end_time.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(last(&service, task_id), json!([55, "task_completed"]));
    assert_eq!(types(&service, task_id)[1], "progress_update");
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_refuses_new_tasks_waits_for_running_ones_and_cancels_the_rest() {
    let service = service(TaskSettings { running_max: 2, ..TaskSettings::default() });
    let short = work(|_, _| async {
        sleep(Duration::from_secs(3)).await;
        Ok(Value::Null)
    });
    let short = service.take(short).expect("taken");
    let long = service.take(endless()).expect("taken");
    let waiting = service.take(endless()).expect("taken");
    let started = Instant::now();
    let shutdown = service.shutdown(started + Duration::from_secs(10));
    let (cancelled, refused) = tokio::join!(shutdown, async {
        sleep(Duration::from_secs(1)).await;
        service.take(endless()).map(|_| ())
    });
    assert_eq!(refused, Err(StartTaskError::ShuttingDown));
    assert_eq!((cancelled, started.elapsed().as_secs()), (2, 10));
    assert_eq!(status(&service, short), Status::Completed);
    assert_eq!(last(&service, long), json!([null, "task_cancelled"]));
    assert_eq!(status(&service, waiting), Status::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_with_nothing_running_takes_no_time() {
    let service = service(TaskSettings::default());
    let started = Instant::now();
    assert_eq!(service.shutdown(started + Duration::from_secs(10)).await, 0);
    assert_eq!(started.elapsed(), Duration::ZERO);
}
