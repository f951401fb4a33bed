//! A wire with faults on demand, between a client or a backend and a gateway.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::{eventually, free_port};

/// Passes bytes on to an address, unless told otherwise. Dropping it cuts every connection.
pub struct Relay {
    address: SocketAddr,
    upstream: SocketAddr,
    /// Requests pass, answers do not: their outcome is unknown.
    mute: watch::Sender<bool>,
    running: Option<Running>,
}

struct Running {
    stop: oneshot::Sender<()>,
    acceptor: JoinHandle<()>,
}

impl Relay {
    /// Listens on a free loopback port.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn start(upstream: SocketAddr) -> Self {
        // Outside the ephemeral range, so that nobody else gets the port while the relay is down.
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut relay = Self { address, upstream, mute: watch::Sender::new(false), running: None };
        relay.bring_up();
        relay
    }

    /// Gives where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets requests pass, and answers not, or everything again.
    pub fn set_mute(&self, mute: bool) {
        self.mute.send_replace(mute);
    }

    /// Cuts every connection, and leads new ones to another address.
    ///
    /// # Panics
    /// When the port cannot be had again.
    pub async fn lead_to(&mut self, upstream: SocketAddr) {
        self.take_down().await;
        self.upstream = upstream;
        self.bring_up();
    }

    /// When this returns, connecting is refused, and every connection is cut.
    ///
    /// # Panics
    /// When the port still takes connections after the deadline.
    pub async fn take_down(&mut self) {
        if let Some(Running { stop, acceptor }) = self.running.take() {
            stop.send(()).expect("it runs");
            acceptor.await.expect("it does not panic");
            // A process that another test is just starting may hold the listener a moment longer.
            let refused = async || TcpStream::connect(self.address).await.is_err();
            eventually("connecting is refused", refused).await;
        }
    }

    /// Takes connections again.
    ///
    /// # Panics
    /// When the port cannot be had again.
    pub fn bring_up(&mut self) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(self.address).expect("a free port");
        let listener = socket.listen(128).expect("listens");
        let (stop, stopped) = oneshot::channel();
        let acceptor = tokio::spawn(accept(listener, self.upstream, self.mute.clone(), stopped));
        self.running = Some(Running { stop, acceptor });
    }
}

/// Ends when it is told to, or when its relay is dropped.
async fn accept(
    listener: TcpListener,
    upstream: SocketAddr,
    mute: watch::Sender<bool>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(pass(stream, upstream, mute.clone()));
            }
            _ = &mut stopped => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn pass(near: TcpStream, upstream: SocketAddr, mute: watch::Sender<bool>) {
    let Ok(far) = TcpStream::connect(upstream).await else { return };
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = far.into_split();
    let requests = async {
        // Its failure is the end of the connection.
        let _ = tokio::io::copy(&mut from_near, &mut to_far).await;
    };
    let answers = async {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from_far.read(&mut buffer).await {
            let muted = *mute.borrow();
            if !muted && to_near.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = requests => {}
        () = answers => {}
    }
}
