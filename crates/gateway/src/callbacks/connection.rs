//! One connection to the backend, which knows whether a request is fully written.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower_service::Service;

use super::answer::{Body, Head};

/// How much one read takes.
const READ_BYTES: usize = 4096;

/// A connection that carries one request at a time.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>,
    /// What was read and not taken.
    buffer: BytesMut,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum SendError {
    /// It was fully written: the backend may have seen it.
    Written(String),
    /// It was not: the backend cannot have acted on it.
    NotWritten(String),
}

/// Why a body did not come whole.
#[derive(Debug)]
pub(super) enum BodyError {
    TooLarge,
    Broken(String),
}

impl Connection {
    /// Sends a request and reads the answer's head; `written` is set when the request is out.
    pub(super) async fn send(&mut self, request: &[u8], written: &Cell<bool>) -> Result<Head, SendError> {
        let mut unwritten = request;
        let answered = poll_fn(|cx| {
            if !written.get() && self.poll_write(cx, &mut unwritten)?.is_ready() {
                written.set(true);
            }
            // Also before all is written: a backend may refuse a request that it has not read whole.
            self.poll_head(cx)
        });
        match answered.await {
            Ok(head) => Ok(Head { keeps_alive: head.keeps_alive && written.get(), ..head }),
            Err(error) if written.get() => Err(SendError::Written(error.to_string())),
            Err(error) => Err(SendError::NotWritten(error.to_string())),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, unwritten: &mut &[u8]) -> Poll<io::Result<()>> {
        while !unwritten.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, unwritten))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => *unwritten = &unwritten[count..],
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Head>> {
        loop {
            if let Some(head) = Head::take(&mut self.buffer).map_err(io::Error::other)? {
                return Poll::Ready(Ok(head));
            }
            if ready!(self.poll_read(cx))? == 0 {
                return Poll::Ready(Err(io::Error::other("the connection ended before an answer")));
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut bytes = [0; READ_BYTES];
        let mut read = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        self.buffer.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    }

    /// Reads the rest of an answer, of which `bytes_max` are taken.
    pub(super) async fn read_body(&mut self, mut body: Body, bytes_max: usize) -> Result<Bytes, BodyError> {
        if matches!(body, Body::Length(length) if length > bytes_max as u64) {
            return Err(BodyError::TooLarge);
        }
        let mut whole = BytesMut::new();
        while !body.is_complete() {
            match body.take(&mut self.buffer).map_err(|error| BodyError::Broken(error.to_string()))? {
                Some(piece) if whole.len() + piece.len() > bytes_max => return Err(BodyError::TooLarge),
                Some(piece) => whole.extend_from_slice(&piece),
                None if body.is_complete() => {}
                None => match poll_fn(|cx| self.poll_read(cx)).await {
                    Ok(0) if body == Body::UntilEnd => break,
                    Ok(0) => {
                        return Err(BodyError::Broken("the connection ended within an answer".to_owned()));
                    }
                    Ok(_) => {}
                    Err(error) => return Err(BodyError::Broken(error.to_string())),
                },
            }
        }
        Ok(whole.freeze())
    }

    /// Whether the backend has neither closed the connection nor said anything unasked.
    pub(super) fn is_usable(&mut self) -> bool {
        self.buffer.is_empty() && self.poll_read(&mut Context::from_waker(Waker::noop())).is_pending()
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
        Ok(Connection { stream: TokioIo::new(stream), buffer: BytesMut::new() })
    }
}
