//! 1.1: the connections that callbacks travel on.

use std::collections::HashSet;
use std::time::Duration;

use sse_gateway_testkit::{Action, Answer, Client, DEADLINE, Endpoint, Gateway, When, free_port};

use crate::setup::{get, open, start, start_with};

#[tokio::test]
async fn connections_are_reused() {
    let (callbacks, gateway) = start().await;
    let mut connections = HashSet::new();
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(gateway.open("/").await);
        connections.insert(callbacks.next_connect().await.connection);
    }
    assert!(connections.len() < 10, "each of ten callbacks had a connection of its own");
}

/// Several, because a gateway may keep its connections in several places.
#[tokio::test]
async fn a_connection_that_was_idle_for_over_a_second_is_not_reused() {
    let (callbacks, gateway) = start().await;
    let mut clients = Vec::new();
    let mut connections = async || {
        let mut connections = HashSet::new();
        for _ in 0..16 {
            clients.push(gateway.open("/").await);
            connections.insert(callbacks.next_connect().await.connection);
        }
        connections
    };
    let before = connections().await;
    // Idling is what is tested: real time is the stimulus, nothing synchronises on it.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let after = connections().await;
    assert!(before.is_disjoint(&after), "{before:?} {after:?}");
}

#[tokio::test]
async fn connections_that_the_backend_closed_while_idle_harm_nobody() {
    let (callbacks, gateway) = start().await;
    for _ in 0..10 {
        open(&callbacks, &gateway, "/").await;
        callbacks.close_idle_connections().await;
    }
}

#[tokio::test]
async fn an_answer_after_which_the_connection_ends_silently_counts() {
    let (callbacks, gateway) = start().await;
    callbacks.answer(When::any(), Answer::ok().then_close());
    for _ in 0..10 {
        open(&callbacks, &gateway, "/").await;
    }
}

/// The request is far larger than what the sockets between can hold, so it cannot have been written.
#[tokio::test]
async fn a_request_that_a_reused_connection_did_not_take_whole_is_repeated_once() {
    let (callbacks, gateway) = start_with(&[("HEAD_BYTES_MAX", "16777216")]).await;
    callbacks.reset_reused_after(1_000_000);
    let large = get("/large", &format!("X-Large: {}\r\n", "x".repeat(8 << 20)));
    // A connection is reused only where it is kept, and not after a second: again until one was.
    let mut small = Vec::new();
    for _ in 0..DEADLINE.as_secs() {
        for _ in 0..8 {
            small.push(gateway.open("/small").await);
        }
        let mut client = Client::connect(gateway.address()).await;
        client.send(&large).await;
        assert_eq!(client.head().await.status(), 200);
        callbacks.connect_of("/large").await;
        if callbacks.has_reset() {
            return;
        }
    }
    panic!("no connection was reused");
}

#[tokio::test]
async fn a_request_that_was_written_whole_is_never_repeated() {
    let (callbacks, mut gateway) = start().await;
    let _first = gateway.open("/first").await;
    callbacks.next_connect().await;
    for answer in [Answer::reset(), Answer::close()] {
        callbacks.answer(When::connect().once(), answer);
        let refusal = gateway.fetch("/second").await.response().await;
        let expected = (503, "BACKEND_UNAVAILABLE".into(), "Backend unavailable".into());
        assert_eq!(refusal.error(), expected);
        let token = callbacks.connect_of("/second").await.token.clone();
        let disconnect = callbacks.disconnect_of(&token).await;
        assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(false)));
    }
    gateway.stop().await;
    let connects = callbacks.received();
    let connects = connects.iter().filter(|callback| callback.action == Action::Connect);
    assert_eq!(connects.count(), 3);
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_unavailable() {
    let nobody = format!("http://127.0.0.1:{}/", free_port());
    // A label of over 63 characters can be no name, which the resolver knows without asking anybody.
    let no_name = format!("http://{}.invalid/", "a".repeat(64));
    for url in [nobody, no_name] {
        let gateway = Gateway::start([("CALLBACK_URL", url)]).await;
        let refusal = gateway.fetch("/").await.response().await;
        let expected = (503, "BACKEND_UNAVAILABLE".into(), "Backend unavailable".into());
        assert_eq!(refusal.error(), expected);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer_and_the_backend_is_told() {
    let (callbacks, gateway) = start().await;
    for broken in [
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ] {
        callbacks.answer(When::connect(), Answer::raw(broken).then_close());
        let refusal = gateway.fetch("/").await.response().await;
        assert_eq!(refusal.code(), (503, "BACKEND_UNAVAILABLE".into()), "{broken:?}");
        let token = callbacks.next_connect().await.token.clone();
        let disconnect = callbacks.disconnect_of(&token).await;
        assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(false)));
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (callbacks, mut gateway) = start().await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("http://{}/elsewhere", callbacks.address());
        callbacks.answer(When::connect(), Answer::status(status).header("Location", &location));
        let refusal = gateway.fetch("/").await.response().await;
        let expected = (status, "BACKEND_ERROR".into(), format!("Backend returned {status}"));
        assert_eq!(refusal.error(), expected);
        assert_eq!(refusal.header("location"), None, "the client is not led there either");
        callbacks.next_connect().await;
    }
    gateway.stop().await;
    callbacks.assert_none_left();
}
