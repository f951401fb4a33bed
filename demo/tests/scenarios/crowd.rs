//! Many tasks, and clients that come when they like.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sse_gateway_testkit::within;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::story::expect_demo_task;
use crate::system::System;

const TASKS: usize = 200;
const STEPS: u64 = 16;
/// A task takes this long, and the latest clients come well after its end.
const STEP_SECONDS: f64 = 0.02;
const LATEST: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_tasks_tell_each_event_once_in_order_and_close_whenever_their_clients_come() {
    let mut random = Random::seeded();
    let system = Arc::new(System::start_with(&[("TASKS_RUNNING_MAX", "50")]).await);
    let mut clients = JoinSet::new();
    for number in 0..TASKS {
        let message = format!("Task {number}");
        let params = json!({ "steps": STEPS, "delay": STEP_SECONDS, "message": &message });
        let task_id = system.start_task("demo_task", params).await;
        let (system, delay) = (Arc::clone(&system), LATEST.mul_f64(random.fraction()));
        clients.spawn(async move {
            // The random moment is what is tested; nothing waits for it.
            sleep(delay).await;
            let mut client = system.watch(&task_id).await;
            expect_demo_task(&mut client, &task_id, STEPS, &message).await;
        });
    }
    within("200 whole stories", clients.join_all()).await;
    system.wait_active_connections("task", 0).await;
}

/// Repeatable chance: splitmix64.
pub(crate) struct Random(u64);

impl Random {
    /// Seeds it from `SEED` or the process, and prints the seed, so that a failure can be repeated.
    pub(crate) fn seeded() -> Self {
        let given = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()));
        eprintln!("SEED={seed}");
        Self(seed)
    }

    /// Gives a number from 0 to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        f64::from((mixed ^ (mixed >> 31)) as u32) / f64::from(u32::MAX)
    }
}
