//! What the stream of a task must tell, event by event.

use serde_json::{Value, json};
use sse_gateway_testkit::{Client, Delivered, End};

use crate::system::data;

/// A task event: its kind and its data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaskEvent {
    pub(crate) kind: String,
    pub(crate) data: Value,
}

impl TaskEvent {
    pub(crate) fn new(kind: &str, data: Value) -> Self {
        Self { kind: kind.to_owned(), data }
    }
}

/// Reads the next event, which must be the task's, in the documented shape.
pub(crate) async fn next_task_event(client: &mut Client, task_id: &str) -> TaskEvent {
    task_event(&client.next_event().await, task_id)
}

pub(crate) fn task_event(event: &Delivered, task_id: &str) -> TaskEvent {
    assert_eq!(event.name, "task_event", "{event:?}");
    let mut body = data(event);
    assert_eq!(body["task_id"], task_id);
    let timestamp = body["timestamp"].as_str().expect("a timestamp");
    assert!(timestamp.contains('T') && timestamp.ends_with('Z'), "no RFC 3339 in UTC: {timestamp}");
    assert_eq!(body.as_object().expect("an object").len(), 4, "{body}");
    TaskEvent { kind: body["event_type"].as_str().expect("a kind").to_owned(), data: body["data"].take() }
}

pub(crate) async fn expect_connection_open(client: &mut Client) {
    let event = client.next_event().await;
    assert_eq!((event.name.as_str(), data(&event)), ("connection_open", json!({ "status": "connected" })));
}

/// Expects `connection_close` with a reason and the clean end.
pub(crate) async fn expect_ending(client: &mut Client, reason: &str) {
    let event = client.next_event().await;
    assert_eq!((event.name.as_str(), data(&event)), ("connection_close", json!({ "reason": reason })));
    assert_eq!(client.end().await, End::Clean);
}

/// Expects the whole story of a `demo_task`, from `connection_open` to the clean end.
pub(crate) async fn expect_demo_task(client: &mut Client, task_id: &str, steps: u64, message: &str) {
    expect_connection_open(client).await;
    for expected in demo_task_events(steps, message) {
        assert_eq!(next_task_event(client, task_id).await, expected);
    }
    expect_ending(client, "task_completed").await;
}

/// All events of a `demo_task`, in order.
///
/// Steps are a power of two where it matters: each `i/n` is then exact in decimal, and equal after
/// it was written and read.
pub(crate) fn demo_task_events(steps: u64, message: &str) -> Vec<TaskEvent> {
    let progress =
        |text: String, value: f64| TaskEvent::new("progress_update", json!({ "text": text, "value": value }));
    let mut events =
        vec![TaskEvent::new("task_started", Value::Null), progress("Starting test task".into(), 0.0)];
    for step in 1..=steps {
        #[expect(clippy::cast_precision_loss, reason = "steps are few")]
        events.push(progress(format!("Step {step}/{steps}"), step as f64 / steps as f64));
    }
    let result = json!({ "message": message, "steps_completed": steps, "status": "success" });
    events.push(TaskEvent::new("task_completed", result));
    events
}
