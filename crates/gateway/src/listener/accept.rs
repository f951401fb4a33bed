//! The accept loop: each connection goes to the next shard in turn.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::routes::Port;

/// How long to wait when the process is out of descriptors or memory; accepting at once would spin.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// A connection on its way to the shard that will own it.
pub(crate) struct Accepted {
    pub(crate) socket: std::net::TcpStream,
    pub(crate) peer: SocketAddr,
    pub(crate) port: Port,
}

/// Accepts until cancelled; a shard whose queue is full makes the loop wait.
pub(crate) async fn accept(
    listener: TcpListener,
    port: Port,
    shards: Vec<mpsc::Sender<Accepted>>,
    stop: CancellationToken,
) {
    for shard in shards.iter().cycle() {
        let accepted = tokio::select! {
            accepted = next(&listener) => accepted,
            () = stop.cancelled() => return,
        };
        let (socket, peer) = accepted;
        if shard.send(Accepted { socket, peer, port }).await.is_err() {
            return;
        }
    }
}

async fn next(listener: &TcpListener) -> (std::net::TcpStream, SocketAddr) {
    loop {
        match listener.accept().await.and_then(|(socket, peer)| Ok((socket.into_std()?, peer))) {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                warn!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

/// The client was gone before it was accepted: nothing is wrong with the listener.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
