//! A backend whose answers the test writes.
//!
//! [`Callbacks`] records every request in order and answers it by the newest rule that fits;
//! `rule` holds the rules, `answer` what can be answered, `received` what was recorded,
//! `connection` the server's side of one socket.

mod answer;
mod connection;
mod received;
mod rule;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::deadline::within;
use connection::serve;
use rule::Rules;

pub use answer::{Answer, Gate};
pub use received::{Action, Callback};
pub use rule::When;

/// A scriptable backend; dropping it closes its sockets.
///
/// Every callback that no rule fits is answered with 200 and an empty body.
pub struct Callbacks {
    address: SocketAddr,
    state: Arc<State>,
    acceptor: JoinHandle<()>,
}

/// What the sockets and the test share.
#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
    /// Told of every change of the inner state.
    changed: watch::Sender<()>,
    /// Raised to close the idle connections.
    close_idle: watch::Sender<()>,
}

#[derive(Default)]
struct Inner {
    rules: Rules,
    received: Vec<Arc<Callback>>,
    /// Beside each received one, whether the test has taken it.
    taken: Vec<bool>,
    connections: usize,
    connections_open: usize,
    in_flight: usize,
    in_flight_max: usize,
    /// The next request on a kept connection with a larger body is reset after this many bytes of it.
    reset_reused_after: Option<usize>,
}

impl Callbacks {
    /// Listens on a free loopback port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        Self::on(TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port"))
    }

    /// Listens on this address, which an earlier backend has left.
    ///
    /// # Panics
    /// When somebody else has it.
    pub async fn start_on(address: SocketAddr) -> Self {
        Self::on(TcpListener::bind(address).await.expect("the address is free again"))
    }

    fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::<State>::default();
        let acceptor = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, acceptor }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL for `CALLBACK_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/api/sse/callback", self.address)
    }

    /// Answers the callbacks that fit like this from here on; the newest rule that fits wins.
    pub fn answer(&self, when: When, answer: Answer) {
        self.state.lock().rules.push(when, answer);
    }

    /// Resets the next request on a kept-alive connection whose body is larger than this, once this much
    /// of the body is read.
    pub fn reset_reused_after(&self, bytes: usize) {
        self.state.lock().reset_reused_after = Some(bytes);
    }

    /// Tells whether that reset has happened, or none was asked for.
    #[must_use]
    pub fn has_reset(&self) -> bool {
        self.state.lock().reset_reused_after.is_none()
    }

    /// Closes the connections that wait for a request, without a word, and waits until they are closed.
    pub async fn close_idle_connections(&self) {
        self.state.close_idle.send_replace(());
        self.wait("the idle connections are closed", |inner| {
            (inner.connections_open == inner.in_flight).then_some(())
        })
        .await;
    }

    /// Waits for the next connect callback that the test has not taken yet.
    ///
    /// # Panics
    /// When it does not come within the deadline.
    pub async fn next_connect(&self) -> Arc<Callback> {
        self.take("a connect callback", |callback| callback.action == Action::Connect).await
    }

    /// Waits for the next disconnect callback that the test has not taken yet.
    ///
    /// # Panics
    /// When it does not come within the deadline.
    pub async fn next_disconnect(&self) -> Arc<Callback> {
        self.take("a disconnect callback", |callback| callback.action == Action::Disconnect).await
    }

    /// Waits for the connect callback of this request target.
    ///
    /// # Panics
    /// When it does not come within the deadline.
    pub async fn connect_of(&self, target: &str) -> Arc<Callback> {
        let fits = |callback: &Callback| callback.action == Action::Connect && callback.url == target;
        self.take(&format!("the connect callback of {target}"), fits).await
    }

    /// Waits for the disconnect callback of this token.
    ///
    /// # Panics
    /// When it does not come within the deadline.
    pub async fn disconnect_of(&self, token: &str) -> Arc<Callback> {
        let fits = |callback: &Callback| callback.action == Action::Disconnect && callback.token == token;
        self.take(&format!("the disconnect callback of {token}"), fits).await
    }

    /// Every request so far, in the order of arrival, taken or not.
    #[must_use]
    pub fn received(&self) -> Vec<Arc<Callback>> {
        self.state.lock().received.clone()
    }

    /// Counts the disconnect callbacks of this token so far.
    #[must_use]
    pub fn disconnects(&self, token: &str) -> usize {
        let fits =
            |callback: &&Arc<Callback>| callback.action == Action::Disconnect && callback.token == token;
        self.received().iter().filter(fits).count()
    }

    /// Asserts that the test has taken every callback.
    ///
    /// # Panics
    /// With those that nobody expected.
    pub fn assert_none_left(&self) {
        let inner = self.state.lock();
        let left: Vec<_> = inner
            .received
            .iter()
            .zip(&inner.taken)
            .filter(|(_, taken)| !**taken)
            .map(|(left, _)| left)
            .collect();
        assert!(left.is_empty(), "callbacks that nobody expected: {left:#?}");
    }

    /// Waits until this many callbacks wait for their answers.
    ///
    /// # Panics
    /// When it does not happen within the deadline.
    pub async fn wait_in_flight(&self, count: usize) {
        self.wait(&format!("{count} callbacks in flight"), |inner| (inner.in_flight == count).then_some(()))
            .await;
    }

    /// The most callbacks that ever waited for their answers at the same time.
    #[must_use]
    pub fn in_flight_max(&self) -> usize {
        self.state.lock().in_flight_max
    }

    async fn take(&self, what: &str, fits: impl Fn(&Callback) -> bool) -> Arc<Callback> {
        self.wait(what, |inner| {
            let index = inner
                .received
                .iter()
                .zip(&inner.taken)
                .position(|(callback, taken)| !taken && fits(callback))?;
            inner.taken[index] = true;
            Some(Arc::clone(&inner.received[index]))
        })
        .await
    }

    async fn wait<T>(&self, what: &str, mut look: impl FnMut(&mut Inner) -> Option<T>) -> T {
        let mut changed = self.state.changed.subscribe();
        within(what, async {
            loop {
                if let Some(found) = look(&mut self.state.lock()) {
                    return found;
                }
                changed.changed().await.expect("the sender lives as long as the backend");
            }
        })
        .await
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        // The sockets are the acceptor's children.
        self.acceptor.abort();
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let value = change(&mut self.lock());
        self.changed.send_replace(());
        value
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut sockets = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        sockets.spawn(serve(stream, Arc::clone(&state)));
        while sockets.try_join_next().is_some() {}
    }
}
