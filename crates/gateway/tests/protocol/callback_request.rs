//! 1.1, 1.4, 1.6: what a callback looks like.

use serde_json::json;
use sse_gateway_testkit::{Callbacks, Client, Endpoint, Gateway};

use crate::setup::{get, open, start, start_with};

#[tokio::test]
async fn a_connect_tells_token_target_and_headers_and_nothing_else() {
    let (callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send("GET /a?b=c HTTP/1.1\r\nHOST: gateway.test:1\r\nX-Number: 5\r\nX-Empty:\r\n\r\n").await;
    let connect = callbacks.next_connect().await;
    assert_eq!(
        connect.json(),
        json!({
            "action": "connect",
            "token": connect.token,
            "request": {
                "url": "/a?b=c",
                "headers": {"host": "gateway.test:1", "x-number": "5", "x-empty": ""},
            },
        })
    );
}

#[tokio::test]
async fn a_disconnect_tells_the_same_request() {
    let (callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send(get("/a?b=%20c", "Cookie: a=1\r\nCookie: b=2\r\nX-Latin: \u{e9}\r\n")).await;
    client.head().await;
    let connect = callbacks.next_connect().await;
    drop(client);
    let disconnect = callbacks.next_disconnect().await;
    assert_eq!(
        disconnect.json(),
        json!({
            "action": "disconnect",
            "reason": "client_closed",
            "token": connect.token,
            "request": connect.json()["request"],
            "opened": true,
        })
    );
}

#[tokio::test]
async fn the_callback_url_is_posted_to_exactly_as_configured() {
    let callbacks = Callbacks::start().await;
    let target = "/Call%2Fback/?secret=a%20b&x=%zz&&y";
    let url = format!("http://{}{target}", callbacks.address());
    let gateway = Gateway::start([("CALLBACK_URL", url)]).await;
    drop(gateway.open("/").await);
    for callback in [callbacks.next_connect().await, callbacks.next_disconnect().await] {
        assert_eq!(callback.head.start, format!("POST {target} HTTP/1.1"));
        assert_eq!(callback.head.header("content-type"), Some("application/json"));
        assert_eq!(callback.head.header("host"), Some(callbacks.address().to_string().as_str()));
        assert_eq!(callback.head.header("authorization"), None);
        assert_eq!(callback.head.header("sse-gateway-features"), Some("events, topics"));
    }
}

#[tokio::test]
async fn with_a_secret_each_callback_carries_it() {
    let (callbacks, gateway) = start_with(&[("CALLBACK_SECRET", "open-sesame")]).await;
    drop(gateway.open("/").await);
    for callback in [callbacks.next_connect().await, callbacks.next_disconnect().await] {
        assert_eq!(callback.head.header("authorization"), Some("Bearer open-sesame"));
    }
}

#[tokio::test]
async fn the_request_target_is_told_raw() {
    let (callbacks, gateway) = start().await;
    for target in [
        "/a%2Fb//c/../d/./e?x=%zz&x=1&=;~+%20",
        "/?",
        "/%E2%82%AC",
        "/a?b?c",
        "/internal%2Fsend",
        "/'()*!$,:@[]|^",
        "http://elsewhere.test/absolute?form=1",
    ] {
        let mut client = Client::connect(gateway.address()).await;
        client.send(get(target, "")).await;
        assert_eq!(client.head().await.status(), 200, "{target}");
        assert_eq!(callbacks.next_connect().await.url, target);
    }
}

#[tokio::test]
async fn header_values_are_decoded_as_latin_1_whatever_they_hold() {
    let (callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    let mut request = b"GET / HTTP/1.1\r\nHost: gateway.test\r\nX-Bytes: ".to_vec();
    request.extend(0x80..=0xff_u8);
    request.extend(b"\r\nX-Utf8: \xe2\x82\xac\"\\\tend\r\n\r\n");
    client.send(request).await;
    let connect = callbacks.next_connect().await;
    let expected: String = (0x80..=0xff_u8).map(char::from).collect();
    assert_eq!(connect.headers["x-bytes"], expected);
    assert_eq!(connect.headers["x-utf8"], "\u{e2}\u{82}\u{ac}\"\\\tend");
}

#[tokio::test]
async fn repeated_headers_are_joined_in_their_order() {
    let (callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    let headers = "X-Many: one\r\nCookie: a=1\r\nx-many: two\r\nSet-Cookie: c=3\r\nCOOKIE: b=2\r\n\
                   X-MANY: three, four\r\nset-cookie: d=4\r\n";
    client.send(get("/", headers)).await;
    let connect = callbacks.next_connect().await;
    assert_eq!(connect.headers["x-many"], "one, two, three, four");
    assert_eq!(connect.headers["cookie"], "a=1; b=2");
    assert_eq!(connect.headers["set-cookie"], "c=3, d=4");
}

#[tokio::test]
async fn a_disconnect_belongs_to_its_own_stream() {
    let (callbacks, gateway) = start().await;
    let (first, first_token) = open(&callbacks, &gateway, "/first").await;
    let (_second, second_token) = open(&callbacks, &gateway, "/second").await;
    drop(first);
    assert_eq!(callbacks.next_disconnect().await.url, "/first");
    assert_eq!(gateway.sender().event(&second_token, "", "").await, "ok");
    let gone = gateway.sender().send(json!({"token": first_token})).await;
    assert_eq!(gone.status(), 404);
}
