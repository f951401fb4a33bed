//! What most tests begin with.

use sse_gateway_testkit::{Callbacks, Client, Endpoint, Gateway};

/// Starts a backend that accepts everyone, and a gateway that asks it.
pub(crate) async fn start() -> (Callbacks, Gateway) {
    start_with(&[]).await
}

/// The same with further settings.
pub(crate) async fn start_with(settings: &[(&str, &str)]) -> (Callbacks, Gateway) {
    let callbacks = Callbacks::start().await;
    let url = callbacks.url();
    let settings = settings.iter().copied().chain([("CALLBACK_URL", url.as_str())]);
    let gateway = Gateway::start(settings).await;
    (callbacks, gateway)
}

/// Opens a stream and reads its first comment; gives its token, too.
pub(crate) async fn open(callbacks: &Callbacks, gateway: &Gateway, target: &str) -> (Client, String) {
    let mut client = gateway.open(target).await;
    assert_eq!(client.next_comment().await, "ok");
    (client, callbacks.connect_of(target).await.token.clone())
}

/// A request as a program writes it, with these further header lines.
pub(crate) fn get(target: &str, headers: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: gateway.test\r\n{headers}\r\n")
}
