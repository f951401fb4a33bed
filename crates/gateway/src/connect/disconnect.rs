//! Tells the backend that accepted streams have ended (protocol 1.4).
//!
//! What ended waits in a queue, not in tasks: ten thousand clients may leave at once. The queue is
//! bounded by `STREAMS_MAX`, because a stream keeps its place until its disconnect is issued.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use sse_gateway_protocol::callback::Callback;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::{debug, warn};

use crate::callbacks::Outcome;
use crate::shard::Disconnect;
use crate::worker::Worker;

/// Disconnects that wait for a callback's place, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Disconnects {
    /// A shutdown waits for each entry's token.
    waiting: RefCell<VecDeque<(Disconnect, TaskTrackerToken)>>,
    added: Notify,
}

impl Disconnects {
    pub(crate) fn add(&self, disconnect: Disconnect, running: TaskTrackerToken) {
        self.waiting.borrow_mut().push_back((disconnect, running));
        self.added.notify_one();
    }

    async fn next(&self) -> (Disconnect, TaskTrackerToken) {
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            match next {
                Some(next) => return next,
                None => {
                    // Memory goes back after a wave.
                    self.waiting.take();
                    self.added.notified().await;
                }
            }
        }
    }
}

/// Issues a worker's disconnects, each once it has a place; stands in line for one place at a time,
/// so that a wave of leaving clients does not keep new ones waiting.
pub(crate) async fn issue_all(worker: Rc<Worker>) {
    loop {
        let (disconnect, running) = worker.disconnects.next().await;
        // The semaphore is never closed.
        let Ok(place) = worker.shared.callbacks.clone().acquire_owned().await else { return };
        // The stream's own place is free once its disconnect is under way.
        worker.shared.places.add_permits(1);
        let worker = Rc::clone(&worker);
        tokio::task::spawn_local(async move {
            issue(&worker, disconnect, place).await;
            drop(running);
        });
    }
}

/// Tells it once; a failure is logged and concerns no other stream.
async fn issue(worker: &Worker, disconnect: Disconnect, place: OwnedSemaphorePermit) {
    let Disconnect { token, reason, opened, request } = disconnect;
    let Some(callbacks) = &worker.callbacks else { return };
    let body = Callback::disconnect_body(&token, reason, opened, &request);
    let started = Instant::now();
    let outcome = callbacks.post(&body).await;
    drop(place);
    worker.shared.metrics.callback("disconnect", &outcome, started.elapsed());
    let reason = reason.as_str();
    match outcome {
        Outcome::Accepted(_) | Outcome::TooLarge => debug!(?token, reason, opened, "stream ended"),
        outcome => warn!(?token, reason, opened, ?outcome, "the backend did not take a disconnect"),
    }
}
