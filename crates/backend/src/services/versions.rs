//! Announces versions to clients, also to those that have not connected yet.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sse_gateway_protocol::callback::StoredRequest;

use super::{Admission, Service};
use crate::connections::{ConnectionManager, Delivery, IfMissing, Message, PublishError};
use crate::{Event, Identifier, InvalidIdentifier};

const NAME: &str = "version";

/// Bounds of the version service.
#[derive(Clone, Debug)]
pub struct VersionSettings {
    /// How long an announcement waits for the gateway. Default 2 s.
    pub delivery_wait: std::time::Duration,
}

impl Default for VersionSettings {
    fn default() -> Self {
        Self { delivery_wait: std::time::Duration::from_secs(2) }
    }
}

/// What is announced: the data of the event `version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The version's name.
    pub version: String,
    /// What changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changelog: Option<String>,
}

/// Tells each client the versions announced to its request id: in order, once, at
/// `/api/sse/utils/version?request_id=`.
#[derive(Clone)]
pub struct VersionService {
    settings: VersionSettings,
    connections: ConnectionManager,
}

impl VersionService {
    /// Makes the service.
    #[must_use]
    pub fn new(settings: VersionSettings, connections: ConnectionManager) -> Self {
        Self { settings, connections }
    }

    /// Announces a version; waits until the gateway took it for the live stream, at most 2 s.
    ///
    /// [`Delivery::Queued`] also when the gateway did not say so in time: the version stays queued, for
    /// at most 10 minutes, and is delivered on the next occasion. It waits in the gateway's topic, as
    /// long as that remembers; or here, behind at most 99 others, while there is none.
    ///
    /// # Errors
    /// An [`AnnounceError`]; nothing is queued then.
    pub async fn announce(&self, request_id: &str, version: &Version) -> Result<Delivery, AnnounceError> {
        let identifier = Identifier::parse(NAME, request_id)?;
        let data = serde_json::to_string(version).expect("two strings always serialise");
        let message = Message::kept(Event::named("version", data));
        Ok(self.connections.enqueue(&identifier, message, self.settings.delivery_wait).await?)
    }
}

#[async_trait]
impl Service for VersionService {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self) -> &'static str {
        "/api/sse/utils/version"
    }

    fn parameter(&self) -> &'static str {
        "request_id"
    }

    async fn on_connect(&self, _: &Identifier, _: &StoredRequest) -> Admission {
        Admission::Accept(IfMissing::Create)
    }
}

/// Why a version is not announced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnnounceError {
    /// The caller's request id cannot name a client.
    #[error("request_id {0}")]
    RequestId(#[from] InvalidIdentifier),
    /// The event has no place.
    #[error(transparent)]
    Publish(#[from] PublishError),
}
