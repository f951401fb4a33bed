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

/// Connects and asks for half of this target, so that a shutdown finds the connection in use; gives the other
/// half.
///
/// The half stands behind a whole request in one write: its answer says that the gateway has read both.
pub(crate) async fn half_asked(gateway: &Gateway, target: &str) -> (Client, String) {
    let mut client = Client::connect(gateway.address()).await;
    let request = get(target, "");
    let (half, other_half) = request.split_at(request.len() / 2);
    client.send([&get("/healthz", ""), half].concat()).await;
    assert_eq!(client.response().await.status(), 200);
    (client, other_half.to_owned())
}
