//! Streams and the log: how a stream with topics opens, and what others ask of it by its token.

use std::rc::Rc;
use std::sync::Arc;

use sse_gateway_engine::log::{Listened, Listener, Refused};
use sse_gateway_engine::{Accepted, Answer, Key, Then};
use sse_gateway_protocol::callback::{IfMissing, TOPICS_MAX, TopicWish};
use sse_gateway_protocol::change::Change;
use sse_gateway_protocol::sse::{Encoder, Frame};
use sse_gateway_protocol::{Seq, Token};
use tokio::sync::oneshot;

use super::Worker;
use crate::listener::Taken;
use crate::log::{Turn, Unavailable};
use crate::shard::{self, Command, Unchanged};

/// How the opening of a stream with topics came out.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It is open, and listens or was told what is missing.
    Open,
    /// Its client has left, or the gateway is shutting down.
    Gone,
    /// There is nothing left to hear; the socket is to be answered 204.
    Over(Taken),
    /// There are too many topics; the socket is to be answered 429.
    Full(Taken),
}

impl Worker {
    /// Subscribes a stream and opens it, in one step of its shard: whatever the log offers above the
    /// subscription comes to the inbox behind this step, and finds the stream. So whoever takes one of
    /// its topics over a moment later replaces it, and a client that has gone takes nothing over.
    pub(crate) fn listen(
        &self,
        turn: Turn<'_>,
        key: Key,
        (wishes, cursor): (&[TopicWish], Option<&[u8]>),
        accepted: Accepted,
        taken: Taken,
    ) -> Opened {
        let listener = Listener { shard: self.index, key };
        if !self.driver.borrow().awaits_answer(key) {
            self.answered(key, Answer::Accepted(accepted));
            return Opened::Gone;
        }
        let then = match turn.execute(|log, now| log.listen(wishes, cursor, listener, now)) {
            Ok(Ok(Listened::Listening(start))) => Then::Listen(start),
            Ok(Ok(Listened::Missing(told))) => tell(&told),
            Ok(Ok(Listened::Over)) => {
                self.answered(key, Answer::Over);
                return Opened::Over(taken);
            }
            Ok(Err(Refused::TopicsFull | _)) => {
                self.answered(key, Answer::Unknown);
                return Opened::Full(taken);
            }
            Err(Unavailable::ShuttingDown) => {
                self.connection_lost(key);
                self.answered(key, Answer::Accepted(accepted));
                return Opened::Gone;
            }
        };
        let opened = self.open(key, Answer::Accepted(Accepted { then, ..accepted }), taken);
        if opened { Opened::Open } else { Opened::Gone }
    }

    /// Changes what a stream of any shard listens to; gives the number of the change.
    pub(crate) async fn change(&self, token: Token, change: Change) -> Result<Seq, Unchanged> {
        let shard = shard::shard_of(&token, self.shared.shards.len());
        let changed = self.ask(shard, |answer| Command::Change { token, change, answer }).await;
        changed.unwrap_or(Err(Unchanged::NotFound))
    }

    /// Closes a stream of any shard with a reason; false when there is none.
    pub(crate) async fn close(&self, token: Token, reason: Arc<str>) -> bool {
        let shard = shard::shard_of(&token, self.shared.shards.len());
        self.ask(shard, |answer| Command::Close { token, reason, answer }).await.unwrap_or(false)
    }

    /// Closes all streams of a subject with a reason; gives how many that were.
    pub(crate) async fn close_subject(&self, subject: &Arc<str>, reason: &Arc<str>) -> usize {
        let command = |answer| Command::CloseSubject {
            subject: Arc::clone(subject),
            reason: Arc::clone(reason),
            answer,
        };
        self.shared.ask_all(command).await.into_iter().map(|(_, closed)| closed).sum()
    }

    fn change_here(&self, turn: Turn<'_>, token: &Token, change: &Change) -> Result<Seq, Unchanged> {
        let (listener, heard) = {
            let driver = self.driver.borrow();
            let key = driver.find(token).ok_or(Unchanged::NotFound)?;
            if driver.topics_after(key, change) > TOPICS_MAX {
                return Err(Unchanged::TooMany);
            }
            (Listener { shard: self.index, key }, driver.heard(key, &change.remove))
        };
        let Change { add, remove } = change;
        let changed = turn.execute(|log, now| log.change(listener, add, remove, &heard, now));
        changed.map_err(Unchanged::Unavailable)?.map_err(Unchanged::Refused)
    }

    /// Asks a shard by its inbox, the own one too: the question stands behind what was offered before.
    async fn ask<T>(&self, shard: usize, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, receiver) = oneshot::channel();
        self.shared.shards[shard].inbox.send(command(answer)).await.ok()?;
        receiver.await.ok()
    }
}

/// Changes what a stream listens to, in one step of its shard, so that it is the stream that was found.
pub(super) async fn change(
    worker: Rc<Worker>,
    token: Token,
    change: Change,
    answer: oneshot::Sender<Result<Seq, Unchanged>>,
) {
    let turn = worker.shared.log.turn().await;
    // Whoever asked may be gone by now; the answer then interests nobody.
    let _ = answer.send(worker.change_here(turn, &token, &change));
}

fn tell(told: &IfMissing) -> Then {
    Then::Close { last: encode(told), reason: told.reason.as_str().into() }
}

fn encode(told: &IfMissing) -> Option<Frame> {
    let mut encoder = Encoder::for_payload(told.events.iter().map(|event| event.data.len() + 64).sum());
    for event in &told.events {
        encoder.event(event.name.as_deref(), &event.data);
    }
    (!told.events.is_empty()).then(|| encoder.finish())
}
