//! A client that listens to topics.
//!
//! [`Subscriber`] keeps the last id as a browser does, and watches over what must hold on every
//! stream with topics; `block` reads the wire strictly.

mod block;

use std::collections::VecDeque;

use bytes::BytesMut;

use crate::Position;
use crate::client::{Client, End};
use crate::deadline::within;

pub use block::Block;

/// A stream block by block. Dropping it closes the socket.
///
/// Whatever a test looks at, it fails when ids do not strictly increase within one epoch, when anything
/// but comments follows a `connection_close`, or when the wire has what no gateway writes.
pub struct Subscriber {
    client: Client,
    unread: BytesMut,
    blocks: VecDeque<Block>,
    last: Option<Position>,
    closing: bool,
}

impl Subscriber {
    /// Takes over a client that has asked for a stream; waits for the stream's first comment.
    ///
    /// # Panics
    /// When the answer is no stream.
    pub async fn on(mut client: Client) -> Self {
        let head = client.head().await;
        assert_eq!(head.status(), 200, "{head:?}");
        assert_eq!(head.header("content-type"), Some("text/event-stream"), "{head:?}");
        let mut subscriber =
            Self { client, unread: BytesMut::new(), blocks: VecDeque::new(), last: None, closing: false };
        let first = within("the first comment of a stream", subscriber.poll()).await;
        assert_eq!(first.map(|block| block.comment), Ok(Some("ok".to_owned())));
        subscriber
    }

    /// Waits for the next event; comments are passed over.
    ///
    /// # Panics
    /// When the stream ends instead.
    pub async fn next(&mut self) -> Block {
        self.try_next().await.unwrap_or_else(|end| panic!("the stream ended ({end:?}) instead of going on"))
    }

    /// Waits for the next event or the end; comments are passed over.
    ///
    /// # Errors
    /// When the stream ends instead.
    pub async fn try_next(&mut self) -> Result<Block, End> {
        // One deadline for all: heartbeats must not keep a test waiting for ever.
        let next = async {
            loop {
                let block = self.poll().await?;
                if block.comment.is_none() {
                    return Ok(block);
                }
            }
        };
        within("the next event or the end of a stream", next).await
    }

    /// Waits for the next comment; events are passed over.
    ///
    /// # Panics
    /// When the stream ends instead.
    pub async fn next_comment(&mut self) -> String {
        let next = async {
            loop {
                match self.poll().await {
                    Ok(Block { comment: Some(text), .. }) => return text,
                    Ok(_) => {}
                    Err(end) => panic!("the stream ended ({end:?}) without another comment"),
                }
            }
        };
        within("the next comment of a stream", next).await
    }

    /// Waits for as many events and gives their data.
    ///
    /// # Panics
    /// When the stream ends before.
    pub async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::with_capacity(count);
        for _ in 0..count {
            texts.push(self.next().await.text().to_owned());
        }
        texts
    }

    /// Reads on to the end and gives every event before it.
    pub async fn rest(&mut self) -> (Vec<Block>, End) {
        let mut blocks = Vec::new();
        loop {
            match self.try_next().await {
                Ok(block) => blocks.push(block),
                Err(end) => return (blocks, end),
            }
        }
    }

    /// Waits for the end; comments before it are passed over.
    ///
    /// # Panics
    /// When an event comes before it.
    pub async fn end(&mut self) -> End {
        match self.try_next().await {
            Ok(block) => panic!("{block:?} instead of the end"),
            Err(end) => end,
        }
    }

    /// The last id, which a browser would send when it comes back.
    ///
    /// # Panics
    /// When no event had one.
    #[must_use]
    pub fn last_id(&self) -> String {
        self.last.as_ref().expect("an event with an id").to_string()
    }

    /// The connection below.
    pub fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    async fn poll(&mut self) -> Result<Block, End> {
        while self.blocks.is_empty() {
            match self.client.next_payload().await {
                Ok(payload) => self.read(&payload),
                Err(end) => {
                    assert!(end != End::Clean || self.unread.is_empty(), "half a block: {:?}", self.unread);
                    return Err(end);
                }
            }
        }
        let block = self.blocks.pop_front().expect("just looked");
        self.watch(&block);
        Ok(block)
    }

    fn read(&mut self, payload: &[u8]) {
        // What was there already has no end of a block, but may have its first half.
        let mut searched = self.unread.len().saturating_sub(1);
        self.unread.extend_from_slice(payload);
        while let Some(length) = self.unread[searched..].windows(2).position(|two| two == b"\n\n") {
            let block = self.unread.split_to(searched + length + 2);
            let text = std::str::from_utf8(&block[..block.len() - 2]).expect("UTF-8");
            self.blocks.push_back(Block::read(text));
            searched = 0;
        }
    }

    fn watch(&mut self, block: &Block) {
        assert!(!self.closing || block.comment.is_some(), "{block:?} after connection_close");
        self.closing |= block.name == "connection_close";
        if let Some(id) = &block.id {
            let increases = self.last.as_ref().is_none_or(|last| last < id);
            assert!(increases, "{id} after {:?}", self.last);
            self.last = Some(id.clone());
        }
    }
}
