//! The wire between the backend and the gateway, with faults on demand.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes bytes on, unless told otherwise.
pub(crate) struct Relay {
    address: SocketAddr,
    state: Arc<State>,
    acceptor: Option<JoinHandle<()>>,
}

struct State {
    upstream: Mutex<SocketAddr>,
    /// Requests pass, answers do not: their outcome is unknown.
    mute: watch::Sender<bool>,
    /// Changes when all connections are to be cut.
    cut: watch::Sender<u32>,
}

impl Relay {
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let state = Arc::new(State {
            upstream: Mutex::new(upstream),
            mute: watch::Sender::new(false),
            cut: watch::Sender::new(0),
        });
        let acceptor = Some(tokio::spawn(accept(listener, Arc::clone(&state))));
        Self { address, state, acceptor }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn set_mute(&self, mute: bool) {
        self.state.mute.send_replace(mute);
    }

    pub(crate) fn lead_to(&self, upstream: SocketAddr) {
        *self.state.upstream.lock().expect("not poisoned") = upstream;
        self.state.cut.send_modify(|cuts| *cuts += 1);
    }

    /// From here on connecting is refused, and what is connected is cut.
    pub(crate) async fn take_down(&mut self) {
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.abort();
            // Its listener is closed when it is gone.
            let _ = acceptor.await;
        }
        self.state.cut.send_modify(|cuts| *cuts += 1);
    }

    pub(crate) fn bring_up(&mut self) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(self.address).expect("the port that was ours");
        let listener = socket.listen(128).expect("listens");
        self.acceptor = Some(tokio::spawn(accept(listener, Arc::clone(&self.state))));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(acceptor) = &self.acceptor {
            acceptor.abort();
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(pass(stream, Arc::clone(&state)));
    }
}

async fn pass(backend: TcpStream, state: Arc<State>) {
    let mut cut = state.cut.subscribe();
    let upstream = *state.upstream.lock().expect("not poisoned");
    let Ok(gateway) = TcpStream::connect(upstream).await else { return };
    let (mut from_backend, mut to_backend) = backend.into_split();
    let (mut from_gateway, mut to_gateway) = gateway.into_split();
    let requests = async {
        let _ = tokio::io::copy(&mut from_backend, &mut to_gateway).await;
    };
    let answers = async {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from_gateway.read(&mut buffer).await {
            let muted = *state.mute.borrow();
            if !muted && to_backend.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = requests => {}
        () = answers => {}
        _ = cut.changed() => {}
    }
}
