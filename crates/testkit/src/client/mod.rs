//! A browser, to the byte.
//!
//! [`Client`] is the connection and what a test asks of it, `body` takes the framing apart and
//! accepts nothing that a strict reader would not.

mod body;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use sse_gateway_protocol::sse::{Decoder, Item};
use tokio::net::{TcpSocket, TcpStream};

use crate::deadline::within;
use crate::wire::Wire;
use crate::{Head, Response};
use body::Body;

/// A client on a socket of its own. Dropping it closes the socket.
pub struct Client {
    wire: Wire,
    head: Option<Head>,
    body: Body,
    decoder: Decoder,
    items: VecDeque<Item>,
    /// Whether it asks for `cursor`, or never sees it.
    takes_cursors: bool,
}

/// An event as a browser dispatches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The type; empty when the block names none.
    pub name: String,
    /// The data, its lines joined by LF.
    pub data: String,
    /// The last event id in force.
    pub id: String,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The last chunk, then FIN unless the connection is kept alive; on an unframed stream FIN alone.
    Clean,
    /// FIN without the last chunk.
    Cut,
    /// RST.
    Reset,
}

impl Client {
    /// Connects; sends nothing.
    ///
    /// # Panics
    /// When nobody listens.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await;
        Self::on(stream.unwrap_or_else(|error| panic!("cannot connect to {address}: {error}")))
    }

    /// Connects with a receive buffer of about this many bytes, for readers that stop reading.
    ///
    /// # Panics
    /// As [`connect`](Self::connect).
    pub async fn connect_with_receive_buffer(address: SocketAddr, bytes: u32) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(bytes).expect("a small buffer");
        let stream = within("a connection", socket.connect(address)).await;
        Self::on(stream.unwrap_or_else(|error| panic!("cannot connect to {address}: {error}")))
    }

    /// Connects from this address of the machine.
    ///
    /// # Panics
    /// As [`connect`](Self::connect).
    pub async fn connect_from(source: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(source, 0)).expect("an own address");
        let stream = within("a connection", socket.connect(address)).await;
        Self::on(stream.unwrap_or_else(|error| panic!("cannot connect to {address}: {error}")))
    }

    /// Connects and asks for a stream as a browser's `EventSource` does; waits for nothing.
    ///
    /// # Panics
    /// As [`connect`](Self::connect).
    pub async fn get(address: SocketAddr, target: &str) -> Self {
        let mut client = Self::connect(address).await;
        client.ask(target).await;
        client
    }

    /// Connects and asks as a script does that names no event stream in `Accept`; waits for nothing.
    ///
    /// # Panics
    /// As [`connect`](Self::connect).
    pub async fn fetch(address: SocketAddr, target: &str) -> Self {
        let mut client = Self::connect(address).await;
        client.send(format!("GET {target} HTTP/1.1\r\nHost: gateway.test\r\nAccept: */*\r\n\r\n")).await;
        client
    }

    /// Asks for a stream and waits for its head.
    ///
    /// # Panics
    /// When the answer is no stream.
    pub async fn open(address: SocketAddr, target: &str) -> Self {
        let mut client = Self::get(address, target).await;
        let head = client.head().await;
        assert_eq!(head.status(), 200, "{head:?}");
        assert_eq!(head.header("content-type"), Some("text/event-stream"), "{head:?}");
        client
    }

    /// Makes it a page that asks for no `cursor`: its browser keeps the id and dispatches nothing.
    #[must_use]
    pub fn without_cursors(self) -> Self {
        Self { takes_cursors: false, ..self }
    }

    /// Sends the request that `EventSource` would make for this target.
    ///
    /// # Panics
    /// When it cannot be written.
    pub async fn ask(&mut self, target: &str) {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: gateway.test\r\nAccept: text/event-stream\r\n\r\n");
        self.send(request).await;
    }

    /// Sends the request that `EventSource` would make for this target when it comes back with an id.
    ///
    /// # Panics
    /// When it cannot be written.
    pub async fn ask_again(&mut self, target: &str, last_id: impl AsRef<[u8]>) {
        let head = format!("GET {target} HTTP/1.1\r\nHost: gateway.test\r\nAccept: text/event-stream\r\n");
        let id = [b"Last-Event-ID: ", last_id.as_ref(), b"\r\n\r\n"].concat();
        self.send([head.as_bytes(), &id].concat()).await;
    }

    /// Sends these bytes.
    ///
    /// # Panics
    /// When they cannot be written.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.expect("the gateway reads");
    }

    /// Sends these bytes.
    ///
    /// # Errors
    /// When the other side has gone.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        within("room for what the client sends", self.wire.write(bytes.as_ref())).await
    }

    /// Waits for the head of the answer.
    ///
    /// # Panics
    /// When the connection ends before it.
    pub async fn head(&mut self) -> Head {
        if let Some(head) = &self.head {
            return head.clone();
        }
        let head =
            within("the head of an answer", self.wire.read_head()).await.expect("no reset before the head");
        let head = head.expect("no end before the head");
        self.body = Body::of(&head);
        self.head.insert(head).clone()
    }

    /// Waits for a complete answer; the next one can follow on the same connection.
    ///
    /// # Panics
    /// When the connection ends before it is complete, or nothing says where it does.
    pub async fn response(&mut self) -> Response {
        let head = self.head().await;
        let body = if head.is_chunked() {
            within("the body of an answer", self.rest_of_chunks()).await
        } else {
            let unknown = || panic!("no content-length: {head:?}");
            let length = if head.status() == 204 { 0 } else { head.content_length().unwrap_or_else(unknown) };
            let body = within("the body of an answer", self.wire.read_exact(length)).await;
            body.expect("a whole body").freeze()
        };
        self.head = None;
        Response { head, body }
    }

    /// Waits for the head of an answer that has no body, such as one to HEAD.
    pub async fn head_only(&mut self) -> Head {
        let head = self.head().await;
        self.head = None;
        head
    }

    /// Waits for the next item of the stream: an event, a comment or a `retry`.
    ///
    /// # Panics
    /// When the stream ends instead.
    pub async fn next_item(&mut self) -> Item {
        match within("the next item of a stream", self.poll_item()).await {
            Ok(item) => item,
            Err(end) => panic!("the stream ended ({end:?}) instead of going on"),
        }
    }

    /// Waits for the next event; comments and `retry` before it are passed over.
    ///
    /// # Panics
    /// When the stream ends instead.
    pub async fn next_event(&mut self) -> Delivered {
        match self.event_or_end().await {
            Ok(event) => event,
            Err(end) => panic!("the stream ended ({end:?}) instead of going on"),
        }
    }

    /// Waits for the next item, which must be a comment.
    ///
    /// # Panics
    /// When it is another.
    pub async fn next_comment(&mut self) -> String {
        match self.next_item().await {
            Item::Comment(text) => text,
            other => panic!("no comment: {other:?}"),
        }
    }

    /// Waits for the end; comments before it are passed over.
    ///
    /// # Panics
    /// When anything else comes before it.
    pub async fn end(&mut self) -> End {
        let end = async {
            loop {
                match self.poll_item().await {
                    Ok(Item::Comment(_)) => {}
                    Ok(item) => panic!("{item:?} instead of the end"),
                    Err(end) => return end,
                }
            }
        };
        within("the end of a stream", end).await
    }

    /// Reads on to the end and gives every event before it.
    pub async fn remaining_events(&mut self) -> (Vec<Delivered>, End) {
        let mut events = Vec::new();
        loop {
            match self.event_or_end().await {
                Ok(event) => events.push(event),
                Err(end) => return (events, end),
            }
        }
    }

    /// Waits for the end of the connection and gives what came before it, as bytes.
    pub async fn rest(&mut self) -> (Bytes, End) {
        let end = within("the end of a connection", async {
            loop {
                match self.wire.fill().await {
                    Ok(0) => return End::Cut,
                    Ok(_) => {}
                    Err(_) => return End::Reset,
                }
            }
        })
        .await;
        (self.wire.unread.split().freeze(), end)
    }

    /// Tells, without waiting, that nothing has arrived which was not read and that the connection stands.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.wire.is_silent()
    }

    /// Everything that ever arrived on the connection.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.wire.received
    }

    /// The stream's chunks so far, each without its framing; an unframed stream has one a read.
    #[must_use]
    pub fn chunks(&self) -> &[Bytes] {
        self.body.chunks()
    }

    /// Sends FIN; reading goes on.
    ///
    /// # Panics
    /// When the connection is gone already.
    pub async fn half_close(&mut self) {
        self.wire.half_close().await.expect("a live connection");
    }

    /// Sends RST.
    pub fn reset(self) {
        self.wire.reset();
    }

    async fn event_or_end(&mut self) -> Result<Delivered, End> {
        // One deadline for all: heartbeats must not keep a test waiting for ever.
        let next = async {
            loop {
                if let Item::Event { event, data, id } = self.poll_item().await? {
                    return Ok(Delivered { name: event, data, id });
                }
            }
        };
        within("the next event or the end of a stream", next).await
    }

    /// An error is the end.
    async fn poll_item(&mut self) -> Result<Item, End> {
        loop {
            match self.items.pop_front() {
                Some(Item::Event { event, .. }) if event == "cursor" && !self.takes_cursors => continue,
                Some(item) => return Ok(item),
                None => {}
            }
            let payload = self.next_payload().await?;
            self.items.extend(self.decoder.push(&payload));
        }
    }

    /// Waits for the next chunk's payload, or whatever has come of an unframed stream; an error is the end.
    pub(crate) async fn next_payload(&mut self) -> Result<Bytes, End> {
        self.head().await;
        loop {
            if let Some(payload) = self.body.take(&mut self.wire.unread) {
                return Ok(payload);
            }
            if self.body.is_over() {
                return Err(End::Clean);
            }
            match self.wire.fill().await {
                Ok(0) => return Err(self.body.end()),
                Ok(_) => {}
                Err(_) => return Err(End::Reset),
            }
        }
    }

    async fn rest_of_chunks(&mut self) -> Bytes {
        let mut body = Vec::new();
        loop {
            match self.next_payload().await {
                Ok(payload) => body.extend_from_slice(&payload),
                Err(End::Clean) => return body.into(),
                Err(end) => panic!("{end:?} in the middle of an answer"),
            }
        }
    }

    fn on(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a connected socket");
        Self {
            wire: Wire::new(stream),
            head: None,
            body: Body::default(),
            decoder: Decoder::default(),
            items: VecDeque::new(),
            takes_cursors: true,
        }
    }
}
