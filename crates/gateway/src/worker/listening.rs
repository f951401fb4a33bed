//! Streams and the log: how a stream with topics opens, and what others ask of it by its token.

use std::rc::Rc;
use std::sync::Arc;

use sse_gateway_engine::log::{Heard, Listened, Listener, Log, Refused};
use sse_gateway_engine::{Accepted, Answer, Key, Then};
use sse_gateway_protocol::callback::{IfMissing, TOPICS_MAX, TopicWish};
use sse_gateway_protocol::change::Change;
use sse_gateway_protocol::sse::{Encoder, Frame};
use sse_gateway_protocol::{Seq, Token};
use tokio::sync::oneshot;

use super::Worker;
use crate::listener::Taken;
use crate::log::Unavailable;
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
    /// The log's disk fails, and no more numbers may be given out; the socket is to be answered 507.
    NotWritten(Taken),
}

/// What a stream wants to listen to: its backend's wishes, and its client's cursor.
pub(crate) type Wanted = (Vec<TopicWish>, Option<Box<[u8]>>);

impl Worker {
    /// Subscribes a stream and opens it, in one step of its shard: whatever the log offers above the
    /// subscription comes to the inbox behind this step, and finds the stream. So whoever takes one of
    /// its topics over a moment later replaces it, and a client that has gone takes nothing over.
    pub(crate) async fn listen(&self, key: Key, wanted: Wanted, accepted: Accepted, taken: Taken) -> Opened {
        let turn = self.shared.log.turn().await;
        if !self.driver.borrow().awaits_answer(key) {
            self.answered(key, Answer::Accepted(accepted));
            return Opened::Gone;
        }
        let ((wishes, cursor), listener) = (wanted, Listener { shard: self.index, key });
        let listen = |log: &mut Log, now| log.listen(&wishes, cursor.as_deref(), listener, now);
        self.conclude(key, turn.and_then(|turn| turn.execute(listen)), accepted, taken)
    }

    fn conclude(
        &self,
        key: Key,
        listened: Result<Result<Listened, Refused>, Unavailable>,
        accepted: Accepted,
        taken: Taken,
    ) -> Opened {
        let then = match listened {
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
            Err(Unavailable::NotWritten) => {
                self.answered(key, Answer::Unknown);
                return Opened::NotWritten(taken);
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

    /// Changes what a stream of this shard listens to, in one step of it, so that it is the stream that
    /// was found.
    async fn change_here(&self, token: &Token, change: &Change) -> Result<Seq, Unchanged> {
        let turn = self.shared.log.turn().await.map_err(Unchanged::Unavailable)?;
        let (listener, heard) = self.changeable(token, change)?;
        let changed = turn.execute(|log, now| log.change(listener, &change.add, &change.remove, &heard, now));
        changed.map_err(Unchanged::Unavailable)?.map_err(Unchanged::Refused)
    }

    /// Finds a stream that may be changed so, and what it has.
    fn changeable(&self, token: &Token, change: &Change) -> Result<(Listener, Heard), Unchanged> {
        let driver = self.driver.borrow();
        let key = driver.find(token).ok_or(Unchanged::NotFound)?;
        if driver.topics_after(key, change) > TOPICS_MAX {
            return Err(Unchanged::TooMany);
        }
        Ok((Listener { shard: self.index, key }, driver.heard(key)))
    }

    /// Asks a shard by its inbox, the own one too: the question stands behind what was offered before.
    async fn ask<T>(&self, shard: usize, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, receiver) = oneshot::channel();
        self.shared.shards[shard].inbox.send(command(answer)).await.ok()?;
        receiver.await.ok()
    }
}

/// Changes what a stream listens to, and answers.
pub(super) async fn change(
    worker: Rc<Worker>,
    token: Token,
    change: Change,
    answer: oneshot::Sender<Result<Seq, Unchanged>>,
) {
    let changed = worker.change_here(&token, &change).await;
    // Whoever asked may be gone by now; the answer then interests nobody.
    let _ = answer.send(changed);
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
