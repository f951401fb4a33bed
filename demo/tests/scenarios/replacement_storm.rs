//! Clients that take one identifier from each other as fast as they can.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use sse_gateway_testkit::Client;
use tokio::task::JoinSet;

use crate::system::{System, data};

const REPLACEMENTS: usize = 150;
const PUBLISH_TIME_MAX: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_publish_takes_over_a_second_and_no_version_is_lost_or_repeated_in_a_storm_of_replacements() {
    let system = Arc::new(System::start().await);
    let mut quiet = system.listen_for_versions("quiet").await;

    let storm = {
        let system = Arc::clone(&system);
        tokio::spawn(async move {
            let mut readers = JoinSet::new();
            for _ in 0..REPLACEMENTS {
                let client = system.open("/api/sse/utils/version?request_id=storm").await;
                readers.spawn(read_to_the_end(client));
            }
            // One more, which nobody replaces, takes what the others left.
            (readers, system.open("/api/sse/utils/version?request_id=storm").await)
        })
    };
    let mut announced = 0;
    while !storm.is_finished() {
        announced += 1;
        for request_id in ["quiet", "storm"] {
            let start = Instant::now();
            system.announce(request_id, &announced.to_string()).await;
            let took = start.elapsed();
            assert!(took < PUBLISH_TIME_MAX, "version {announced} to {request_id} took {took:?}");
        }
    }
    eprintln!("{REPLACEMENTS} replacements, {announced} versions to each");
    let (readers, mut last) = storm.await.expect("the storm does not panic");
    system.announce("storm", "last").await;

    for number in 1..=announced {
        assert_eq!(data(&quiet.next_event().await), json!({ "version": number.to_string() }));
    }
    let mut told: Vec<_> = readers.join_all().await.into_iter().flatten().collect();
    loop {
        let event = last.next_event().await;
        match data(&event)["version"].as_str() {
            Some("last") => break,
            Some(version) => told.push(version.to_owned()),
            None => assert_eq!(event.name, "connection_open"),
        }
    }
    told.sort_by_key(|version| version.parse::<usize>().expect("a number"));
    let all: Vec<_> = (1..=announced).map(|number| number.to_string()).collect();
    assert_eq!(told, all);
    system.wait_active_connections("version", 2).await;
}

/// Gives the versions that a client was told before it was replaced, checked to be in order.
async fn read_to_the_end(mut client: Client) -> Vec<String> {
    let mut versions = Vec::new();
    loop {
        let event = client.next_event().await;
        match event.name.as_str() {
            "connection_open" => {}
            "version" => versions.push(data(&event)["version"].as_str().expect("a version").to_owned()),
            "connection_close" => break,
            other => panic!("{other} on a version stream"),
        }
    }
    client.end().await;
    let numbers = versions.iter().map(|version| version.parse::<usize>().expect("a number"));
    assert!(numbers.is_sorted(), "{versions:?}");
    versions
}
