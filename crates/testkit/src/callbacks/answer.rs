//! What a backend can do with a callback.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::watch;

/// How a callback is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) gate: Option<Gate>,
    pub(super) reply: Reply,
}

#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// A whole answer, then perhaps the end of the connection.
    Whole { status: u16, headers: Vec<(String, String)>, body: Bytes, then_close: bool },
    /// These bytes as they are, the second part one byte an interval, then silence or the end (FIN).
    Trickle { at_once: Bytes, slowly: Bytes, interval: Duration, then_close: bool },
    /// The end of the connection (FIN).
    Close,
    /// The end of the connection (RST).
    Reset,
    /// Nothing, for ever.
    Never,
}

impl Answer {
    /// 200 with an empty body.
    #[must_use]
    pub fn ok() -> Self {
        Self::status(200)
    }

    /// A status with an empty body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::whole(status, Vec::new(), Bytes::new())
    }

    /// 200 with a JSON body.
    #[must_use]
    pub fn json(body: &Value) -> Self {
        Self::status(200).body(body.to_string()).header("Content-Type", "application/json")
    }

    /// 200 with the event that goes out first.
    #[must_use]
    pub fn event(name: &str, data: &str) -> Self {
        Self::json(&serde_json::json!({"event": {"name": name, "data": data}}))
    }

    /// The connection ends (FIN) after the request was read.
    #[must_use]
    pub fn close() -> Self {
        Self { gate: None, reply: Reply::Close }
    }

    /// The connection is reset after the request was read.
    #[must_use]
    pub fn reset() -> Self {
        Self { gate: None, reply: Reply::Reset }
    }

    /// The request is read and never answered.
    #[must_use]
    pub fn never() -> Self {
        Self { gate: None, reply: Reply::Never }
    }

    /// The first bytes come at once, the others one an interval, then nothing more.
    #[must_use]
    pub fn trickle(at_once: impl Into<Bytes>, slowly: impl Into<Bytes>, interval: Duration) -> Self {
        let (at_once, slowly) = (at_once.into(), slowly.into());
        Self { gate: None, reply: Reply::Trickle { at_once, slowly, interval, then_close: false } }
    }

    /// Exactly these bytes, then nothing more; the connection stays.
    #[must_use]
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::trickle(bytes, Bytes::new(), Duration::ZERO)
    }

    /// Gives a whole answer this body.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        if let Reply::Whole { body, .. } = &mut self.reply {
            *body = bytes.into();
        }
        self
    }

    /// Gives a whole answer this header, too.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Reply::Whole { headers, .. } = &mut self.reply {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Ends the connection after the answer's bytes, without having said so in it.
    #[must_use]
    pub fn then_close(mut self) -> Self {
        if let Reply::Whole { then_close, .. } | Reply::Trickle { then_close, .. } = &mut self.reply {
            *then_close = true;
        }
        self
    }

    /// Does all this only once the gate is open.
    #[must_use]
    pub fn after(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    fn whole(status: u16, headers: Vec<(String, String)>, body: Bytes) -> Self {
        Self { gate: None, reply: Reply::Whole { status, headers, body, then_close: false } }
    }
}

/// Holds answers back until the test opens it; clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// Makes a closed gate.
    #[must_use]
    pub fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Lets through what waits and what will come.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    pub(super) async fn pass(&self) {
        let mut open = self.0.subscribe();
        // The sender is `self`, so waiting cannot fail.
        let _ = open.wait_for(|open| *open).await;
    }
}
