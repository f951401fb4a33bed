//! One connection: hyper's future, driven by an owner that can take the socket away from it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::HeaderMap;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use sse_gateway_protocol::code::Code;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::debug;

use super::wire::{Phase, WatchedSocket, Wire};
use super::{IDLE_TIMEOUT, LINGER_BYTES_MAX, LINGER_TIMEOUT, accept::Accepted};
use crate::reply;
use crate::routes::{self, Peer};
use crate::worker::Worker;

/// How a request that has become a stream asks for its socket.
///
/// The request's own future cannot give the socket out: it runs inside hyper, which owns the
/// socket. So a wish is left here, and the connection's owner fulfils it between two polls.
///
/// ```text
///   Answering --begin--> Opening --take--> Wished --fulfilled--> Taken
///       ^-----give_up-------+----------------+
/// ```
#[derive(Debug, Default)]
pub(crate) struct Handoff {
    state: RefCell<HandoffState>,
    owner: RefCell<Option<Waker>>,
}

#[derive(Debug, Default)]
enum HandoffState {
    /// Requests are answered as ordinary ones.
    #[default]
    Answering,
    /// A request waits for the backend's answer.
    Opening,
    /// The backend has accepted; the socket is wanted.
    Wished(oneshot::Sender<Taken>),
    /// The socket has left hyper.
    Taken,
}

/// A socket that left hyper, with the bytes that were read beyond the request's head.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) socket: std::net::TcpStream,
    pub(crate) unread: usize,
}

impl Handoff {
    /// Marks the connection as one whose request waits for the backend's answer.
    pub(crate) fn begin(&self) {
        self.state.replace(HandoffState::Opening);
    }

    /// The request is answered as an ordinary one, or its client has left; a wish is void.
    pub(crate) fn give_up(&self) {
        self.state.replace(HandoffState::Answering);
    }

    /// Asks for the socket; an error says that the client has left.
    pub(crate) fn take(&self) -> oneshot::Receiver<Taken> {
        let (sender, receiver) = oneshot::channel();
        if self.is_waiting() {
            self.state.replace(HandoffState::Wished(sender));
            if let Some(owner) = self.owner.take() {
                owner.wake();
            }
        }
        receiver
    }

    /// Whether a request still waits to become a stream.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(*self.state.borrow(), HandoffState::Opening | HandoffState::Wished(_))
    }

    /// Takes the wish, if there is one; the owner must fulfil it.
    fn fulfil(&self) -> Option<oneshot::Sender<Taken>> {
        let mut state = self.state.borrow_mut();
        match std::mem::take(&mut *state) {
            HandoffState::Wished(wish) => {
                *state = HandoffState::Taken;
                Some(wish)
            }
            other => {
                *state = other;
                None
            }
        }
    }
}

/// Why hyper's future was left.
enum Left {
    /// It ended by itself.
    Ended(Result<(), hyper::Error>),
    /// The request has become a stream.
    Wished(oneshot::Sender<Taken>),
    /// The phase took too long.
    Expired(Phase),
    /// A shutdown drops connections that still wait for the backend.
    ShutDown,
}

/// Serves a connection to its end, or until it has become a stream.
pub(crate) async fn serve(accepted: Accepted, worker: Rc<Worker>) {
    let peer = Peer { address: accepted.peer.ip().to_canonical(), port: accepted.port };
    let socket = match TcpStream::from_std(accepted.socket) {
        Ok(socket) => socket,
        Err(error) => return debug!(%error, "connection lost before it was read"),
    };
    let wire = Wire::new();
    let handoff = Rc::new(Handoff::default());
    let requests = &worker.shared.config.requests;
    let service = service_fn({
        let (wire, handoff, worker) = (Rc::clone(&wire), Rc::clone(&handoff), Rc::clone(&worker));
        move |request| {
            let guard = wire.answering();
            let mut answer = Box::pin(routes::answer(request, peer, Rc::clone(&handoff), Rc::clone(&worker)));
            // hyper drops a future unpolled when the client's end came with its request. The request
            // counts all the same, so it begins here; hyper's own first poll leaves the right waker.
            let mut begun = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let mut guard = Some(guard);
            poll_fn(move |cx| {
                let response = match std::mem::replace(&mut begun, Poll::Pending) {
                    Poll::Ready(response) => response,
                    Poll::Pending => ready!(answer.as_mut().poll(cx)),
                };
                Poll::Ready(Ok::<_, Infallible>(response.map(|body| body.guarded(guard.take()))))
            })
        }
    });
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_headers(requests.headers_max)
        .max_buf_size(requests.head_bytes_max)
        .serve_connection(WatchedSocket::new(socket, Rc::clone(&wire)), service);

    let left = {
        let _serving = worker.shared.connections.token();
        let mut alarm = pin!(tokio::time::sleep_until(Instant::now() + IDLE_TIMEOUT));
        let mut stopping = pin!(worker.shared.draining.cancelled());
        let mut closing = pin!(worker.shared.closing.cancelled());
        let mut closed = false;
        poll_fn(|cx| {
            handoff.owner.replace(Some(cx.waker().clone()));
            if !closed && closing.as_mut().poll(cx).is_ready() {
                closed = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            if let Poll::Ready(ended) = connection.poll_without_shutdown(cx) {
                return Poll::Ready(Left::Ended(ended));
            }
            if handoff.is_waiting() && stopping.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Left::ShutDown);
            }
            if wire.is_flushed()
                && let Some(wish) = handoff.fulfil()
            {
                return Poll::Ready(Left::Wished(wish));
            }
            expired(&wire, alarm.as_mut(), cx)
        })
        .await
    };
    let parts = connection.into_parts();
    // Boxed: thousands of connections wait in this function, few are ever in that one.
    Box::pin(finish(left, parts.io.into_inner(), &parts.read_buf, &wire)).await;
}

/// Tells when the phase has taken too long. The alarm is only ever set earlier: one that rings too
/// early is set again, which costs less than to move it with each phase of each request.
fn expired(wire: &Wire, mut alarm: Pin<&mut tokio::time::Sleep>, cx: &mut Context<'_>) -> Poll<Left> {
    let phase = wire.phase();
    let Some(deadline) = phase.deadline().map(Instant::from_std) else { return Poll::Pending };
    if deadline < alarm.deadline() {
        alarm.as_mut().reset(deadline);
    }
    while alarm.as_mut().poll(cx).is_ready() {
        if deadline <= alarm.deadline() {
            return Poll::Ready(Left::Expired(phase));
        }
        alarm.as_mut().reset(deadline);
    }
    Poll::Pending
}

async fn finish(left: Left, socket: TcpStream, unread: &Bytes, wire: &Wire) {
    match left {
        Left::Wished(wish) => match socket.into_std() {
            // The stream's task is gone only at the process's end.
            Ok(socket) => drop(wish.send(Taken { socket, unread: unread.len() })),
            Err(error) => debug!(%error, "connection lost while it became a stream"),
        },
        Left::Expired(Phase::Head { .. }) => {
            refuse(socket, Code::RequestTimeout, "Request head took too long").await
        }
        Left::Expired(_) | Left::ShutDown => {}
        Left::Ended(ended) => match (wire.held_back(), ended) {
            (Some(431), _) if !wire.line_seen() => {
                refuse(socket, Code::TargetTooLong, "Request target is too long").await;
            }
            (Some(414), _) => refuse(socket, Code::TargetTooLong, "Request target is too long").await,
            (Some(431), _) => refuse(socket, Code::HeadTooLarge, "Request head is too large").await,
            (Some(_), _) => refuse(socket, Code::BadRequest, "Malformed request").await,
            (None, Err(error)) if error.is_parse() => {
                refuse(socket, Code::BadRequest, "Malformed request").await;
            }
            (None, _) => linger(socket).await,
        },
    }
}

async fn refuse(socket: TcpStream, code: Code, message: &str) {
    write_last(socket, &reply::closing_error(code, message, &HeaderMap::new())).await;
}

/// Answers on a socket that left hyper for a stream which does not open after all.
pub(crate) async fn answer_last(taken: Taken, answer: &[u8]) {
    match TcpStream::from_std(taken.socket) {
        Ok(socket) => write_last(socket, answer).await,
        Err(error) => debug!(%error, "connection lost before it was answered"),
    }
}

async fn write_last(mut socket: TcpStream, answer: &[u8]) {
    let written = tokio::time::timeout(LINGER_TIMEOUT, socket.write_all(answer)).await;
    if matches!(written, Ok(Ok(()))) {
        linger(socket).await;
    }
}

/// Closes without a reset: unread input at the close would destroy the answer on its way.
async fn linger(mut socket: TcpStream) {
    if socket.shutdown().await.is_err() {
        return;
    }
    let discard = async {
        let mut bytes = [0; 4096];
        let mut discarded = 0;
        while let Ok(read @ 1..) = socket.read(&mut bytes).await {
            discarded += read;
            if discarded > LINGER_BYTES_MAX {
                break;
            }
        }
    };
    // Whether the client closed or the time is over, the socket goes.
    let _ = tokio::time::timeout(LINGER_TIMEOUT, discard).await;
}
