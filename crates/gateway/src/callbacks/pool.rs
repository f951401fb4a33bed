//! Connections that wait for the next callback.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::spawn_local;

use super::connection::Connection;

/// How long a connection may have been idle: many servers close theirs after a few seconds, and a
/// callback must not meet that close.
const IDLE_MAX: Duration = Duration::from_secs(1);
/// How many connections a thread keeps.
const CONNECTIONS_MAX: usize = 64;

/// Idle connections, the most recently used last.
#[derive(Debug, Default)]
pub(super) struct Pool {
    idle: RefCell<VecDeque<(Instant, Connection)>>,
    /// Whether a task is there that closes what has become stale.
    swept: Cell<bool>,
}

impl Pool {
    /// Takes the connection that was idle for the shortest time.
    pub(super) fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        drop_stale(&mut idle);
        while let Some((_, mut connection)) = idle.pop_back() {
            if connection.is_usable() {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose last answer was read to its end.
    pub(super) fn put(self: &Rc<Self>, mut connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        drop_stale(&mut idle);
        if connection.is_usable() && idle.len() < CONNECTIONS_MAX {
            idle.push_back((Instant::now(), connection));
            if !self.swept.replace(true) {
                spawn_local(Rc::clone(self).sweep());
            }
        }
    }

    /// Closes what becomes stale, until nothing is left.
    async fn sweep(self: Rc<Self>) {
        loop {
            let Some(oldest) = self.idle.borrow().front().map(|(since, _)| *since) else { break };
            tokio::time::sleep_until((oldest + IDLE_MAX).into()).await;
            drop_stale(&mut self.idle.borrow_mut());
        }
        self.swept.set(false);
    }
}

fn drop_stale(idle: &mut VecDeque<(Instant, Connection)>) {
    while idle.front().is_some_and(|(since, _)| since.elapsed() >= IDLE_MAX) {
        idle.pop_front();
    }
}
