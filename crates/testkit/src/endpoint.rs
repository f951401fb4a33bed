//! What both gateways have in common.

use std::net::SocketAddr;

use crate::{Client, Sender, Subscriber};

/// A gateway that clients connect to and a backend sends to.
pub trait Endpoint {
    /// Where streams are served.
    fn address(&self) -> SocketAddr;

    /// Where `/internal/*` is served.
    fn internal_address(&self) -> SocketAddr {
        self.address()
    }

    /// The base URL, for a backend's `SSE_GATEWAY_URL`.
    fn url(&self) -> String {
        format!("http://{}", self.internal_address())
    }

    /// Makes a backend's HTTP client.
    fn sender(&self) -> Sender {
        Sender::new(self.internal_address())
    }

    /// Connects and asks for a stream as a browser's `EventSource` does; waits for nothing.
    fn get(&self, target: &str) -> impl Future<Output = Client> + Send {
        Client::get(self.address(), target)
    }

    /// Connects and asks as a script does that names no event stream in `Accept`; waits for nothing.
    fn fetch(&self, target: &str) -> impl Future<Output = Client> + Send {
        Client::fetch(self.address(), target)
    }

    /// Asks for a stream and waits for its head.
    ///
    /// # Panics
    /// When the answer is no stream.
    fn open(&self, target: &str) -> impl Future<Output = Client> + Send {
        Client::open(self.address(), target)
    }

    /// Asks for a stream and waits for its first comment.
    ///
    /// # Panics
    /// When the answer is no stream.
    fn subscribe(&self, target: &str) -> impl Future<Output = Subscriber> + Send {
        let address = self.address();
        async move { Subscriber::on(Client::get(address, target).await).await }
    }

    /// The same with a `Last-Event-ID`, as an `EventSource` that comes back.
    ///
    /// # Panics
    /// When the answer is no stream.
    fn resume(&self, target: &str, last_id: &str) -> impl Future<Output = Subscriber> + Send {
        let address = self.address();
        async move {
            let mut client = Client::connect(address).await;
            client.ask_again(target, last_id).await;
            Subscriber::on(client).await
        }
    }
}
