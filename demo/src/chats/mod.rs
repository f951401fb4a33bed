//! Chats: a model's answer, piped to the gateway as it comes.
//!
//! [`Chats`] is the service: it asks the [`model`] and pipes the body of the answer to a topic, as it
//! is. The gateway keeps it and tells it to whoever listens, from the start or from where they were;
//! this process keeps nothing.

mod model;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use sse_gateway_backend::connections::{ConnectionManager, IfMissing, Message, PipeError};
use sse_gateway_backend::services::{Admission, Service};
use sse_gateway_backend::{Event, Identifier, StoredRequest};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

const NAME: &str = "chat";

/// How many answers may be under way; past it a question is refused.
const RUNNING_MAX: usize = 100;

/// Asks the model and lets any number of clients listen at `/api/sse/chats?chat_id=`. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Chats(Arc<Shared>);

struct Shared {
    connections: ConnectionManager,
    running: TaskTracker,
    stop: CancellationToken,
}

/// Names a chat: a random UUID.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChatId(Uuid);

/// Why a question is not asked.
#[derive(Debug)]
pub(crate) enum AskError {
    /// Too many answers are under way.
    Full,
    /// The answer has no way to the clients.
    Pipe(PipeError),
}

impl Chats {
    pub(crate) fn new(connections: ConnectionManager) -> Self {
        let (running, stop) = (TaskTracker::new(), CancellationToken::new());
        Self(Arc::new(Shared { connections, running, stop }))
    }

    /// Asks the model; its answer is on its way when this returns, and clients may listen.
    pub(crate) async fn ask(&self, prompt: &str, token_delay: Duration) -> Result<ChatId, AskError> {
        let Shared { connections, running, stop } = &*self.0;
        if running.len() >= RUNNING_MAX {
            return Err(AskError::Full);
        }
        let chat_id = ChatId(Uuid::new_v4());
        let identifier = chat_id.identifier();
        connections.open_pipe(&identifier).await.map_err(AskError::Pipe)?;
        let answer = model::answer(prompt, token_delay, stop.clone());
        running.spawn(pipe(connections.clone(), identifier, answer));
        Ok(chat_id)
    }

    /// Breaks off what is under way, and waits until its clients are told.
    pub(crate) async fn shut_down(&self) {
        self.0.stop.cancel();
        self.0.running.close();
        self.0.running.wait().await;
    }
}

async fn pipe(connections: ConnectionManager, identifier: Identifier, answer: model::Answer) {
    let Err(error) = connections.pipe(&identifier, answer, "chat_completed").await else { return };
    tracing::warn!(%identifier, %error, "an answer broke off");
    let last = Event::named("error", json!({ "error": "The answer broke off" }).to_string());
    if let Err(error) = connections.complete(&identifier, Message::kept(last), "chat_failed") {
        tracing::warn!(%identifier, %error, "its clients are not told");
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ChatId {
    fn identifier(self) -> Identifier {
        Identifier::parse(NAME, &self.0.to_string()).expect("a UUID is a valid id")
    }
}

#[async_trait]
impl Service for Chats {
    fn name(&self) -> &'static str {
        NAME
    }

    fn path(&self) -> &'static str {
        "/api/sse/chats"
    }

    fn parameter(&self) -> &'static str {
        "chat_id"
    }

    async fn on_connect(&self, identifier: &Identifier, _: &StoredRequest) -> Admission {
        let data = json!({ "error": "Chat not found", "chat_id": identifier.id() }).to_string();
        Admission::Share(IfMissing::Tell {
            events: vec![Event::named("error", data)],
            reason: "chat_not_found",
        })
    }
}
