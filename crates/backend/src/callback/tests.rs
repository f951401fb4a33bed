//! Every row of what a callback may look like, without a framework.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::*;
use crate::GatewaySettings;
use crate::connections::{ConnectionSettings, IfMissing};
use crate::metrics::Metrics;

const TOKEN: &str = "0f4ba9ae-7ae0-4cd1-8ee6-2a3b8b1f2c3d";

/// Takes everybody but the id `stranger`.
struct Rooms;

#[async_trait]
impl Service for Rooms {
    fn name(&self) -> &'static str {
        "room"
    }

    fn path(&self) -> &'static str {
        "/api/rooms"
    }

    fn parameter(&self) -> &'static str {
        "room_id"
    }

    async fn on_connect(&self, identifier: &Identifier, _: &StoredRequest) -> Admission {
        match identifier.id() {
            "stranger" => Admission::Refuse { status: 403, message: "Not for you".into() },
            "odd" => Admission::Refuse { status: 200, message: "A refusal dressed as 200".into() },
            _ => Admission::Accept(IfMissing::Create),
        }
    }
}

fn connections() -> ConnectionManager {
    ConnectionManager::start(
        &GatewaySettings::default(),
        ConnectionSettings::default(),
        Arc::new(Metrics::new()),
    )
    .expect("starts without a gateway")
}

fn callbacks(secret: Option<&str>) -> Callbacks {
    let secret = secret.map(|text| Secret::parse(text).expect("visible"));
    let settings = CallbackSettings { secret, production: false };
    Callbacks::new(settings, vec![Arc::new(Rooms)], connections()).expect("starts")
}

const PLAIN: CallbackRequest<'static> =
    CallbackRequest { authorization: None, query: None, features: None, body: b"" };

async fn answer(callbacks: &Callbacks, body: &str) -> (u16, Value) {
    let answer = callbacks.handle(CallbackRequest { body: body.as_bytes(), ..PLAIN }).await;
    (answer.status, serde_json::from_str(&answer.body).expect("JSON"))
}

async fn code(callbacks: &Callbacks, body: &str) -> (u16, String) {
    let (status, body) = answer(callbacks, body).await;
    (status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

fn connect(url: &str) -> String {
    json!({ "action": "connect", "token": TOKEN, "request": { "url": url, "headers": {} } }).to_string()
}

fn disconnect(url: &str) -> String {
    let request = json!({ "url": url, "headers": {} });
    json!({ "action": "disconnect", "reason": "client_closed", "token": TOKEN, "request": request })
        .to_string()
}

#[tokio::test]
async fn a_connect_is_answered_with_connection_open() {
    let callbacks = callbacks(None);
    let (status, body) = answer(&callbacks, &connect("/api/rooms?room_id=1")).await;
    assert_eq!(status, 200);
    assert_eq!(body, json!({ "event": { "name": "connection_open", "data": r#"{"status":"connected"}"# } }));
    assert_eq!(callbacks.connections.connected("room"), 1);
    assert_eq!(answer(&callbacks, &disconnect("/api/rooms?room_id=1")).await.0, 200);
    assert_eq!(callbacks.connections.connected("room"), 0);
}

#[tokio::test]
async fn a_gateway_with_topics_is_told_what_to_listen_to() {
    let callbacks = callbacks(None);
    let body = connect("/api/rooms?room_id=1");
    let request = CallbackRequest { features: Some("events, topics"), body: body.as_bytes(), ..PLAIN };
    let answer = callbacks.handle(request).await;
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(body["topics"], json!([{ "name": "room:1", "from": "undelivered", "exclusive": true }]));
    assert_eq!(body["event"]["name"], "connection_open");
    let read = sse_gateway_protocol::callback::ConnectAnswer::read(answer.body.as_bytes());
    assert!(read.is_ok_and(|(_, defect)| defect.is_none()), "the gateway takes it");
}

#[tokio::test]
async fn a_body_that_is_no_callback_is_400_and_says_why() {
    let callbacks = callbacks(None);
    for body in ["", "{", "[]", "\"connect\"", "null"] {
        assert_eq!(code(&callbacks, body).await, (400, "INVALID_JSON".into()), "{body}");
    }
    for body in ["{}", r#"{"action":"publish"}"#, r#"{"action":1}"#, r#"{"action":null}"#] {
        assert_eq!(code(&callbacks, body).await, (400, "UNKNOWN_ACTION".into()), "{body}");
    }
    for (change, named) in [
        (json!({ "token": null }), "invalid type"),
        (json!({ "token": "no uuid" }), "lower-case UUID"),
        (json!({ "request": null }), "invalid type"),
        (json!({ "request": {} }), "url"),
        (json!({ "request": { "url": 1 } }), "expected a string"),
        (json!({ "request": { "url": "/", "headers": { "a": 1 } } }), "HeaderValue"),
    ] {
        let mut body: Value = serde_json::from_str(&connect("/api/rooms?room_id=1")).expect("JSON");
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let (status, answer) = answer(&callbacks, &body.to_string()).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("INVALID_CALLBACK")), "{change}");
        let details = answer["error"]["details"].as_str().expect("details");
        assert!(details.contains(named), "{details}");
    }
    let missing = r#"{"action":"disconnect","token":"0f4ba9ae-7ae0-4cd1-8ee6-2a3b8b1f2c3d"}"#;
    assert_eq!(code(&callbacks, missing).await, (400, "INVALID_CALLBACK".into()));
}

#[tokio::test]
async fn a_connect_that_no_service_takes_is_400_and_a_disconnect_200() {
    let callbacks = callbacks(None);
    for url in [
        "/",
        "/api/rooms",
        "/api/rooms?other=1",
        "/api/rooms/?room_id=1",
        "/api//rooms?room_id=1",
        "/api/rooms/1?room_id=1",
        "/API/rooms?room_id=1",
        "/api%2Frooms?room_id=1",
        "/api/rooms?room_id=%ff",
    ] {
        assert_eq!(code(&callbacks, &connect(url)).await, (400, "NO_SERVICE".into()), "{url}");
        assert_eq!(answer(&callbacks, &disconnect(url)).await.0, 200, "{url}");
    }
    assert_eq!(callbacks.connections.connected("room"), 0);
}

#[tokio::test]
async fn an_id_that_can_name_nothing_is_400() {
    let callbacks = callbacks(None);
    let too_long = format!("/api/rooms?room_id={}", "x".repeat(201));
    for url in ["/api/rooms?room_id=", "/api/rooms?room_id=a%3Ab", "/api/rooms?room_id=a%0Ab", &too_long] {
        assert_eq!(code(&callbacks, &connect(url)).await, (400, "INVALID_IDENTIFIER".into()), "{url}");
    }
}

#[test]
fn a_url_is_routed_by_its_decoded_segments_and_parameter() {
    let routes = Routes::new(vec![Arc::new(Rooms)]);
    let id = |url: &str| match routes.route(url) {
        Route::To(_, identifier) => identifier.to_string(),
        Route::Nowhere | Route::BadId(..) => panic!("{url} leads nowhere"),
    };
    assert_eq!(id("/api/rooms?room_id=1"), "room:1");
    assert_eq!(id("/api/r%6foms?a=b&room_id=1&room_id=2"), "room:1");
    assert_eq!(id("/api/rooms?room%5Fid=gr%C3%BCn+1"), "room:grün 1");
    assert_eq!(id("/api/rooms?room_id=a%2Bb%26c"), "room:a+b&c");
    assert_eq!(id("http://host:1/api/rooms?room_id=1"), "room:1");
    assert_eq!(id("/api/rooms?room_id=a?b"), "room:a?b");
}

#[tokio::test]
async fn a_service_refuses_with_its_own_status_and_never_by_accident_with_a_yes() {
    let callbacks = callbacks(None);
    assert_eq!(code(&callbacks, &connect("/api/rooms?room_id=stranger")).await, (403, "REFUSED".into()));
    assert_eq!(code(&callbacks, &connect("/api/rooms?room_id=odd")).await, (403, "REFUSED".into()));
    assert_eq!(callbacks.connections.connected("room"), 0);
}

#[tokio::test]
async fn a_disconnect_that_came_first_makes_its_connect_410() {
    let callbacks = callbacks(None);
    answer(&callbacks, &disconnect("/api/rooms?room_id=1")).await;
    assert_eq!(code(&callbacks, &connect("/api/rooms?room_id=1")).await, (410, "STREAM_OVER".into()));
    assert_eq!(callbacks.connections.connected("room"), 0);
}

#[tokio::test]
async fn the_secret_is_taken_from_the_header_or_the_query_and_nothing_else_passes() {
    let callbacks = callbacks(Some("s3cr+t"));
    let body = connect("/api/rooms?room_id=1");
    let status = async |authorization, query| {
        let request = CallbackRequest { authorization, query, body: body.as_bytes(), ..PLAIN };
        callbacks.handle(request).await.status
    };
    for (authorization, query) in [
        (Some("Bearer s3cr+t"), None),
        (Some("bearer s3cr+t"), None),
        (None, Some("secret=s3cr+t")),
        (None, Some("a=b&secret=s3cr%2Bt")),
        (Some("Basic xyz"), Some("secret=s3cr+t")),
    ] {
        assert_eq!(status(authorization, query).await, 200, "{authorization:?} {query:?}");
    }
    for (authorization, query) in [
        (None, None),
        (Some("Bearer"), None),
        (Some("Bearer "), None),
        (Some("Bearer s3cr+"), None),
        (Some("Bearer s3cr+tt"), None),
        (Some("s3cr+t"), None),
        (Some("Basic s3cr+t"), None),
        (None, Some("secret=")),
        (None, Some("secret=wrong")),
        (None, Some("Secret=s3cr+t")),
        (None, Some("xsecret=s3cr+t")),
    ] {
        assert_eq!(status(authorization, query).await, 401, "{authorization:?} {query:?}");
    }
}

#[tokio::test]
async fn who_does_not_know_the_secret_learns_nothing_about_the_body() {
    let callbacks = callbacks(Some("secret"));
    assert_eq!(code(&callbacks, "{").await, (401, "UNAUTHORIZED".into()));
}

#[tokio::test]
async fn production_without_a_secret_does_not_start() {
    let start = |secret| {
        Callbacks::new(CallbackSettings { secret, production: true }, Vec::new(), connections()).map(|_| ())
    };
    assert!(matches!(start(None), Err(StartError::SecretMissing)));
    assert!(start(Secret::parse("secret")).is_ok());
}
