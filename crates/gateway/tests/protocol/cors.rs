//! 1.5: pages of other origins.

use sse_gateway_testkit::{Client, Endpoint, Gateway, Head};

use crate::setup::{get, start_with};

const ORIGIN: &str = "https://app.example.org";

async fn head(gateway: &Gateway, target: &str, origin: &str) -> Head {
    let mut client = Client::connect(gateway.address()).await;
    client.send(get(target, &format!("Origin: {origin}\r\n"))).await;
    client.head().await
}

fn allowed(head: &Head) -> Option<&str> {
    head.header("access-control-allow-origin")
}

#[tokio::test]
async fn by_default_no_other_origin_may_read() {
    let (_callbacks, gateway) = start_with(&[]).await;
    for target in ["/", "/healthz", "/readyz", "/internal/metrics", "/internal/nothing"] {
        let head = head(&gateway, target, ORIGIN).await;
        assert!(
            !head.headers.iter().any(|(name, _)| name.to_lowercase().starts_with("access-control")),
            "{head:?}"
        );
    }
}

#[tokio::test]
async fn a_listed_origin_may_read_streams_and_others_not() {
    let list = format!("{ORIGIN}, http://localhost:5173");
    let (_callbacks, gateway) = start_with(&[("CORS_ALLOW_ORIGIN", &list)]).await;
    for origin in [ORIGIN, "http://localhost:5173"] {
        let head = head(&gateway, "/", origin).await;
        assert_eq!(head.status(), 200);
        assert_eq!(allowed(&head), Some(origin));
        let vary = head.header("vary").expect("the answer differs by origin").to_lowercase();
        assert!(vary.contains("origin"), "{vary}");
    }
    for origin in
        ["https://evil.example.org", "https://app.example.org.evil.test", "http://app.example.org", "null"]
    {
        assert_eq!(allowed(&head(&gateway, "/", origin).await), None, "{origin}");
    }
    let mut client = gateway.get("/").await;
    assert_eq!(allowed(&client.head().await), None, "no origin, no header");
}

#[tokio::test]
async fn a_star_lets_every_origin_read_streams() {
    let (_callbacks, gateway) = start_with(&[("CORS_ALLOW_ORIGIN", "*")]).await;
    let head = head(&gateway, "/", ORIGIN).await;
    assert_eq!(allowed(&head), Some("*"));
    assert_eq!(head.header("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn internal_never_is_for_pages() {
    for origins in ["*", ORIGIN] {
        let (_callbacks, gateway) = start_with(&[("CORS_ALLOW_ORIGIN", origins)]).await;
        for target in ["/internal/metrics", "/internal/send", "/internal/nothing"] {
            assert_eq!(allowed(&head(&gateway, target, ORIGIN).await), None, "{target}");
        }
        let mut client = Client::connect(gateway.address()).await;
        let preflight = format!(
            "OPTIONS /internal/send HTTP/1.1\r\nHost: gateway.test\r\nOrigin: {ORIGIN}\r\n\
             Access-Control-Request-Method: POST\r\n\r\n"
        );
        client.send(preflight).await;
        assert_eq!(allowed(&client.head().await), None);
    }
}
