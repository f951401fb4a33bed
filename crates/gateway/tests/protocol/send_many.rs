//! 1.3: many sends in one request, as an array or as a stream of lines.

use serde_json::{Value, json};
use sse_gateway_testkit::{End, Endpoint, within};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::setup::{open, start};

const NDJSON: &str = "application/x-ndjson";

/// A request whose body is still being written while its answer is read.
struct Stream(BufReader<TcpStream>);

impl Stream {
    async fn begin(gateway: &impl Endpoint) -> Self {
        let mut socket = TcpStream::connect(gateway.internal_address()).await.expect("connected");
        let head = format!(
            "POST /internal/send HTTP/1.1\r\nHost: x\r\nContent-Type: {NDJSON}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await.expect("written");
        Self(BufReader::new(socket))
    }

    async fn write(&mut self, text: &str) {
        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
        self.0.get_mut().write_all(chunk.as_bytes()).await.expect("written");
    }

    async fn finish(&mut self) {
        self.0.get_mut().write_all(b"0\r\n\r\n").await.expect("written");
    }

    /// Reads the next line that is JSON; heads and chunk sizes are passed over.
    async fn next_answer(&mut self) -> Value {
        let read = async {
            loop {
                let mut line = String::new();
                assert!(self.0.read_line(&mut line).await.expect("read") > 0, "the answer has ended");
                if line.starts_with('{') {
                    return serde_json::from_str(&line).expect("JSON");
                }
            }
        };
        within("an answer", read).await
    }

    async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        loop {
            let mut bytes = [0; 1024];
            let count = within("the end", self.0.read(&mut bytes)).await.expect("read");
            rest.extend_from_slice(&bytes[..count]);
            if count == 0 || rest.ends_with(b"0\r\n\r\n") {
                return String::from_utf8_lossy(&rest).into_owned();
            }
        }
    }
}

fn line(token: &str, data: &str) -> String {
    json!({"token": token, "event": {"data": data}}).to_string() + "\n"
}

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().or(answer["status"].as_str()).expect("a code or a status")
}

#[tokio::test]
async fn an_array_is_answered_element_by_element_in_order() {
    let (callbacks, gateway) = start().await;
    let (mut first, one) = open(&callbacks, &gateway, "/one").await;
    let (mut second, two) = open(&callbacks, &gateway, "/two").await;
    let body = json!([
        {"token": one, "event": {"data": "1"}},
        {"token": two, "event": {"data": "2"}},
        {"token": "nobody"},
        3,
        {"token": one, "event": {"name": 7, "data": ""}},
        {"token": one, "events": [{"data": "3"}, {"data": "4"}], "close": true},
        {"token": one, "event": {"data": "5"}},
        {"token": two, "event": {"data": "6"}, "close": true},
    ]);
    let answer = gateway.sender().send(body).await;
    assert_eq!(answer.status(), 200);
    let answers = answer.json();
    let codes: Vec<_> = answers.as_array().expect("an array").iter().map(code).collect();
    assert_eq!(
        codes,
        [
            "ok",
            "ok",
            "TOKEN_NOT_FOUND",
            "INVALID_JSON",
            "INVALID_EVENT_NAME_TYPE",
            "ok",
            "TOKEN_NOT_FOUND",
            "ok"
        ]
    );
    for data in ["1", "3", "4"] {
        assert_eq!(first.next_event().await.data, data);
    }
    assert_eq!(first.end().await, End::Clean);
    for data in ["2", "6"] {
        assert_eq!(second.next_event().await.data, data);
    }
    assert_eq!(second.end().await, End::Clean);
}

#[tokio::test]
async fn an_empty_array_is_answered_with_an_empty_array() {
    let (_callbacks, gateway) = start().await;
    for body in ["[]", " \r\n[ ]", "\u{feff}[]"] {
        let answer = gateway.sender().post("/internal/send", "application/json", body).await;
        assert_eq!((answer.status(), answer.json()), (200, json!([])), "{body:?}");
    }
}

#[tokio::test]
async fn an_array_that_is_no_json_is_refused_as_a_whole() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let body = format!("[{},", line(&token, "never"));
    let answer = gateway.sender().post("/internal/send", "application/json", body).await;
    assert_eq!(answer.code(), (400, "INVALID_JSON".to_owned()));
    gateway.sender().event(&token, "", "after").await;
    assert_eq!(client.next_event().await.data, "after");
}

#[tokio::test]
async fn lines_are_answered_while_the_body_still_comes() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let mut stream = Stream::begin(&gateway).await;
    for number in 0..3 {
        stream.write(&line(&token, &number.to_string())).await;
        assert_eq!(code(&stream.next_answer().await), "ok");
        assert_eq!(client.next_event().await.data, number.to_string());
    }
    stream.finish().await;
    assert!(stream.rest().await.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn one_bad_line_is_answered_for_itself_and_the_rest_goes_on() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let mut stream = Stream::begin(&gateway).await;
    let long = line(&token, &"x".repeat((1 << 20) + 1));
    let bad = format!("not json\n\n{{\"token\":\"nobody\"}}\n{}", line(&token, "good"));
    stream.write(&bad).await;
    stream.write(&long).await;
    stream.write(line(&token, "last").trim_end()).await;
    stream.finish().await;
    for expected in ["INVALID_JSON", "TOKEN_NOT_FOUND", "ok", "BODY_TOO_LARGE", "ok"] {
        assert_eq!(code(&stream.next_answer().await), expected);
    }
    assert_eq!(client.next_event().await.data, "good");
    assert_eq!(client.next_event().await.data, "last");
}

#[tokio::test]
async fn thousands_of_lines_for_many_streams_arrive_in_order() {
    let (callbacks, gateway) = start().await;
    let mut clients = Vec::new();
    for index in 0..8 {
        clients.push(open(&callbacks, &gateway, &format!("/{index}")).await);
    }
    let per_client = 500;
    let mut body = String::new();
    for number in 0..per_client {
        clients.iter().for_each(|(_, token)| body.push_str(&line(token, &number.to_string())));
    }
    let answer = gateway.sender().post("/internal/send", NDJSON, body).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().lines().filter(|line| *line == r#"{"status":"ok"}"#).count(), 8 * per_client);
    for (client, _) in &mut clients {
        for number in 0..per_client {
            assert_eq!(client.next_event().await.data, number.to_string());
        }
    }
}

#[tokio::test]
async fn what_arrived_before_a_break_stays() {
    let (callbacks, gateway) = start().await;
    let (mut client, token) = open(&callbacks, &gateway, "/").await;
    let mut stream = Stream::begin(&gateway).await;
    stream.write(&line(&token, "whole")).await;
    stream.write(line(&token, "cut off").trim_end()).await;
    assert_eq!(code(&stream.next_answer().await), "ok");
    drop(stream);
    assert_eq!(client.next_event().await.data, "whole");
    gateway.sender().event(&token, "", "after").await;
    assert_eq!(client.next_event().await.data, "after");
}
