//! A publisher that does not stop while something else happens.

use serde_json::json;
use sse_gateway_testkit::Position;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::setup::{Stage, published};

/// Publishes the numbers from 0 on to a topic, each as soon as the one before is answered.
pub(crate) struct Continuous {
    stop: watch::Sender<bool>,
    publisher: JoinHandle<Vec<(Position, u64)>>,
}

impl Continuous {
    pub(crate) fn start(stage: &Stage, topic: &str) -> Self {
        let (sender, topic) = (stage.sender.clone(), topic.to_owned());
        let stop = watch::Sender::new(false);
        let stopped = stop.subscribe();
        let publisher = tokio::spawn(async move {
            let mut answers = Vec::new();
            while !*stopped.borrow() {
                let data = answers.len().to_string();
                answers
                    .push(published(&sender.publish(json!({"topic": topic, "event": {"data": data}})).await));
            }
            answers
        });
        Self { stop, publisher }
    }

    /// Stops after the publish under way; gives every position with its number of receivers.
    pub(crate) async fn stop(self) -> Vec<(Position, u64)> {
        self.stop.send_replace(true);
        self.publisher.await.expect("every event was published")
    }
}
