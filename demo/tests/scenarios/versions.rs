//! Versions, announced to clients that are there and to those that are not.

use serde_json::json;
use sse_gateway_testkit::{Client, End};

use crate::story::{expect_connection_open, expect_ending};
use crate::system::{System, data};

async fn expect_version(client: &mut Client, version: &str) {
    let event = client.next_event().await;
    assert_eq!((event.name.as_str(), data(&event)), ("version", json!({ "version": version })));
}

#[tokio::test]
async fn connection_open_comes_first() {
    let system = System::start().await;
    system.announce("page", "1").await;
    let mut client = system.open("/api/sse/utils/version?request_id=page").await;
    expect_connection_open(&mut client).await;
}

#[tokio::test]
async fn pending_versions_are_flushed_in_order_and_once() {
    let system = System::start().await;
    for version in ["1", "2", "3"] {
        let answer = system.announce("page", version).await;
        assert_eq!(answer, json!({ "requestId": "page", "delivered": false, "status": "queued" }));
    }

    let mut client = system.listen_for_versions("page").await;
    for version in ["1", "2", "3"] {
        expect_version(&mut client, version).await;
    }

    drop(client);
    system.wait_active_connections("version", 0).await;
    let mut again = system.listen_for_versions("page").await;
    system.announce("page", "4").await;
    expect_version(&mut again, "4").await;
}

#[tokio::test]
async fn later_versions_follow() {
    let system = System::start().await;
    system.announce("page", "1").await;
    let mut client = system.listen_for_versions("page").await;
    expect_version(&mut client, "1").await;

    let body = json!({ "request_id": "page", "version": "2", "changelog": "Faster" });
    let answer = system.post("/api/testing/deployments/version", body).await.json();

    assert_eq!(answer, json!({ "requestId": "page", "delivered": true, "status": "delivered" }));
    let event = client.next_event().await;
    assert_eq!(data(&event), json!({ "version": "2", "changelog": "Faster" }));
}

#[tokio::test]
async fn a_clients_leaving_reaches_the_backend_and_the_next_version_is_queued() {
    let system = System::start().await;
    let client = system.listen_for_versions("page").await;
    system.wait_active_connections("version", 1).await;

    drop(client);
    system.wait_active_connections("version", 0).await;
    assert_eq!(system.announce("page", "1").await["status"], "queued");

    let mut client = system.listen_for_versions("page").await;
    expect_version(&mut client, "1").await;
}

#[tokio::test]
async fn a_second_client_replaces_the_first() {
    let system = System::start().await;
    let mut first = system.listen_for_versions("page").await;
    let mut second = system.listen_for_versions("page").await;

    expect_ending(&mut first, "replaced").await;
    assert_eq!(system.announce("page", "1").await["status"], "delivered");
    expect_version(&mut second, "1").await;
    system.wait_active_connections("version", 1).await;
}

#[tokio::test]
async fn the_replaced_client_is_told_to_come_back_late() {
    let system = System::start().await;
    let mut first = system.listen_for_versions("page").await;
    let _second = system.listen_for_versions("page").await;

    expect_ending(&mut first, "replaced").await;

    let text = String::from_utf8_lossy(first.received()).into_owned();
    let retry = text.lines().find_map(|line| line.strip_prefix("retry: ")).expect("a retry line");
    let retry: u64 = retry.trim().parse().expect("milliseconds");
    assert!((15_000..=45_000).contains(&retry), "{retry} ms is not 30 s +-50 %");
}

#[tokio::test]
async fn a_stream_that_ends_by_itself_is_clean() {
    let mut system = System::start().await;
    let mut client = system.listen_for_versions("page").await;
    system.gateway.signal(sse_gateway_testkit::Signal::TERM);
    assert_eq!(client.end().await, End::Clean);
    assert_eq!(system.gateway.wait_exit().await.code, Some(0));
}
