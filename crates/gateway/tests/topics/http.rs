//! 1.1, 1.3 and 1.6 for the routes of topics: methods, access, features.

use serde_json::json;
use sse_gateway_testkit::{Client, Endpoint, Gateway, Response};

use crate::setup::{NDJSON, Stage};

/// Every route of topics, with the methods that it takes.
const ROUTES: [(&str, &[&str]); 4] = [
    ("/internal/publish", &["POST"]),
    ("/internal/close", &["POST"]),
    ("/internal/streams/5f1c3e0a-6d7c-4c1e-9a7d-0b6f5f0f6f7f/topics", &["POST"]),
    ("/internal/topics/news", &["GET", "DELETE"]),
];

async fn request(gateway: &impl Endpoint, method: &str, path: &str, headers: &str) -> Response {
    let mut client = Client::connect(gateway.internal_address()).await;
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{headers}\r\n");
    client.send(head).await;
    client.response().await
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let stage = Stage::start().await;
    for (path, methods) in ROUTES {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            if methods.contains(&method) {
                continue;
            }
            let answer = request(&stage.gateway, method, path, "").await;
            assert_eq!(answer.code(), (405, "METHOD_NOT_ALLOWED".into()), "{method} {path}");
            let allow = answer.header("allow").expect("Allow");
            let allowed: Vec<_> = allow.split(',').map(str::trim).collect();
            assert!(methods.iter().all(|method| allowed.contains(method)), "{method} {path}: {allow}");
            assert!(!allowed.contains(&method), "{method} {path}: {allow}");
        }
    }
}

#[tokio::test]
async fn a_route_that_is_none_is_not_found() {
    let stage = Stage::start().await;
    for path in [
        "/internal/publish/",
        "/internal/publish/news",
        "/internal/publisher",
        "/internal/close/news",
        "/internal/streams",
        "/internal/streams/x",
        "/internal/streams/x/topics/y",
        "/internal/streams/x/y",
        "/internal/topics",
    ] {
        let answer = request(&stage.gateway, "POST", path, "").await;
        assert_eq!(answer.code(), (404, "NOT_FOUND".into()), "{path}");
    }
}

#[tokio::test]
async fn with_a_secret_every_route_needs_it() {
    let stage = Stage::start_with(&[("INTERNAL_SECRET", "open-sesame")]).await;
    for (path, methods) in ROUTES {
        for method in methods {
            for headers in ["", "Authorization: Bearer open-sesam\r\n", "Authorization: open-sesame\r\n"] {
                let answer = request(&stage.gateway, method, path, headers).await;
                assert_eq!(answer.code(), (401, "UNAUTHORIZED".into()), "{method} {path}");
            }
            let answer = request(&stage.gateway, method, path, "Authorization: Bearer open-sesame\r\n").await;
            assert_ne!(answer.status(), 401, "{method} {path}");
        }
    }
    let sender = stage.sender.clone().with_bearer("open-sesame");
    assert_eq!(sender.publish(json!({"topic": "news"})).await.status(), 200);
    for (content_type, path) in [("application/json", ""), (NDJSON, "?topic=news"), (NDJSON, "")] {
        let body = json!({"topic": "news", "data": "", "event": {"data": ""}}).to_string();
        let answer = stage.sender.post(&format!("/internal/publish{path}"), content_type, body).await;
        assert_eq!(answer.code(), (401, "UNAUTHORIZED".into()), "{content_type} {path}");
    }
}

#[tokio::test]
async fn a_request_through_a_proxy_is_forbidden_without_a_secret() {
    let stage = Stage::start().await;
    for (path, methods) in ROUTES {
        for method in methods {
            let answer = request(&stage.gateway, method, path, "X-Forwarded-For: 192.0.2.1\r\n").await;
            assert_eq!(answer.code(), (403, "INTERNAL_FORBIDDEN".into()), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn beside_an_internal_listener_the_public_port_knows_none_of_them() {
    let stage = Stage::start_with(&[("INTERNAL_LISTEN", "127.0.0.1:0")]).await;
    assert_eq!(stage.sender.publish(json!({"topic": "news"})).await.status(), 200);
    for (path, methods) in ROUTES {
        for method in methods {
            let mut client = Client::connect(stage.gateway.address()).await;
            client.send(format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")).await;
            assert_eq!(client.response().await.code(), (404, "NOT_FOUND".into()), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_answer_and_callback_names_the_feature() {
    let stage = Stage::start().await;
    let mut answers = vec![
        stage.sender.get("/healthz").await,
        stage.sender.get("/readyz").await,
        stage.sender.publish(json!({"topic": "news", "event": {"data": ""}})).await,
        stage.sender.publish(json!({})).await,
        stage.sender.publish(json!([])).await,
        stage.sender.post("/internal/publish?topic=news", NDJSON, "{\"data\":\"\"}").await,
        stage.sender.post("/internal/publish", NDJSON, "{}").await,
        stage.sender.send(json!({})).await,
        stage.post("/internal/close", json!({"subject": "nobody", "reason": "r"})).await,
    ];
    for (path, _) in ROUTES {
        answers.push(request(&stage.gateway, "POST", path, "").await);
    }
    for answer in answers {
        let features = answer.header("sse-gateway-features").unwrap_or_else(|| panic!("none: {answer:?}"));
        let features: Vec<_> = features.split(',').map(str::trim).collect();
        assert_eq!(features, ["events", "topics"]);
    }
    let subscriber = stage.listen("/", json!(["news"])).await;
    drop(subscriber);
    for callback in [stage.callbacks.next_connect().await, stage.callbacks.next_disconnect().await] {
        assert_eq!(callback.head.header("sse-gateway-features"), Some("events, topics"));
    }
}

#[tokio::test]
async fn a_keep_alive_connection_serves_publish_after_publish() {
    let stage = Stage::start().await;
    let mut client = Client::connect(stage.gateway.address()).await;
    for path in ["/internal/publish?topic=a", "/internal/publish"] {
        for _ in 0..3 {
            let body = "{\"data\":\"\"}\n";
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {NDJSON}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            client.send(head + body).await;
            assert_eq!(client.response().await.status(), 200, "{path}");
        }
    }
}

#[tokio::test]
async fn head_asks_nobody_and_listens_to_nothing() {
    let stage = Stage::start().await;
    stage.answer("/", json!({"topics": ["news"]}));
    let mut client = Client::connect(stage.gateway.address()).await;
    client.send("HEAD / HTTP/1.1\r\nHost: x\r\nLast-Event-ID: malformed\r\n\r\n").await;
    let head = client.head_only().await;
    assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(stage.topic("news").await.status(), 404);
    stage.callbacks.assert_none_left();
}

#[tokio::test]
async fn without_a_callback_url_topics_work_all_the_same() {
    let gateway = Gateway::start([("SHARDS", "1")]).await;
    let answer = gateway.sender().publish(json!({"topic": "news", "event": {"data": ""}})).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(gateway.sender().get("/internal/topics/news").await.status(), 200);
}
