//! Streams and the log: how a stream with topics opens, and what others ask of it by its token.

use std::rc::Rc;
use std::sync::Arc;

use sse_gateway_engine::log::{Heard, Listened, Listener, Log, Refused, Start};
use sse_gateway_engine::{Accepted, Answer, Key, Then};
use sse_gateway_protocol::callback::{IfMissing, TOPICS_MAX, TopicWish};
use sse_gateway_protocol::change::Change;
use sse_gateway_protocol::sse::{Encoder, Frame};
use sse_gateway_protocol::{Seq, Token, TopicName};
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
    /// The log's disk fails, and no more numbers may be given out; the socket is to be answered 507.
    NotWritten(Taken),
}

/// A stream that opens when its shard hears that it listens: with a disk behind the log that takes a
/// while.
#[derive(Debug)]
pub(super) struct Waiting {
    accepted: Accepted,
    taken: Taken,
    opened: oneshot::Sender<Opened>,
}

/// What a stream wants to listen to: its backend's wishes, and its client's cursor.
pub(crate) type Wanted = (Vec<TopicWish>, Option<Box<[u8]>>);

impl Worker {
    /// Subscribes a stream and opens it, in one step of its shard: whatever the log offers above the
    /// subscription comes to the inbox behind this step, and finds the stream. So whoever takes one of
    /// its topics over a moment later replaces it, and a client that has gone takes nothing over.
    pub(crate) async fn listen(&self, key: Key, wanted: Wanted, accepted: Accepted, taken: Taken) -> Opened {
        let log = &self.shared.log;
        if log.is_in_place() {
            let turn = log.turn().await;
            return self.listen_at_once(turn, key, &wanted, accepted, taken);
        }
        if !self.driver.borrow().awaits_answer(key) {
            self.answered(key, Answer::Accepted(accepted));
            return Opened::Gone;
        }
        let (opened, opens) = oneshot::channel();
        self.waiting.borrow_mut().insert(key, Waiting { accepted, taken, opened });
        let listener = Listener { shard: self.index, key };
        let listened = log.execute(move |log, now| {
            let (wishes, cursor) = wanted;
            let listened = log.listen(&wishes, cursor.as_deref(), listener, now);
            if let Ok(Listened::Listening(start)) = &listened {
                log.announce(listener, start.clone());
            }
            listened
        });
        let listened = listened.await;
        if matches!(listened, Ok(Ok(Listened::Listening(_)))) {
            // An error says that this thread ends.
            return opens.await.unwrap_or(Opened::Gone);
        }
        match self.waiting.borrow_mut().remove(&key) {
            Some(Waiting { accepted, taken, .. }) => self.conclude(key, listened, accepted, taken),
            None => Opened::Gone,
        }
    }

    fn listen_at_once(
        &self,
        turn: Turn<'_>,
        key: Key,
        (wishes, cursor): &Wanted,
        accepted: Accepted,
        taken: Taken,
    ) -> Opened {
        let listener = Listener { shard: self.index, key };
        if !self.driver.borrow().awaits_answer(key) {
            self.answered(key, Answer::Accepted(accepted));
            return Opened::Gone;
        }
        let listened = turn.execute(|log, now| log.listen(wishes, cursor.as_deref(), listener, now));
        self.conclude(key, listened, accepted, taken)
    }

    /// The log has told its shard that a stream listens.
    pub(super) fn open_waiting(&self, key: Key, start: Start) {
        let waiting = self.waiting.borrow_mut().remove(&key);
        let Some(Waiting { accepted, taken, opened }) = waiting else { return };
        let outcome = self.conclude(key, Ok(Ok(Listened::Listening(start))), accepted, taken);
        // Nobody waits for it any more when the thread ends.
        let _ = opened.send(outcome);
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

    async fn change_here(&self, token: &Token, change: Change) -> Result<Seq, Unchanged> {
        let log = &self.shared.log;
        let changed = if log.is_in_place() {
            let turn = log.turn().await;
            let (listener, heard) = self.changeable(token, &change)?;
            turn.execute(|log, now| log.change(listener, &change.add, &change.remove, &heard, now))
        } else {
            let (listener, heard) = self.changeable(token, &change)?;
            let asked = log.with(|log, _| log.hear(listener, heard));
            let command = move |log: &mut Log, now| {
                let heard = log.recall(asked);
                log.change(listener, &change.add, &change.remove, &heard, now)
            };
            let changed = log.execute(command).await;
            if changed.is_err() {
                // It may not have been made.
                log.with(|log, _| log.recall(asked));
            }
            changed
        };
        changed.map_err(Unchanged::Unavailable)?.map_err(Unchanged::Refused)
    }

    /// Finds a stream that may be changed so, and what it has of the topics in question.
    fn changeable(&self, token: &Token, change: &Change) -> Result<(Listener, Heard), Unchanged> {
        let driver = self.driver.borrow();
        let key = driver.find(token).ok_or(Unchanged::NotFound)?;
        if driver.topics_after(key, change) > TOPICS_MAX {
            return Err(Unchanged::TooMany);
        }
        let added = change.add.iter().map(|wish| &wish.name);
        let names: Vec<TopicName> = added.chain(&change.remove).cloned().collect();
        Ok((Listener { shard: self.index, key }, driver.heard(key, &names)))
    }

    /// Asks a shard by its inbox, the own one too: the question stands behind what was offered before.
    async fn ask<T>(&self, shard: usize, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, receiver) = oneshot::channel();
        self.shared.shards[shard].inbox.send(command(answer)).await.ok()?;
        receiver.await.ok()
    }
}

/// Changes what a stream listens to, in one step of its shard if the log is in place, so that it is the
/// stream that was found.
pub(super) async fn change(
    worker: Rc<Worker>,
    token: Token,
    change: Change,
    answer: oneshot::Sender<Result<Seq, Unchanged>>,
) {
    let changed = worker.change_here(&token, change).await;
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
