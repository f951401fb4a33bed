//! Decides who may listen to what.
//!
//! A service knows identifiers and events, never tokens or sends. Start with [`Service`], then
//! [`tasks`] and [`versions`].

pub mod tasks;
pub mod versions;

use async_trait::async_trait;
use sse_gateway_protocol::callback::{CloseReason, StoredRequest};

use crate::Identifier;
use crate::connections::IfMissing;

/// A kind of thing that clients listen to, such as tasks.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Names the service: the first part of its identifiers and the `service` label in metrics.
    fn name(&self) -> &'static str;

    /// Gives the exact path that clients connect to, such as `/api/sse/tasks`.
    fn path(&self) -> &'static str;

    /// Gives the query parameter that carries the id, such as `task_id`.
    fn parameter(&self) -> &'static str;

    /// Decides on a client that asks to listen. The gateway gives the whole callback 5 s.
    async fn on_connect(&self, identifier: &Identifier, request: &StoredRequest) -> Admission;

    /// Learns that a client which was admitted has gone; with topics, any process may have admitted it.
    /// Must not block.
    fn on_disconnect(&self, _identifier: &Identifier, _reason: CloseReason) {}
}

/// A service's word on a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The client is connected to the identifier and gets what is retained for it; whoever was
    /// connected to it is replaced.
    Accept(IfMissing),
    /// The same beside others: any number of streams listens. Needs a gateway with topics; by tokens
    /// the client gets 501.
    Share(IfMissing),
    /// The client gets this status through the gateway; 401 and 403 are passed on as they are.
    Refuse {
        /// An HTTP status from 400 to 599.
        status: u16,
        /// Says why, for people.
        message: String,
    },
}
