//! The log behind a lock that is held for one command, or for one batch of them.
//!
//! A command waits for a place in every shard's inbox *before* the lock is taken, so under the lock
//! nothing waits, and what a command offers is in the inboxes before the next one runs: the order in
//! each inbox is that of the sequence. The wait for places is what slows publishers down to the pace
//! of the shards.
//!
//! Callers await their command and need not know where it is carried out: without a disk in place, with
//! one by the [scribe](super::scribe), who writes many commands down at once before it answers any. Who
//! listens to what is not written down: that is decided in place always, in one step of the stream's
//! shard ([`Turn`]).

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use sse_gateway_engine::Time;
use sse_gateway_engine::log::{
    Description, Listener, Log, LogCensus, LogLimits, Offer, Page, PageSize, Reading,
};
use sse_gateway_protocol::{Epoch, Seq};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::clock::Clock;
use crate::shard::Command;

use super::scribe::{Answer, Job};

/// The log in memory, and the inboxes of the shards that it tells.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Never held over an await: each command takes microseconds.
    state: Mutex<State>,
    epoch: Epoch,
    inboxes: Box<[mpsc::Sender<Command>]>,
    clock: Clock,
    due_sooner: Notify,
    /// The way to the scribe, where there is one.
    jobs: Option<mpsc::Sender<Job>>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) log: Log,
    /// When [`super::age()`] will look next by itself.
    alarm: Option<Time>,
    pub(super) sealed: bool,
    /// Up to here numbers may be given out in place: no later life of the log gives them out again.
    pub(super) numbers_through: Seq,
}

/// What is offered to each shard, in order.
type Offers = Vec<Vec<Offer>>;

/// Why the log takes no commands; nothing has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// The streams end, and what is published would reach nobody.
    ShuttingDown,
    /// The disk takes nothing: what is not written must not be answered, or there are no numbers left.
    NotWritten,
}

impl Ledger {
    /// Begins a life of the log in memory, with an epoch of its own.
    pub(crate) fn in_memory(limits: LogLimits, inboxes: Box<[mpsc::Sender<Command>]>, clock: Clock) -> Self {
        let (_, random) = uuid::Uuid::new_v4().as_u64_pair();
        Self::of(Log::new(limits, Epoch::from_random(random), 1), inboxes, clock, None)
    }

    /// Takes a log whose commands are written down by whoever receives the jobs.
    pub(super) fn of(
        log: Log,
        inboxes: Box<[mpsc::Sender<Command>]>,
        clock: Clock,
        jobs: Option<mpsc::Sender<Job>>,
    ) -> Self {
        let epoch = log.epoch().clone();
        let alarm = log.next_deadline();
        let numbers_through = if jobs.is_some() { 0 } else { Seq::MAX };
        let state = Mutex::new(State { log, alarm, sealed: false, numbers_through });
        Self { state, epoch, inboxes, clock, due_sooner: Notify::new(), jobs }
    }

    /// Names the log's life.
    pub(crate) fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Carries a command out; when this returns, what it offers stands in the shards' inboxes.
    ///
    /// Cancelled before it returns, it may or may not have happened.
    pub(crate) async fn execute<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Log, Time) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        match &self.jobs {
            None => self.places().await.execute(command),
            Some(jobs) => self.have_done(jobs, command, false).await,
        }
    }

    /// Carries publishes out, one of which may repeat another that waits for the disk.
    pub(crate) async fn publish<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Log, Time) -> T + Send + 'static,
    ) -> Result<T, Unavailable> {
        match &self.jobs {
            None => self.places().await.execute(command),
            Some(jobs) => self.have_done(jobs, command, true).await,
        }
    }

    async fn have_done<T: Send + 'static>(
        &self,
        jobs: &mpsc::Sender<Job>,
        command: impl FnOnce(&mut Log, Time) -> T + Send + 'static,
        may_repeat: bool,
    ) -> Result<T, Unavailable> {
        let (sender, receiver) = oneshot::channel();
        let command = move |log: &mut Log, now: Time| -> Answer {
            let answer = command(log, now);
            // Whoever asked may be gone by then.
            Box::new(move |kept| drop(sender.send(kept.map(|()| answer))))
        };
        let dropped = || if self.lock().sealed { Unavailable::ShuttingDown } else { Unavailable::NotWritten };
        let job = Job { command: Box::new(command), may_repeat };
        jobs.send(job).await.map_err(|_| dropped())?;
        receiver.await.map_err(|_| dropped())?
    }

    /// Waits until a command that nobody writes down can be carried out at once, for a caller that must
    /// not wait afterwards.
    ///
    /// # Errors
    /// That there are no numbers left, as the disk takes nothing.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, Unavailable> {
        if self.jobs.is_some() && self.lock().is_out_of_numbers() {
            // Whoever writes reserves more.
            self.execute(|_, _| ()).await?;
        }
        Ok(self.places().await)
    }

    /// Waits for a place in every inbox.
    pub(super) async fn places(&self) -> Turn<'_> {
        let mut places = Vec::with_capacity(self.inboxes.len());
        for inbox in &self.inboxes {
            // A shard that is gone has no streams to tell.
            places.push(inbox.reserve().await.ok());
        }
        Turn { ledger: self, places }
    }

    /// Gives a replaying stream what comes next.
    pub(crate) fn read(&self, listener: Listener, reading: Reading<'_>, size: PageSize) -> Page {
        self.with(|log, _| log.read(listener, reading, size))
    }

    /// Carries out a command that offers nothing to anybody.
    pub(crate) fn with<T>(&self, command: impl FnOnce(&mut Log, Time) -> T) -> T {
        let mut state = self.lock();
        let answer = command(&mut state.log, self.clock.now());
        debug_assert!(self.jobs.is_some() || state.log.next_offer().is_none(), "an offer without its place");
        self.set_alarm(&mut state);
        answer
    }

    /// Describes a topic.
    pub(crate) fn describe(&self, name: &str) -> Option<Description> {
        self.lock().log.describe(name)
    }

    pub(crate) fn census(&self) -> LogCensus {
        self.lock().log.census()
    }

    /// Takes no commands from here on: all that it took before stands in the inboxes.
    pub(crate) fn seal(&self) {
        self.lock().sealed = true;
    }

    /// Lets go what is due, and says when to come again.
    pub(super) fn tick(&self) -> Option<Instant> {
        let mut state = self.lock();
        state.log.tick(self.clock.now());
        state.alarm = state.log.next_deadline();
        state.alarm.map(|alarm| self.clock.instant(alarm))
    }

    /// Waits until something is due sooner than [`tick`](Ledger::tick) has said.
    pub(super) async fn due_sooner(&self) {
        self.due_sooner.notified().await;
    }

    /// Gives the scribe the log.
    pub(super) fn with_state<T>(&self, act: impl FnOnce(&mut State, Time) -> T) -> T {
        let mut state = self.lock();
        let answer = act(&mut state, self.clock.now());
        self.set_alarm(&mut state);
        answer
    }

    fn set_alarm(&self, state: &mut State) {
        let due = state.log.next_deadline();
        if due.is_some_and(|due| state.alarm.is_none_or(|alarm| due < alarm)) {
            state.alarm = due;
            self.due_sooner.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|_| {
            tracing::error!("the log is left half changed by a panic; the gateway cannot go on");
            std::process::abort()
        })
    }
}

/// A place in every shard's inbox.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    ledger: &'a Ledger,
    places: Vec<Option<mpsc::Permit<'a, Command>>>,
}

impl Turn<'_> {
    /// Carries a command out at once. While others wait for the disk, what it offers waits behind them.
    pub(crate) fn execute<T>(self, command: impl FnOnce(&mut Log, Time) -> T) -> Result<T, Unavailable> {
        let mut state = self.ledger.lock();
        if state.sealed {
            return Err(Unavailable::ShuttingDown);
        }
        let now = self.ledger.clock.now();
        let (others_wait, mark) = (state.log.has_staged(), state.log.mark());
        let answer = command(&mut state.log, now);
        let to_write = || state.log.staged_since(mark).next().is_some();
        debug_assert!(self.ledger.jobs.is_none() || !to_write(), "a command for the scribe");
        if !others_wait {
            state.log.commit(now);
            self.send(&mut state);
        }
        Ok(answer)
    }

    /// Lets what is staged take effect, or takes it back.
    pub(super) fn conclude(self, conclude: impl FnOnce(&mut Log, Time)) {
        let mut state = self.ledger.lock();
        conclude(&mut state.log, self.ledger.clock.now());
        self.send(&mut state);
    }

    /// Puts what is offered into the inboxes, before anybody else has the log.
    fn send(self, state: &mut State) {
        for (place, offers) in self.places.into_iter().zip(state.take_offers()) {
            if let Some(place) = place
                && !offers.is_empty()
            {
                place.send(Command::Offers(offers));
            }
        }
        self.ledger.set_alarm(state);
    }
}

impl State {
    fn is_out_of_numbers(&self) -> bool {
        self.log.newest() >= self.numbers_through
    }

    /// Takes all offers, those of each shard in order.
    fn take_offers(&mut self) -> Offers {
        let mut offers = Offers::new();
        while let Some((shard, offer)) = self.log.next_offer() {
            if offers.len() <= shard {
                offers.resize_with(shard + 1, Vec::new);
            }
            offers[shard].push(offer);
        }
        offers
    }
}
