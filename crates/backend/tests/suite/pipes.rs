//! Streams that are piped in, such as a language model's answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde_json::json;
use sse_gateway_backend::Identifier;
use sse_gateway_backend::connections::{Message, PipeError};
use sse_gateway_testkit::{End, Endpoint as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::stage::{Stage, open_again, told, types};

const TARGET: &str = "/api/talks?talk_id=1";

/// A talk whose events the test feeds.
struct Talk {
    identifier: Identifier,
    events: mpsc::Sender<io::Result<Bytes>>,
    outcome: JoinHandle<Result<u64, PipeError>>,
}

impl Talk {
    async fn begin(stage: &Stage) -> Self {
        let identifier = Identifier::parse("talk", "1").expect("a valid id");
        let connections = stage.backend.connections().clone();
        connections.open_pipe(&identifier).await.expect("made");
        let (events, body) = mpsc::channel(1);
        let topic = identifier.clone();
        let outcome = tokio::spawn(async move { connections.pipe(&topic, Fed(body), "talk_ended").await });
        Self { identifier, events, outcome }
    }

    async fn say(&mut self, text: &str) {
        let event = Bytes::from(format!("data: \"{text}\"\n\n"));
        self.events.send(Ok(event)).await.expect("the gateway reads");
    }
}

struct Fed(mpsc::Receiver<io::Result<Bytes>>);

impl Body for Fed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| part.map(Frame::data)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_piped_in_is_heard_by_several_as_it_comes_and_ends_with_it() {
    let stage = Stage::with_ours(|_| {}).await;
    let mut talk = Talk::begin(&stage).await;
    let mut first = stage.open(TARGET).await;
    talk.say("Once").await;
    let heard = first.next_event().await;
    assert_eq!((heard.name.as_str(), heard.data.as_str()), ("", "\"Once\""));
    let mut second = stage.open(TARGET).await;
    assert_eq!(second.next_event().await, heard);
    drop(first);
    talk.say("upon").await;
    let mut resumed = open_again(&stage, TARGET, &heard.id).await;
    assert_eq!(resumed.next_event().await.name, "connection_open");
    drop(talk.events);
    for mut client in [second, resumed] {
        let (events, end) = client.remaining_events().await;
        let events: Vec<_> = events.iter().map(told).collect();
        assert_eq!(
            events,
            [(String::new(), json!("upon")), ("connection_close".into(), json!({ "reason": "talk_ended" })),]
        );
        assert_eq!(end, End::Clean);
    }
    assert_eq!(talk.outcome.await.expect("no panic"), Ok(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_keeps_what_had_come_and_is_ended_with_a_word() {
    let stage = Stage::with_ours(|_| {}).await;
    let mut talk = Talk::begin(&stage).await;
    let mut client = stage.open(TARGET).await;
    talk.say("Once").await;
    assert_eq!(told(&client.next_event().await).1, "Once");
    talk.events.send(Err(io::Error::other("the model is gone"))).await.expect("it is read");
    assert_eq!(talk.outcome.await.expect("no panic"), Err(PipeError::Broken));
    let last = Message::kept(sse_gateway_backend::Event::named("error", r#""cut off""#));
    stage.backend.connections().complete(&talk.identifier, last, "talk_failed").expect("room");
    let (events, _) = client.remaining_events().await;
    assert_eq!(types(&events.iter().map(told).collect::<Vec<_>>()), ["error", "connection_close"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_what_is_not_piped_is_told() {
    let stage = Stage::with_ours(|_| {}).await;
    let mut client = stage.open(TARGET).await;
    assert_eq!(told(&client.next_event().await).1, json!({ "reason": "talk_not_found" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_topics_there_are_no_pipes_and_no_shared_streams() {
    for stage in [Stage::with_the_original(|_| {}).await, Stage::with_ours_by_token(|_| {}).await] {
        let identifier = Identifier::parse("talk", "1").expect("a valid id");
        let made = stage.backend.connections().open_pipe(&identifier).await;
        assert_eq!(made, Err(PipeError::NoTopics));
        let mut client = stage.gateway.get(TARGET).await;
        assert_eq!(client.head().await.status(), 501);
    }
}
