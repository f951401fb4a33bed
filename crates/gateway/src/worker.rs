//! One thread: the connections it was given, a shard of the streams, and its callbacks.
//!
//! Everything in here stays on its thread, so nothing needs a lock and a stream never changes
//! threads. Other threads reach the shard through its inbox only. The runtime's own poller watches
//! the shard's epoll instance, so an idle thread sleeps in one place.

mod listening;

use std::cell::RefCell;
use std::io;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sse_gateway_engine::log::PageSize;
use sse_gateway_engine::{Answer, Key, Limits, Sent};
use sse_gateway_protocol::Token;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::sleep_until;

use crate::callbacks::{Callbacks, Target};
use crate::connect::{self, Disconnects};
use crate::listener::{Accepted, Door, Taken, accept, serve};
use crate::shard::{self, Command, Driver, Ended, Turn, Wanted};
use crate::shared::Shared;

pub(crate) use listening::Opened;

/// How many commands are taken before sockets get their turn.
const COMMANDS_PER_TURN: usize = 256;
/// How many events are put into outboxes before sockets get their turn: one publish may be for
/// thousands of streams.
const EVENTS_PER_TURN: u64 = 32_768;
/// How much a replaying stream reads from the log at once, also when its outbox may hold much more:
/// others wait for the log meanwhile.
const PAGE_BYTES_MAX: usize = 64 << 10;
/// How many events that is at most.
const PAGE_ITEMS_MAX: usize = 256;

/// What the tasks of one thread share.
pub(crate) struct Worker {
    pub(crate) shared: Arc<Shared>,
    /// `None` without `CALLBACK_URL`.
    pub(crate) callbacks: Option<Callbacks>,
    pub(crate) disconnects: Disconnects,
    index: usize,
    driver: RefCell<Driver>,
    /// Wakes the driver's loop when a task has given the engine something to do.
    work: Notify,
}

/// Runs a worker on the calling thread until the gateway is dropped; it also accepts at `doors`, for
/// all workers.
pub(crate) fn run(
    index: usize,
    shared: Arc<Shared>,
    target: Option<Arc<Target>>,
    inbox: mpsc::Receiver<Command>,
    connections: mpsc::Receiver<Accepted>,
    doors: Vec<Door>,
) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let limits = limits(&shared);
    runtime.block_on(async move {
        let driver = RefCell::new(Driver::new(index, limits, Arc::clone(&shared.log), shared.clock)?);
        let callbacks = target.map(Callbacks::new);
        let worker = Rc::new(Worker {
            shared,
            callbacks,
            disconnects: Disconnects::default(),
            index,
            driver,
            work: Notify::new(),
        });
        for door in doors {
            spawn_local(accept(door, Rc::clone(&worker)));
        }
        spawn_local(connect::issue_all(Rc::clone(&worker)));
        spawn_local(take_connections(Rc::clone(&worker), connections));
        let stopped = worker.shared.stopped.clone();
        stopped.run_until_cancelled(worker.drive(inbox)).await.unwrap_or(Ok(()))
        // What the tasks still hold goes with the runtime.
    })
}

fn limits(shared: &Shared) -> Limits {
    let streams = &shared.config.streams;
    Limits {
        outbox_bytes_max: streams.outbox_bytes_max,
        outbox_bytes_total_max: streams.outbox_bytes_total_max,
        heartbeat_interval: streams.heartbeat_interval,
        write_timeout: streams.write_timeout,
        drain_timeout: connect::DRAIN_TIMEOUT,
        replaced_retry: Duration::from_millis(shared.config.topics.replaced_retry_ms),
        page: PageSize {
            items_max: PAGE_ITEMS_MAX,
            // A page comes beside what is left of the one before.
            bytes_max: PAGE_BYTES_MAX.min(streams.outbox_bytes_max / 2),
        },
    }
}

#[expect(deprecated, reason = "its successor is unsafe; this descriptor is owned and never replaced")]
pub(crate) fn watch<T: AsRawFd>(descriptor: T) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}

async fn take_connections(worker: Rc<Worker>, mut connections: mpsc::Receiver<Accepted>) {
    while let Some(accepted) = connections.recv().await {
        spawn_local(serve(accepted, Rc::clone(&worker)));
    }
}

impl Worker {
    /// Drives the shard: takes commands, looks at sockets, writes.
    async fn drive(self: &Rc<Self>, mut inbox: mpsc::Receiver<Command>) -> io::Result<()> {
        let epoll = watch(self.driver.borrow().epoll())?;
        let mut alarm = pin!(sleep_until(Instant::now().into()));
        let mut more = Turn::Done;
        loop {
            let mut sockets_ready = more == Turn::More;
            let deadline = self.driver.borrow().next_deadline().map(Into::into);
            if let Some(deadline) = deadline
                && alarm.deadline() != deadline
            {
                alarm.as_mut().reset(deadline);
            }
            if more == Turn::More {
                // Whatever else this thread has to do goes first; then the rest of the turn.
                tokio::task::yield_now().await;
            } else {
                tokio::select! {
                    // Each branch is empty once it was taken, so none keeps another waiting.
                    biased;
                    ready = epoll.readable() => {
                        // Cleared first: what comes while the sockets are read raises it again.
                        ready?.clear_ready();
                        sockets_ready = true;
                    }
                    () = self.work.notified() => {}
                    command = inbox.recv() => match command {
                        Some(command) => self.obey(command),
                        None => return Ok(()),
                    },
                    () = &mut alarm, if deadline.is_some() => {}
                }
            }
            self.driver.borrow_mut().set_elsewhere_bytes(self.shared.elsewhere_bytes(self.index));
            let enough = self.driver.borrow().events_accepted() + EVENTS_PER_TURN;
            for _ in 0..COMMANDS_PER_TURN {
                if self.driver.borrow().events_accepted() >= enough {
                    break;
                }
                let Ok(command) = inbox.try_recv() else { break };
                self.obey(command);
            }
            more = self.driver.borrow_mut().turn(sockets_ready);
            self.settle();
        }
    }

    /// Gives a connection to the worker that will own it; an error says that the worker is gone.
    pub(crate) async fn give(
        self: &Rc<Self>,
        index: usize,
        accepted: Accepted,
    ) -> Result<(), mpsc::error::SendError<Accepted>> {
        if index == self.index {
            spawn_local(serve(accepted, Rc::clone(self)));
            return Ok(());
        }
        self.shared.shards[index].connections.send(accepted).await
    }

    fn obey(self: &Rc<Self>, command: Command) {
        let mut driver = self.driver.borrow_mut();
        // Whoever asked may be gone by now; the answer then interests nobody.
        match command {
            Command::Send { send, answer } => {
                let _ = answer.send(self.send_here(&mut driver, send));
            }
            Command::SendAll { sends, answer } => {
                let sent = sends.into_iter().map(|send| self.send_here(&mut driver, send)).collect();
                let _ = answer.send(sent);
            }
            Command::Offers(offers) => offers.iter().for_each(|offer| driver.apply(offer)),
            Command::Change { token, change, answer } => {
                spawn_local(listening::change(Rc::clone(self), token, change, answer));
            }
            Command::Close { token, reason, answer } => drop(answer.send(driver.close(&token, &reason))),
            Command::CloseSubject { subject, reason, answer } => {
                let _ = answer.send(driver.close_subject(&subject, &reason));
            }
            Command::Report(answer) => drop(answer.send(driver.report())),
            Command::FullestBytes(answer) => drop(answer.send(driver.fullest_bytes())),
            Command::ShedFullest(answer) => {
                driver.shed_fullest();
                self.shared.shards[self.index].outbox_bytes.store(driver.outbox_bytes(), Ordering::Relaxed);
                let _ = answer.send(());
            }
            Command::ShutDown => driver.shut_down(),
            Command::Abandon(answer) => drop(answer.send(driver.abandon())),
        }
    }

    /// Tells the other threads what this shard holds, and the backend who has gone.
    fn settle(&self) {
        let (ended, bytes) = {
            let mut driver = self.driver.borrow_mut();
            (driver.take_ended(), driver.outbox_bytes())
        };
        self.shared.shards[self.index].outbox_bytes.store(bytes, Ordering::Relaxed);
        if self.shared.is_overfull() {
            self.shared.overfull.notify_one();
        }
        for ended in ended {
            match ended {
                Ended::Forgotten => self.shared.places.add_permits(1),
                Ended::Disconnected(disconnect) => {
                    self.disconnects.add(disconnect, self.shared.callbacks_running.token());
                }
            }
        }
    }

    /// Makes a token that this thread's shard owns.
    pub(crate) fn new_token(&self) -> Token {
        shard::token_for(self.index, self.shared.shards.len(), *uuid::Uuid::new_v4().as_bytes())
    }

    /// Begins a stream; the caller holds a place for it.
    pub(crate) fn begin(&self, token: Token, request: Box<str>) -> Key {
        self.driver.borrow_mut().connect(token, request)
    }

    /// Takes a refusal, or an acceptance that comes too late.
    pub(crate) fn answered(&self, key: Key, answer: Answer) {
        self.driver.borrow_mut().answered(key, answer);
        self.work.notify_one();
    }

    /// Opens a stream on its socket; false when it cannot open any more.
    pub(crate) fn open(&self, key: Key, answer: Answer, taken: Taken) -> bool {
        let opened = self.driver.borrow_mut().open(key, answer, taken.socket, taken.unread);
        self.work.notify_one();
        opened
    }

    /// The connection of a stream that is still opening is gone.
    pub(crate) fn connection_lost(&self, key: Key) {
        let mut driver = self.driver.borrow_mut();
        if self.shared.draining.is_cancelled() {
            // The shutdown dropped it, maybe before the shard was told; the reason is the shutdown.
            driver.shut_down();
        } else {
            driver.client_left(key);
        }
        self.work.notify_one();
    }

    fn send_here(&self, driver: &mut Driver, (token, frame, close): Wanted) -> Sent {
        driver.send(&token, frame.as_ref(), close, self.shared.elsewhere_bytes(self.index))
    }

    /// Sends to a stream of any shard; `None` when that shard is gone.
    pub(crate) async fn send(&self, send: Wanted) -> Option<Sent> {
        let shard = shard::shard_of(&send.0, self.shared.shards.len());
        if shard == self.index {
            let sent = self.send_here(&mut self.driver.borrow_mut(), send);
            self.work.notify_one();
            return Some(sent);
        }
        let (answer, receiver) = oneshot::channel();
        self.shared.shards[shard].inbox.send(Command::Send { send, answer }).await.ok()?;
        receiver.await.ok()
    }

    /// Sends to streams of any shards, those of one shard in their order; answers in the order of
    /// the sends. The other shards work meanwhile.
    pub(crate) async fn send_all(&self, sends: Vec<Wanted>) -> Vec<Option<Sent>> {
        let shards = self.shared.shards.len();
        let mut answers = vec![None; sends.len()];
        let mut by_shard: Vec<(Vec<usize>, Vec<Wanted>)> = vec![Default::default(); shards];
        for (place, send) in sends.into_iter().enumerate() {
            let (places, wanted) = &mut by_shard[shard::shard_of(&send.0, shards)];
            places.push(place);
            wanted.push(send);
        }
        let (places_here, here) = std::mem::take(&mut by_shard[self.index]);
        let mut asked = Vec::new();
        for (shard, (places, sends)) in by_shard.into_iter().enumerate() {
            let (answer, receiver) = oneshot::channel();
            let inbox = &self.shared.shards[shard].inbox;
            if !sends.is_empty() && inbox.send(Command::SendAll { sends, answer }).await.is_ok() {
                asked.push((places, receiver));
            }
        }
        if !here.is_empty() {
            let mut driver = self.driver.borrow_mut();
            for (place, send) in places_here.into_iter().zip(here) {
                answers[place] = Some(self.send_here(&mut driver, send));
            }
            self.work.notify_one();
        }
        for (places, receiver) in asked {
            for (place, sent) in places.into_iter().zip(receiver.await.unwrap_or_default()) {
                answers[place] = Some(sent);
            }
        }
        answers
    }
}
