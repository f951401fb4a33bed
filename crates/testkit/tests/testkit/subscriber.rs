//! What a subscriber accepts of a wire, and what it does not.

use sse_gateway_testkit::{Client, End, Subscriber};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// A subscriber of a server that writes exactly this after its head and first comment.
async fn subscriber(blocks: &str) -> Subscriber {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: ok\n\n";
    let answer = format!("{head}{blocks}");
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a client");
        socket.write_all(answer.as_bytes()).await.expect("written");
        socket.shutdown().await.expect("ended");
    });
    Subscriber::on(Client::connect(address).await).await
}

/// Whether a subscriber reads all of this.
async fn accepts(blocks: &'static str) -> bool {
    tokio::spawn(async move { subscriber(blocks).await.rest().await }).await.is_ok()
}

#[tokio::test]
async fn it_reads_names_data_ids_and_retries() {
    let mut subscriber =
        subscriber(": heartbeat\n\nevent: n\ndata: a\ndata: \ndata: b: c\nid: e-1\nretry: 7\n\ndata: \n\n")
            .await;
    let block = subscriber.next().await;
    assert_eq!((block.name.as_str(), block.text(), block.retry), ("n", "a\n\nb: c", Some(7)));
    assert_eq!(block.position().to_string(), "e-1");
    let second = subscriber.next().await;
    assert_eq!((second.text(), &second.id), ("", &None));
    assert_eq!(subscriber.last_id(), "e-1");
    assert_eq!(subscriber.end().await, End::Clean);
}

#[tokio::test]
async fn it_refuses_what_no_gateway_writes() {
    for wrong in [
        "data:a\n\n",
        "data: a\r\n\n",
        "id: e-1\n\n",
        "id: e-1\ndata: a\n\n",
        "data: a\nevent: n\n\n",
        "event: n\n\n",
        "foo: bar\ndata: a\n\n",
        "data: a\n: comment\n\n",
        "data: a\nid: e\n\n",
        "data: a\nid: e-01\n\n",
        "data: a\nid: e 1-1\n\n",
        "data: a\nid: e-1\nid: e-2\n\n",
        "data: half a block\n",
    ] {
        assert!(!accepts(wrong).await, "{wrong:?}");
    }
}

#[tokio::test]
async fn ids_that_do_not_increase_are_refused() {
    assert!(accepts("data: \nid: e-9\n\ndata: \nid: e-10\n\n").await);
    for wrong in ["e-8", "e-9", "f-10"] {
        let blocks = format!("data: \nid: e-9\n\ndata: \n\ndata: \nid: {wrong}\n\n");
        assert!(!accepts(blocks.leak()).await, "{wrong}");
    }
}

#[tokio::test]
async fn nothing_but_comments_follows_a_connection_close() {
    assert!(accepts("event: connection_close\ndata: {}\n\n: heartbeat\n\n").await);
    assert!(!accepts("event: connection_close\ndata: {}\n\ndata: late\n\n").await);
}
