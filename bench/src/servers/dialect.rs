//! How events are sent to each kind of server.

use std::io::Write as _;

use crate::load::Payload;

/// The language of a server's sending side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Sends by token and publishes by topic, many of them in one request.
    Gateway,
    /// The same send, and a publish to all.
    Plain,
    /// nchan: a publisher location for each channel.
    Nchan,
    /// Pushpin: items on its control port.
    Pushpin,
}

impl Dialect {
    /// Writes a request that sends one event to one stream.
    pub(crate) fn send(self, name: &str, payload: Payload, bytes: usize, out: &mut Vec<u8>) {
        match self {
            Self::Gateway | Self::Plain => {
                let mut body = Vec::with_capacity(bytes + 80);
                send_object(name, payload, bytes, &mut body);
                post("/internal/send", &body, out);
            }
            Self::Nchan => nchan(name, payload, bytes, out),
            Self::Pushpin => pushpin(name, payload, bytes, out),
        }
    }

    /// Writes a request that sends one event to all streams of the topic `all`.
    pub(crate) fn publish(self, payload: Payload, bytes: usize, out: &mut Vec<u8>) {
        match self {
            Self::Gateway => {
                let mut body = Vec::with_capacity(bytes + 80);
                publish_object("all", payload, bytes, &mut body);
                post("/internal/publish", &body, out);
            }
            Self::Plain => {
                let mut body = br#"{"data":""#.to_vec();
                payload.write(bytes, &mut body);
                body.extend_from_slice(br#""}"#);
                post("/publish", &body, out);
            }
            Self::Nchan => nchan("all", payload, bytes, out),
            Self::Pushpin => pushpin("all", payload, bytes, out),
        }
    }
}

/// Writes the JSON of a send, as it also stands in arrays and on lines.
pub(crate) fn send_object(name: &str, payload: Payload, bytes: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"token":""#);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(br#"","event":{"data":""#);
    payload.write(bytes, out);
    out.extend_from_slice(br#""}}"#);
}

/// Writes the JSON of a publish.
pub(crate) fn publish_object(topic: &str, payload: Payload, bytes: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"topic":""#);
    out.extend_from_slice(topic.as_bytes());
    out.extend_from_slice(br#"","event":{"data":""#);
    payload.write(bytes, out);
    out.extend_from_slice(br#""}}"#);
}

/// Writes the JSON of a publish with many events.
pub(crate) fn publish_events_object(
    topic: &str,
    payloads: impl Iterator<Item = Payload>,
    bytes: usize,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(br#"{"topic":""#);
    out.extend_from_slice(topic.as_bytes());
    out.extend_from_slice(br#"","events":"#);
    list(payloads, bytes, out);
}

/// Writes the JSON of a send with many events.
pub(crate) fn events_object(
    name: &str,
    payloads: impl Iterator<Item = Payload>,
    bytes: usize,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(br#"{"token":""#);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(br#"","events":"#);
    list(payloads, bytes, out);
}

/// Writes the list of events that ends an object.
fn list(payloads: impl Iterator<Item = Payload>, bytes: usize, out: &mut Vec<u8>) {
    let mut before: &[u8] = b"[";
    for payload in payloads {
        out.extend_from_slice(before);
        out.extend_from_slice(br#"{"data":""#);
        payload.write(bytes, out);
        out.extend_from_slice(br#""}"#);
        before = b",";
    }
    out.extend_from_slice(b"]}");
}

/// Writes a request with a body of JSON.
pub(crate) fn post(path: &str, body: &[u8], out: &mut Vec<u8>) {
    request(path, "application/json", body, out);
}

fn nchan(channel: &str, payload: Payload, bytes: usize, out: &mut Vec<u8>) {
    let mut body = Vec::with_capacity(bytes);
    payload.write(bytes, &mut body);
    request(&format!("/publish/{channel}"), "text/plain", &body, out);
}

fn pushpin(channel: &str, payload: Payload, bytes: usize, out: &mut Vec<u8>) {
    let mut body =
        format!(r#"{{"items":[{{"channel":"{channel}","formats":{{"http-stream":{{"content":"data: "#)
            .into_bytes();
    payload.write(bytes, &mut body);
    body.extend_from_slice(br#"\n\n"}}}]}"#);
    post("/publish/", &body, out);
}

fn request(path: &str, media_type: &str, body: &[u8], out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = write!(
        out,
        "POST {path} HTTP/1.1\r\nHost: gateway\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    out.extend_from_slice(body);
}
