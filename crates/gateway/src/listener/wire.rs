//! A socket that hyper reads and writes, and what the connection's owner must know of it.
//!
//! hyper says neither whether it is waiting for a head nor whether its last write is out, and it
//! answers malformed heads by itself, without a body. [`Wire`] sees all bytes pass and keeps a
//! [`Phase`]; hyper's own answers are held back, so that the owner can send ours.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{HEAD_TIMEOUT, IDLE_TIMEOUT, WRITE_STALL_TIMEOUT};

/// What the connection is doing.
///
/// ```text
///   Idle --first byte--> Head --whole head--> Answering --body taken--> Flushing --flushed--> Idle
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) enum Phase {
    /// Nothing of a request has come.
    Idle { since: Instant, limit: Duration },
    /// A request head is arriving.
    Head { since: Instant },
    /// A request is being answered; its own deadlines hold.
    Answering,
    /// The answer is complete but not yet out.
    Flushing { progress: Instant },
}

impl Phase {
    /// When the phase has taken too long.
    pub(crate) fn deadline(self) -> Option<Instant> {
        match self {
            Phase::Idle { since, limit } => Some(since + limit),
            Phase::Head { since } => Some(since + HEAD_TIMEOUT),
            Phase::Answering => None,
            Phase::Flushing { progress } => Some(progress + WRITE_STALL_TIMEOUT),
        }
    }
}

/// What is known of a connection's bytes; shared by the socket, the service and the owner.
#[derive(Debug)]
pub(crate) struct Wire {
    phase: Cell<Phase>,
    flushed: Cell<bool>,
    /// Whether the kernel took something since it was last waited for.
    progressed: Cell<bool>,
    line_seen: Cell<bool>,
    held_back: Cell<Option<u16>>,
}

impl Wire {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            phase: Cell::new(Phase::Idle { since: Instant::now(), limit: HEAD_TIMEOUT }),
            flushed: Cell::new(true),
            progressed: Cell::new(false),
            line_seen: Cell::new(false),
            held_back: Cell::new(None),
        })
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Whether everything that hyper wrote is with the kernel.
    pub(crate) fn is_flushed(&self) -> bool {
        self.flushed.get()
    }

    /// The status of an answer that hyper made by itself, if it was held back.
    pub(crate) fn held_back(&self) -> Option<u16> {
        self.held_back.get()
    }

    /// Whether the request line of the head that was being read had ended.
    pub(crate) fn line_seen(&self) -> bool {
        self.line_seen.get()
    }

    /// A whole head was read; the guard lives as long as the answer's body.
    pub(crate) fn answering(self: &Rc<Self>) -> AnswerGuard {
        self.phase.set(Phase::Answering);
        AnswerGuard(Rc::clone(self))
    }

    fn read(&self, bytes: &[u8]) {
        if let Phase::Idle { .. } = self.phase.get()
            && !bytes.is_empty()
        {
            self.line_seen.set(false);
            self.phase.set(Phase::Head { since: Instant::now() });
        }
        if !self.line_seen.get() {
            self.line_seen.set(bytes.contains(&b'\n'));
        }
    }

    /// hyper has bytes to write, of which the kernel took some, or none and is waited for.
    fn wrote(&self, outcome: &Poll<io::Result<usize>>) {
        self.flushed.set(false);
        match outcome {
            Poll::Ready(Ok(1..)) => self.progressed.set(true),
            // Only who waits has a deadline: the clock is read here, not at each write.
            Poll::Pending if self.progressed.take() => {
                if let Phase::Flushing { .. } = self.phase.get() {
                    self.phase.set(Phase::Flushing { progress: Instant::now() });
                }
            }
            _ => {}
        }
    }

    fn flushed(&self) {
        self.flushed.set(true);
        if let Phase::Flushing { .. } = self.phase.get() {
            self.phase.set(Phase::Idle { since: Instant::now(), limit: IDLE_TIMEOUT });
        }
    }

    /// Holds an answer back that no service made.
    fn hold_back(&self, bytes: &[u8]) -> bool {
        let by_itself = matches!(self.phase.get(), Phase::Idle { .. } | Phase::Head { .. });
        if by_itself && self.held_back.get().is_none() {
            let status = bytes.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
            self.held_back.set(status.and_then(|digits| digits.parse().ok()).or(Some(400)));
        }
        by_itself
    }
}

/// Marks the answer as complete when hyper lets its body go.
#[derive(Debug)]
pub(crate) struct AnswerGuard(Rc<Wire>);

impl Drop for AnswerGuard {
    fn drop(&mut self) {
        self.0.phase.set(Phase::Flushing { progress: Instant::now() });
    }
}

/// The socket as hyper sees it.
#[derive(Debug)]
pub(crate) struct WatchedSocket {
    socket: TokioIo<TcpStream>,
    wire: Rc<Wire>,
}

impl WatchedSocket {
    pub(crate) fn new(socket: TcpStream, wire: Rc<Wire>) -> Self {
        Self { socket: TokioIo::new(socket), wire }
    }

    pub(crate) fn into_inner(self) -> TcpStream {
        self.socket.into_inner()
    }
}

impl Read for WatchedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // Read into bytes of our own first: the cursor's memory cannot be looked at safely.
        BYTES.with_borrow_mut(|bytes| {
            let room = cursor.remaining().min(READ_BYTES);
            let mut buffer = tokio::io::ReadBuf::new(&mut bytes[..room]);
            let socket = Pin::new(this.socket.inner_mut());
            ready!(tokio::io::AsyncRead::poll_read(socket, cx, &mut buffer))?;
            this.wire.read(buffer.filled());
            cursor.put_slice(buffer.filled());
            Poll::Ready(Ok(()))
        })
    }
}

thread_local! {
    /// What one read takes passes through here; kept, because to clear it would cost each read more than
    /// to copy a send.
    static BYTES: RefCell<[u8; READ_BYTES]> = const { RefCell::new([0; READ_BYTES]) };
}

/// One read; hyper's buffer grows by what comes.
const READ_BYTES: usize = 8192;

impl Write for WatchedSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.wire.hold_back(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.wire.wrote(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        if let Poll::Ready(Ok(())) = flushed {
            self.wire.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn progress(wire: &Wire) -> Instant {
        match wire.phase() {
            Phase::Flushing { progress } => progress,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_write_that_takes_nothing_is_no_progress() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let _client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("a connection");
        let (server, _) = listener.accept().await.expect("a connection");
        let wire = Wire::new();
        let mut socket = WatchedSocket::new(server, Rc::clone(&wire));
        drop(wire.answering());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let begun = progress(&wire);
        while Pin::new(&mut socket).poll_write(&mut cx, &[0; 65_536]).is_ready() {}
        let last = progress(&wire);
        assert!(last > begun);
        assert!(Pin::new(&mut socket).poll_write(&mut cx, &[0; 65_536]).is_pending());
        assert_eq!(progress(&wire), last);
        assert!(!wire.is_flushed());
    }
}
