//! 1.5, 1.6: health and features.

use serde_json::json;
use sse_gateway_testkit::{Endpoint, Gateway};

use crate::setup::{open, start};

#[tokio::test]
async fn a_configured_gateway_is_ready() {
    let (_callbacks, gateway) = start().await;
    let health = gateway.sender().get("/healthz").await;
    assert_eq!((health.status(), health.json()), (200, json!({"status": "ok"})));
    let ready = gateway.sender().get("/readyz").await;
    assert_eq!((ready.status(), ready.json()), (200, json!({"status": "ready", "configured": true})));
}

#[tokio::test]
async fn a_gateway_without_a_callback_url_is_healthy_and_not_ready() {
    let gateway = Gateway::start([("HEARTBEAT_INTERVAL_SECONDS", "1")]).await;
    assert_eq!(gateway.sender().get("/healthz").await.status(), 200);
    let ready = gateway.sender().get("/readyz").await;
    assert_eq!((ready.status(), ready.json()), (503, json!({"status": "not_ready", "configured": false})));
}

#[tokio::test]
async fn every_answer_of_its_own_routes_names_the_features() {
    let (callbacks, gateway) = start().await;
    let (_client, token) = open(&callbacks, &gateway, "/").await;
    let sender = gateway.sender();
    let send = |body: serde_json::Value| sender.send(body);
    for answer in [
        sender.get("/healthz").await,
        sender.get("/readyz").await,
        sender.get("/internal/metrics").await,
        sender.get("/internal/nothing").await,
        sender.get("/internal/send").await,
        send(json!({"token": token})).await,
        send(json!({"token": "unknown"})).await,
        send(json!({})).await,
        sender.post("/internal/send", "text/plain", "x").await,
        sender.post("/internal/send", "application/json", vec![b' '; (1 << 20) + 1]).await,
        sender.post("/healthz", "text/plain", "x").await,
    ] {
        assert_eq!(answer.header("sse-gateway-features"), Some("events, topics"), "{answer:?}");
    }
    let gateway = Gateway::start([("INTERNAL_SECRET", "x")]).await;
    let refusal = gateway.sender().get("/internal/metrics").await;
    assert_eq!(refusal.status(), 401);
    assert_eq!(refusal.header("sse-gateway-features"), Some("events, topics"));
}
