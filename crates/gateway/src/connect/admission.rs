//! Who is let in before the backend is asked: each check in its order, the cheap ones first.

use sse_gateway_protocol::code::Code;
use tokio::sync::SemaphorePermit;

use super::refusal::Refusal;
use crate::worker::Worker;

/// Takes a place for a stream, or says why there is none.
///
/// The place is under `STREAMS_MAX`; whoever makes the stream forgets the permit, and it is given back
/// when the engine says that nothing more is owed for the stream.
pub(super) fn admit(worker: &Worker) -> Result<SemaphorePermit<'_>, Refusal> {
    if worker.shared.draining.is_cancelled() {
        return Err(Refusal::ours(Code::ShuttingDown, "Gateway is shutting down", "shutting_down"));
    }
    if worker.callbacks.is_none() {
        return Err(Refusal::ours(Code::ServiceNotConfigured, "Service not configured", "not_configured"));
    }
    let place = worker.shared.places.try_acquire();
    place.map_err(|_| Refusal::ours(Code::StreamsFull, "Too many streams", "streams_full"))
}
