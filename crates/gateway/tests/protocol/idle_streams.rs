//! Many streams that wait are cheap: no task and no thread each, and little memory.

use sse_gateway_testkit::{Client, Endpoint};

use crate::setup::start;

const STREAMS: u64 = 10_000;
/// User-space memory of the gateway for one idle stream, its stored request included.
const STREAM_BYTES_MAX: u64 = 1_536;
const CONNECTING_AT_ONCE: usize = 64;

#[tokio::test]
async fn ten_thousand_idle_streams_cost_less_than_one_and_a_half_kilobytes_each() {
    let (callbacks, gateway) = start().await;
    // What one use of each part costs belongs to the process, not to the streams.
    drop(gateway.open("/warm?up=1").await);
    callbacks.next_disconnect().await;
    let (memory, threads) = (gateway.memory_bytes(), gateway.threads());

    let mut clients: Vec<Client> = Vec::new();
    while (clients.len() as u64) < STREAMS {
        let mut opening = Vec::new();
        for _ in 0..CONNECTING_AT_ONCE {
            let mut client = Client::connect(gateway.address()).await;
            client.send(REQUEST).await;
            opening.push(client);
        }
        for client in &mut opening {
            assert_eq!(client.next_comment().await, "ok");
        }
        clients.append(&mut opening);
    }

    let streams = clients.len() as u64;
    let each = (gateway.memory_bytes() - memory) / streams;
    println!("{streams} idle streams: {each} bytes each, {threads} threads before");
    assert!(each < STREAM_BYTES_MAX, "{each} bytes a stream");
    // An allocator or a runtime may start one in the background; streams have none.
    assert!(gateway.threads() <= threads + 2, "{} threads, {threads} before", gateway.threads());
    let last = callbacks.received().last().expect("callbacks").token.clone();
    assert_eq!(gateway.sender().event(&last, "still alive", "").await, "ok");
}

/// What a browser sends.
const REQUEST: &str = "GET /api/sse/tasks?task_id=0f4ba9ae-7ae0-4cd1-8ee6-2a3b8b1f2c3d HTTP/1.1\r\n\
    Host: gateway.test\r\nConnection: keep-alive\r\nsec-ch-ua-platform: \"Linux\"\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: text/event-stream\r\nCache-Control: no-cache\r\nsec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\n\
    sec-ch-ua-mobile: ?0\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n\
    Referer: http://gateway.test/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n";
