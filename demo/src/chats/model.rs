//! A model that knows one answer: what it says has the form of a chat completion that is streamed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The body of an answer, as a model's API would send it: an event stream with an event a token, and
/// `[DONE]` at its end. When it is stopped it breaks off.
pub(super) struct Answer(mpsc::Receiver<io::Result<Bytes>>);

/// Begins to answer, with a pause before each token. A reader that is slower is waited for.
pub(super) fn answer(prompt: &str, token_delay: Duration, stop: CancellationToken) -> Answer {
    let (body, answer) = mpsc::channel(1);
    let text = format!("{} {SAYING}", quoted(prompt));
    tokio::spawn(async move {
        let tokens = text.split_inclusive(' ').map(token).chain([DONE.to_owned()]);
        for token in tokens {
            let part = match stop.run_until_cancelled(sleep(token_delay)).await {
                Some(()) => Ok(token.into()),
                None => Err(io::Error::other("the model was stopped")),
            };
            let stopped = part.is_err();
            // Nobody reads an answer whose connection is gone.
            if body.send(part).await.is_err() || stopped {
                return;
            }
        }
    });
    Answer(answer)
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| part.map(Frame::data)))
    }
}

fn token(content: &str) -> String {
    format!("data: {}\n\n", json!({ "choices": [{ "index": 0, "delta": { "content": content } }] }))
}

fn quoted(prompt: &str) -> String {
    format!("You asked: \u{201c}{}\u{201d}.", prompt.trim())
}

const DONE: &str = "data: [DONE]\n\n";

const SAYING: &str = "I am not a model, but I speak like one: a word at a time, and each word is an event. \
    The backend does not read them. It hands the body of my answer to the gateway, which gives every event \
    a number and keeps it for a while. So you may reload this page in the middle of a sentence, or lose \
    your connection in a tunnel: whoever comes back says the number of the last word that it heard, and \
    hears the rest, no word twice and none left out. Open a second viewer, and it begins with my first \
    word and then keeps up with you. And should I stop before I am done, you will be told, for a sentence \
    without an end is worse than a bad one.";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_ends_with_done_and_breaks_off_when_it_is_stopped() {
        let stop = CancellationToken::new();
        let mut whole = answer("Why?", Duration::ZERO, stop.clone());
        let mut parts = Vec::new();
        while let Some(part) = whole.0.recv().await {
            parts.push(part.unwrap());
        }
        assert!(parts.len() > 100 && parts.last().unwrap() == DONE.as_bytes());

        let mut stopped = answer("Why?", Duration::ZERO, stop.clone());
        stopped.0.recv().await.unwrap().unwrap();
        stop.cancel();
        while stopped.0.recv().await.unwrap().is_ok() {}
        assert!(stopped.0.recv().await.is_none());
    }
}
