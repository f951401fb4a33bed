//! Receives the gateway's callbacks: authenticate, read, route, answer.
//!
//! Knows HTTP statuses and bodies, but no framework ([`axum`] is one adapter) and no service's
//! rules. Read [`Callbacks::handle`] first; each step has a file.

mod answer;
mod authenticate;
pub mod axum;
mod read;
mod route;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sse_gateway_protocol::callback::{Callback, CloseReason, StoredRequest};
use sse_gateway_protocol::{Token, features};

use self::route::{Route, Routes};
use crate::connections::{ConnectError, ConnectionManager, Features, Seats};
use crate::services::{Admission, Service};
use crate::{Identifier, Secret, StartError};

pub use self::answer::CallbackAnswer;

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
    secret: Option<Secret>,
    routes: Routes,
    connections: ConnectionManager,
}

/// A callback as it came over HTTP.
#[derive(Clone, Copy)]
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
        Ok(Self { secret: settings.secret, routes: Routes::new(services), connections })
    }

    /// Handles one callback. Never waits for the gateway: events follow after the answer.
    pub async fn handle(&self, request: CallbackRequest<'_>) -> CallbackAnswer {
        if !authenticate::is_allowed(self.secret.as_ref(), request.authorization, request.query) {
            return CallbackAnswer::unauthorized();
        }
        let features = Features {
            events: features::names(request.features, features::EVENTS),
            topics: features::names(request.features, features::TOPICS),
        };
        match read::callback(request.body) {
            Err(rejection) => rejection.into(),
            Ok(Callback::Connect { token, request: client }) => self.connect(token, &client, features).await,
            Ok(Callback::Disconnect { token, reason, opened, request: client }) => {
                let named = match self.routes.route(&client.url) {
                    Route::To(_, identifier) => Some(identifier),
                    Route::Nowhere | Route::BadId(..) => None,
                };
                self.disconnect(token, named.as_ref(), features, reason, opened)
            }
        }
    }

    async fn connect(&self, token: Token, client: &StoredRequest, features: Features) -> CallbackAnswer {
        let (service, identifier) = match self.routes.route(&client.url) {
            Route::To(service, identifier) => (service, identifier),
            Route::Nowhere => return CallbackAnswer::no_service(),
            Route::BadId(parameter, error) => return CallbackAnswer::bad_id(parameter, error),
        };
        let (seats, if_missing) = match service.on_connect(&identifier, client).await {
            Admission::Accept(if_missing) => (Seats::One, if_missing),
            Admission::Share(if_missing) => (Seats::Many, if_missing),
            Admission::Refuse { status, message } => return CallbackAnswer::refused(status, &message),
        };
        match self.connections.connect(&identifier, token, features, seats, if_missing) {
            Ok(wish) => CallbackAnswer::connected(wish),
            Err(error @ ConnectError::Over) => CallbackAnswer::error(410, "STREAM_OVER", &error.to_string()),
            Err(error @ ConnectError::Elsewhere) => {
                CallbackAnswer::error(409, "TOKEN_CONNECTED", &error.to_string())
            }
            Err(error @ ConnectError::Full) => {
                CallbackAnswer::error(503, "CONNECTIONS_FULL", &error.to_string())
            }
            Err(error @ ConnectError::NeedsTopics) => {
                CallbackAnswer::error(501, "TOPICS_NEEDED", &error.to_string())
            }
        }
    }

    /// A disconnect is never refused: what it means was decided before, and nobody could act on it.
    fn disconnect(
        &self,
        token: Token,
        named: Option<&Identifier>,
        features: Features,
        reason: CloseReason,
        opened: Option<bool>,
    ) -> CallbackAnswer {
        if let Some(identifier) = self.connections.disconnect(token, named, features, reason, opened)
            && let Some(service) = self.routes.service(identifier.service())
        {
            service.on_disconnect(&identifier, reason);
        }
        CallbackAnswer::noted()
    }
}
