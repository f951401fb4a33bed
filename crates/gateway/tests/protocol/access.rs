//! 1.3, 1.5: who may use `/internal/*`.

use std::net::{IpAddr, Ipv4Addr};

use http::Method;
use http_body_util::Full;
use serde_json::json;
use sse_gateway_testkit::{Client, Endpoint, Gateway, Sender};

use crate::setup::{get, open, start, start_with};

const SECRET: &str = "a-secret-of-the-operator";

#[tokio::test]
async fn with_a_secret_only_its_bearer_comes_in() {
    let (callbacks, gateway) = start_with(&[("INTERNAL_SECRET", SECRET)]).await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let longer = format!("{SECRET}x");
    for authorization in [
        None,
        Some("Bearer "),
        Some("Bearer wrong"),
        Some(&format!("Basic {SECRET}")),
        Some(SECRET),
        Some(&format!("Bearer {longer}")),
        Some(&format!("Bearer {}", &SECRET[1..])),
    ] {
        for path in ["/internal/send", "/internal/metrics", "/internal/nothing"] {
            let request = gateway.sender().builder(Method::POST, path);
            let request =
                authorization.iter().fold(request, |request, value| request.header("authorization", *value));
            // Malformed on purpose: who is not allowed in learns nothing about his body.
            let response = gateway.sender().request(request.body(Full::from("{")).expect("valid")).await;
            assert_eq!(response.code(), (401, "UNAUTHORIZED".into()), "{path} {authorization:?}");
        }
    }
    let sender = gateway.sender().with_bearer(SECRET);
    assert_eq!(sender.event(&token, "x", "").await, "ok");
    assert_eq!(client.next_event().await.name, "x");
    assert_eq!(sender.get("/internal/metrics").await.status(), 200);
    assert_eq!(gateway.sender().get("/healthz").await.status(), 200);
    assert_eq!(gateway.sender().get("/readyz").await.status(), 200);
}

const FORWARDING: [&str; 7] = [
    "Forwarded: for=10.1.1.1",
    "X-Forwarded-For: 127.0.0.1",
    "x-forwarded-proto: https",
    "X-Forwarded-Host: a",
    "X-Forwarded-Anything: a",
    "X-Real-IP: 127.0.0.1",
    "Via: 1.1 proxy",
];

#[tokio::test]
async fn without_a_secret_what_came_through_a_proxy_is_refused_with_the_way_out() {
    let (_callbacks, gateway) = start().await;
    for header in FORWARDING {
        let mut client = Client::connect(gateway.address()).await;
        client.send(get("/internal/metrics", &format!("{header}\r\n"))).await;
        let (status, code, message) = client.response().await.error();
        assert_eq!((status, code.as_str()), (403, "INTERNAL_FORBIDDEN"), "{header}");
        assert!(message.contains("INTERNAL_SECRET"), "{message}");
    }
}

#[tokio::test]
async fn with_a_secret_a_proxy_may_stand_between() {
    let (_callbacks, gateway) = start_with(&[("INTERNAL_SECRET", SECRET)]).await;
    for header in FORWARDING {
        let mut client = Client::connect(gateway.address()).await;
        client
            .send(get("/internal/metrics", &format!("{header}\r\nAuthorization: Bearer {SECRET}\r\n")))
            .await;
        assert_eq!(client.head().await.status(), 200, "{header}");
    }
}

#[tokio::test]
async fn streams_may_come_through_a_proxy() {
    let (callbacks, gateway) = start().await;
    let mut client = Client::connect(gateway.address()).await;
    client.send(get("/", "X-Forwarded-For: 10.1.1.1\r\nVia: 1.1 proxy\r\n")).await;
    assert_eq!(client.next_comment().await, "ok");
    assert_eq!(callbacks.next_connect().await.headers["x-forwarded-for"], "10.1.1.1");
}

#[tokio::test]
async fn without_a_secret_only_the_allowed_networks_come_in() {
    let inside = IpAddr::from(Ipv4Addr::new(127, 0, 0, 1));
    let outside = IpAddr::from(Ipv4Addr::new(127, 0, 0, 2));
    for (allow, source, status) in [
        (None, inside, 200),
        (None, outside, 200),
        (Some("127.0.0.1/32"), inside, 200),
        (Some("127.0.0.1/32"), outside, 403),
        (Some("10.0.0.0/8, 127.0.0.2/32"), outside, 200),
        (Some("10.0.0.0/8"), inside, 403),
    ] {
        let setting = allow.map(|allow| ("INTERNAL_ALLOW", allow));
        let gateway = Gateway::start(setting).await;
        let mut client = Client::connect_from(source, gateway.address()).await;
        client.send(get("/internal/metrics", "")).await;
        let head = client.head().await;
        assert_eq!(head.status(), status, "{allow:?} {source}");
        if status == 403 {
            let (_, code, message) = client.response().await.error();
            assert_eq!(code, "INTERNAL_FORBIDDEN");
            assert!(message.contains("INTERNAL_ALLOW") || message.contains("INTERNAL_SECRET"), "{message}");
        }
    }
}

#[tokio::test]
async fn a_start_that_only_trusts_addresses_warns_once() {
    let gateway = Gateway::start([("CALLBACK_URL", "http://127.0.0.1:9/")]).await;
    assert_eq!(gateway.output().matches("WARN").count(), 1, "{}", gateway.output());
    assert!(gateway.output().contains("INTERNAL_SECRET"), "{}", gateway.output());
    for setting in [("INTERNAL_SECRET", SECRET), ("INTERNAL_LISTEN", "127.0.0.1:0")] {
        let gateway = Gateway::start([("CALLBACK_URL", "http://127.0.0.1:9/"), setting]).await;
        assert!(!gateway.output().contains("WARN"), "{}", gateway.output());
    }
}

#[tokio::test]
async fn a_listener_of_its_own_takes_internal_off_the_public_port() {
    let (callbacks, mut gateway) = start_with(&[("INTERNAL_LISTEN", "127.0.0.1:0")]).await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let body = json!({"token": token, "event": {"data": "x"}});
    let public = Sender::new(gateway.address());
    assert_eq!(public.send(body.clone()).await.code(), (404, "NOT_FOUND".into()));
    assert_eq!(public.get("/internal/metrics").await.code(), (404, "NOT_FOUND".into()));
    for target in [
        "//internal/send",
        "/%69nternal/send",
        "/x/../internal/send",
        "/internal/./send",
        "http://gateway.test/internal/send",
    ] {
        let body = body.to_string();
        let mut client = Client::connect(gateway.address()).await;
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        client.send(request).await;
        assert!(matches!(client.response().await.status(), 404 | 405), "{target}");
    }
    let internal = gateway.sender();
    assert_eq!(internal.event(&token, "through the inner door", "").await, "ok");
    assert_eq!(client.next_event().await.name, "through the inner door");
    for sender in [&public, &internal] {
        assert_eq!(sender.get("/healthz").await.json(), json!({"status": "ok"}));
        assert_eq!(sender.get("/readyz").await.json(), json!({"status": "ready", "configured": true}));
    }
    drop(client);
    callbacks.next_disconnect().await;
    gateway.stop().await;
    callbacks.assert_none_left();
}
