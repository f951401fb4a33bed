//! Tells the backend that an accepted stream has ended (protocol 1.4).

use std::time::Instant;

use sse_gateway_protocol::Token;
use sse_gateway_protocol::callback::{Callback, CloseReason};
use tracing::{debug, warn};

use crate::callbacks::Outcome;
use crate::worker::Worker;

/// Waits for a place, then tells it once; a failure is logged and concerns no other stream.
pub(crate) async fn tell(worker: &Worker, token: Token, reason: CloseReason, opened: bool, request: &str) {
    let shared = &worker.shared;
    // The semaphore is never closed.
    let place = shared.callbacks.acquire().await;
    // The stream's place is free once its disconnect is under way.
    shared.places.add_permits(1);
    let Some(callbacks) = &worker.callbacks else { return };
    let body = Callback::disconnect_body(&token, reason, opened, request);
    let started = Instant::now();
    let outcome = callbacks.post(body.into()).await;
    drop(place);
    shared.metrics.callback("disconnect", &outcome, started.elapsed());
    let reason = reason.as_str();
    match outcome {
        Outcome::Accepted(_) | Outcome::TooLarge => debug!(?token, reason, opened, "stream ended"),
        outcome => warn!(?token, reason, opened, ?outcome, "the backend did not take a disconnect"),
    }
}
