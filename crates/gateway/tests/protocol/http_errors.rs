//! 1.1: what a framework would answer itself is JSON with a code, too.

use sse_gateway_testkit::{Client, Endpoint, Gateway, Response};

use crate::setup::{get, open, start, start_with};

async fn answer(gateway: &Gateway, request: impl AsRef<[u8]>) -> Response {
    let mut client = Client::connect(gateway.address()).await;
    client.send(request).await;
    client.response().await
}

fn allowed(response: &Response) -> Vec<&str> {
    let mut methods: Vec<_> = response.header("allow").expect("Allow").split(',').map(str::trim).collect();
    methods.sort_unstable();
    methods
}

#[tokio::test]
async fn an_unknown_route_is_not_found_whatever_the_method() {
    let (_callbacks, gateway) = start().await;
    for method in ["GET", "POST", "DELETE", "PUT", "PATCH"] {
        let request = format!("{method} /internal/nothing HTTP/1.1\r\nHost: gateway.test\r\n\r\n");
        assert_eq!(answer(&gateway, request).await.code(), (404, "NOT_FOUND".into()), "{method}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let (callbacks, mut gateway) = start().await;
    for (request, method) in [
        ("POST /", "GET"),
        ("DELETE /a?b", "GET"),
        ("PUT /stream", "HEAD"),
        ("BREW /coffee", "GET"),
        ("POST /healthz", "GET"),
        ("DELETE /readyz", "GET"),
        ("GET /internal/send", "POST"),
        ("PUT /internal/send", "POST"),
        ("POST /internal/metrics", "GET"),
    ] {
        let response = answer(&gateway, format!("{request} HTTP/1.1\r\nHost: gateway.test\r\n\r\n")).await;
        assert_eq!(response.code(), (405, "METHOD_NOT_ALLOWED".into()), "{request}");
        assert!(allowed(&response).contains(&method), "{request}: {response:?}");
    }
    gateway.stop().await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_malformed_request_is_bad() {
    let (callbacks, mut gateway) = start().await;
    for request in [
        "GARBAGE\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : gateway.test\r\n\r\n",
        "GET / HTTP/1.1\r\nX-\u{1}: a\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: ten\r\n\r\n",
        "GET /\u{7} HTTP/1.1\r\nHost: gateway.test\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\r\n\r\n",
    ] {
        assert_eq!(answer(&gateway, request).await.code(), (400, "BAD_REQUEST".into()), "{request:?}");
    }
    gateway.stop().await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_head_over_16_kib_is_too_large() {
    let (callbacks, gateway) = start().await;
    let target = format!("/{}", "t".repeat(17 << 10));
    assert_eq!(answer(&gateway, get(&target, "")).await.code(), (414, "HEAD_TOO_LARGE".into()));
    let header = format!("X-Large: {}\r\n", "x".repeat(17 << 10));
    assert_eq!(answer(&gateway, get("/", &header)).await.code(), (431, "HEAD_TOO_LARGE".into()));
    let many: String = (0..20).map(|n| format!("X-{n}: {}\r\n", "x".repeat(1 << 10))).collect();
    assert_eq!(answer(&gateway, get("/", &many)).await.code(), (431, "HEAD_TOO_LARGE".into()));

    let mut client = Client::connect(gateway.address()).await;
    client.send(get("/fits", &format!("X-Large: {}\r\n", "x".repeat(15 << 10)))).await;
    assert_eq!(client.next_comment().await, "ok");
    assert_eq!(callbacks.next_connect().await.url, "/fits");
}

#[tokio::test]
async fn a_head_without_end_is_too_large_before_it_ends() {
    let (_callbacks, gateway) = start().await;
    let endless = format!("GET / HTTP/1.1\r\nX-Endless: {}", "x".repeat(17 << 10));
    assert_eq!(answer(&gateway, endless).await.code(), (431, "HEAD_TOO_LARGE".into()));
    let endless = format!("GET /{}", "t".repeat(17 << 10));
    assert_eq!(answer(&gateway, endless).await.code(), (414, "HEAD_TOO_LARGE".into()));
}

#[tokio::test]
async fn a_request_has_at_most_100_headers() {
    let (callbacks, gateway) = start().await;
    let headers = |count: usize| (1..count).map(|n| format!("X-{n}: {n}\r\n")).collect::<String>();
    let mut client = Client::connect(gateway.address()).await;
    client.send(get("/", &headers(100))).await;
    assert_eq!(client.next_comment().await, "ok");
    assert_eq!(callbacks.next_connect().await.headers.len(), 100);
    assert_eq!(answer(&gateway, get("/", &headers(101))).await.code(), (431, "HEAD_TOO_LARGE".into()));
}

/// The limit is at least as long as an honest client on a bad line needs, and ends at all.
#[tokio::test]
async fn a_head_that_does_not_come_times_out() {
    let (callbacks, mut gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send("GET / HTTP/1.1\r\nHost: gate").await;
    let response = client.response().await;
    assert_eq!(response.code(), (408, "REQUEST_TIMEOUT".into()));
    gateway.stop().await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_is_framed() {
    let (callbacks, gateway) = start_with(&[("SEND_BODY_BYTES_MAX", "1000")]).await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let body = |length: usize| {
        let mut body = format!(r#"{{"token":"{token}","event":{{"data":"x"}}}}"#);
        body.extend(std::iter::repeat_n(' ', length - body.len()));
        body
    };
    let sender = gateway.sender();
    assert_eq!(sender.post("/internal/send", "application/json", body(1_000)).await.status(), 200);
    assert_eq!(client.next_event().await.data, "x");
    for length in [1_001, 3 << 20] {
        let refusal = sender.post("/internal/send", "application/json", body(length)).await;
        assert_eq!(refusal.code(), (413, "BODY_TOO_LARGE".into()));
    }
    let chunked = format!(
        "POST /internal/send HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n3e9\r\n{}\r\n0\r\n\r\n",
        body(1_001)
    );
    assert_eq!(answer(&gateway, chunked).await.code(), (413, "BODY_TOO_LARGE".into()));
    assert_eq!(sender.event(&token, "next", "").await, "ok");
    assert_eq!(client.next_event().await.name, "next", "nothing of the refused ones arrived");
}

#[tokio::test]
async fn a_send_may_have_a_mebibyte() {
    let (callbacks, gateway) = start().await;
    let (_client, token) = open(&callbacks, &gateway, "/").await;
    let body = |length: usize| {
        let mut body = format!(r#"{{"token":"{token}"}}"#);
        body.extend(std::iter::repeat_n(' ', length - body.len()));
        body
    };
    let sender = gateway.sender();
    assert_eq!(sender.post("/internal/send", "application/json", body(1 << 20)).await.status(), 200);
    let refusal = sender.post("/internal/send", "application/json", body((1 << 20) + 1)).await;
    assert_eq!(refusal.code(), (413, "BODY_TOO_LARGE".into()));
}

/// A pooled client would send its next request into the closing connection, and lose it.
#[tokio::test]
async fn a_connection_that_ends_after_an_answer_says_so_in_it() {
    let (_callbacks, gateway) = start().await;
    let post = "POST /internal/send HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n";
    let too_large = [post, "Content-Length: 1048577\r\n\r\n", &" ".repeat(1_048_577)].concat();
    let broken = [post, "Transfer-Encoding: chunked\r\n\r\nno size\r\n"].concat();
    let wrong_type = post.replace("json", "xml") + "Content-Length: 2\r\n\r\n{}";
    let wrong_method = "PUT / HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 2\r\n\r\n{}".to_owned();
    let unknown = "PUT /internal/x HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 2\r\n\r\n{}".to_owned();
    let malformed = "GARBAGE\r\n\r\n".to_owned();
    for request in [too_large, broken, wrong_type, wrong_method, unknown, malformed] {
        let mut client = Client::connect(gateway.address()).await;
        client.send(&request).await;
        let response = client.response().await;
        if response.header("connection") == Some("close") {
            assert_eq!(client.rest().await.0, "", "nothing follows {response:?}");
        } else {
            client.send(get("/healthz", "")).await;
            assert_eq!(client.response().await.status(), 200, "after {response:?}");
        }
    }
}

/// A proxy in front may read such a request otherwise than the gateway does (RFC 9112, 3.2 and 11.2).
#[tokio::test]
async fn a_request_that_two_readers_could_take_apart_differently_is_bad() {
    let (callbacks, mut gateway) = start().await;
    for headers in [
        "",
        "Host: a.test\r\nHost: b.test\r\n",
        "Host: a.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Host: a.test\r\nTransfer-Encoding: identity, chunked\r\n",
    ] {
        let mut client = Client::connect(gateway.address()).await;
        client.send(format!("GET / HTTP/1.1\r\n{headers}\r\n")).await;
        let response = client.response().await;
        assert_eq!(response.code(), (400, "BAD_REQUEST".into()), "{headers:?}");
        assert_eq!(client.rest().await.0, "", "the connection ends after {headers:?}");
    }
    gateway.stop().await;
    callbacks.assert_none_left();
}
