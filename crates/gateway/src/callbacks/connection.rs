//! One connection to the backend, which knows whether a request is fully written.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tower_service::Service;

/// A connection that carries one request at a time.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    current: Current,
}

/// The mark of the request under way, shared with the socket: set once it is fully written.
type Current = Rc<RefCell<Option<Rc<Cell<bool>>>>>;

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum SendError {
    /// It was fully written: the backend may have seen it.
    Written(String),
    /// It was not: the backend cannot have acted on it.
    NotWritten(String),
}

impl Connection {
    /// Sends a request and reads the answer's head; `written` is set when the request is out.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        written: &Rc<Cell<bool>>,
    ) -> Result<Response<Incoming>, SendError> {
        self.current.replace(Some(Rc::clone(written)));
        let answered = self.sender.send_request(request).await;
        self.current.replace(None);
        answered.map_err(|error| match written.get() {
            true => SendError::Written(describe(&error)),
            false => SendError::NotWritten(describe(&error)),
        })
    }

    pub(super) fn is_usable(&self) -> bool {
        !self.sender.is_closed()
    }
}

fn describe(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Opens connections, with TLS where the URL says so.
#[derive(Clone, Debug)]
pub(super) struct Connector(HttpsConnector<HttpConnector>);

impl Connector {
    pub(super) fn new(tls: bool) -> io::Result<Self> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let builder = HttpsConnectorBuilder::new();
        let builder = if tls {
            builder.with_provider_and_native_roots(ring::default_provider())?
        } else {
            // Without TLS no certificate is looked at, so none is read.
            let config = rustls::ClientConfig::builder_with_provider(ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .map_err(io::Error::other)?;
            builder.with_tls_config(
                config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth(),
            )
        };
        Ok(Self(builder.https_or_http().enable_http1().wrap_connector(tcp)))
    }

    pub(super) async fn connect(&self, uri: &http::Uri) -> Result<Connection, String> {
        let stream = self.0.clone().call(uri.clone()).await.map_err(|error| describe(&*error))?;
        let current = Current::default();
        let socket = WatchedSocket { stream, current: Rc::clone(&current), unflushed: false };
        let (sender, connection) = http1::handshake(socket).await.map_err(|error| describe(&error))?;
        spawn_local(async move {
            // The request under way reports the error.
            let _ = connection.await;
        });
        Ok(Connection { sender, current })
    }
}

/// The socket as hyper sees it. hyper flushes it only after all of a request is written.
struct WatchedSocket {
    stream: MaybeHttpsStream<TokioIo<TcpStream>>,
    current: Current,
    unflushed: bool,
}

impl Read for WatchedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl Write for WatchedSocket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.unflushed = true;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        if std::mem::take(&mut self.unflushed)
            && let Some(written) = &*self.current.borrow()
        {
            written.set(true);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
