//! The accept loop: each connection goes to the next worker in turn.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SocketFlags, acceptfrom_with};
use tracing::warn;

use crate::routes::Port;
use crate::worker::{Worker, watch};

/// How long to wait when the process is out of descriptors or memory; accepting at once would spin.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// How many connections are accepted before the thread's other work gets its turn.
const ACCEPTS_PER_TURN: usize = 64;

/// A listener, and what is behind it.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) port: Port,
}

/// A connection on its way to the worker that will own it.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) port: Port,
}

/// Accepts until a shutdown begins; a worker whose queue is full makes the loop wait.
///
/// It runs on one of the workers: a thread of its own would cost every few connections a change of
/// threads, and a runtime's own listener would watch each socket where nobody waits for it.
pub(crate) async fn accept(door: Door, worker: Rc<Worker>) {
    let stop = worker.shared.draining.clone();
    match stop.run_until_cancelled(accept_all(door, &worker)).await {
        None | Some(Ok(())) => {}
        Some(Err(error)) => tracing::error!(%error, "connections are not accepted any more"),
    }
}

async fn accept_all(door: Door, worker: &Rc<Worker>) -> io::Result<()> {
    let listener = watch(door.listener)?;
    let mut turns = (0..worker.shared.shards.len()).cycle();
    loop {
        let mut ready = listener.readable().await?;
        for _ in 0..ACCEPTS_PER_TURN {
            match acceptfrom_with(listener.get_ref(), SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok((socket, peer)) => {
                    // A client that is gone already may have no address left.
                    let Some(Ok(peer)) = peer.map(SocketAddr::try_from) else { continue };
                    let accepted = Accepted { socket: socket.into(), peer, port: door.port };
                    if let Some(index) = turns.next()
                        && worker.give(index, accepted).await.is_err()
                    {
                        return Ok(());
                    }
                }
                Err(Errno::AGAIN) => {
                    ready.clear_ready();
                    break;
                }
                Err(error) if is_of_one_connection(error) => {}
                Err(error) => {
                    warn!(%error, "cannot accept connections; trying again");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

/// The client was gone before it was accepted: nothing is wrong with the listener.
fn is_of_one_connection(error: Errno) -> bool {
    matches!(error, Errno::CONNABORTED | Errno::CONNREFUSED | Errno::CONNRESET | Errno::INTR)
}
