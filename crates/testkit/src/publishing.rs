//! A publish whose body the test feeds.

use std::net::SocketAddr;

use crate::{Client, Response};

/// A request to a gateway's internal address whose body is still being written; dropping it breaks it off.
pub struct Publishing(Client);

impl Publishing {
    /// Connects and sends the head of a POST with a chunked body.
    ///
    /// # Panics
    /// When nobody listens.
    pub async fn begin(address: SocketAddr, target: &str, content_type: &str) -> Self {
        let mut client = Client::connect(address).await;
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: {content_type}\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
        client.send(head).await;
        Self(client)
    }

    /// Sends the next part of the body.
    ///
    /// # Panics
    /// When it cannot be written.
    pub async fn write(&mut self, part: impl AsRef<[u8]>) {
        self.try_write(part).await.expect("the gateway reads");
    }

    /// Sends the next part of the body.
    ///
    /// # Errors
    /// When the gateway has closed the connection.
    pub async fn try_write(&mut self, part: impl AsRef<[u8]>) -> std::io::Result<()> {
        let part = part.as_ref();
        let chunk = [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
        self.0.try_send(chunk).await
    }

    /// Ends the body and waits for the answer.
    ///
    /// # Panics
    /// When there is none.
    pub async fn finish(mut self) -> Response {
        self.0.send("0\r\n\r\n").await;
        self.0.response().await
    }

    /// Waits for an answer that comes before the end of the body.
    ///
    /// # Panics
    /// When there is none.
    pub async fn response(&mut self) -> Response {
        self.0.response().await
    }

    /// The connection below.
    pub fn client(&mut self) -> &mut Client {
        &mut self.0
    }

    /// Breaks the request off with RST.
    pub fn reset(self) {
        self.0.reset();
    }
}
