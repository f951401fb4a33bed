//! `POST /internal/publish` and `/internal/topics/{name}`: everything about topics.

use bytes::Bytes;
use hyper::{Method, StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sse_gateway_protocol::code::Code;
use sse_gateway_protocol::publish::{Completing, PublishRequest, Published};
use sse_gateway_protocol::{TopicDescription, TopicName};

use super::{Answer, Failure, Gateway};
use crate::Identifier;
use crate::connections::publisher::{Looked, Outcome, Publication, topic_name};

impl Gateway {
    /// Publishes; never longer than the send timeout.
    pub(in crate::connections) async fn publish(&self, publication: &Publication) -> Outcome {
        self.post(&wire(publication)).await
    }

    /// Publishes nothing to a topic; never longer than the send timeout.
    pub(in crate::connections) async fn touch(&self, topic: TopicName) -> Outcome {
        self.post(&PublishRequest { topic, event: None, events: Vec::new(), id: None, close: None }).await
    }

    /// Asks for a topic's description; never longer than the send timeout.
    pub(in crate::connections) async fn look(&self, identifier: &Identifier) -> Looked {
        let Some(uri) = self.topic(identifier) else { return Looked::Unanswered };
        let answer = self.answer(self.request(Method::GET, &uri, Bytes::new())).await;
        answer.map_or(Looked::Unanswered, |answer| looked(&answer))
    }

    /// Deletes a topic, and tells whether it is surely gone; never longer than the send timeout.
    pub(in crate::connections) async fn delete(&self, identifier: &Identifier) -> bool {
        let Some(uri) = self.topic(identifier) else { return false };
        let answer = self.answer(self.request(Method::DELETE, &uri, Bytes::new())).await;
        answer.is_ok_and(|answer| answer.status == StatusCode::OK || is_missing(&answer))
    }

    async fn post(&self, request: &PublishRequest) -> Outcome {
        let body = serde_json::to_vec(request).expect("strings always serialise");
        match self.answer(self.request(Method::POST, &self.publish, body.into())).await {
            Ok(answer) => outcome(&answer),
            Err(Failure::NotConnected) => Outcome::NotConnected,
            Err(Failure::Broken) => Outcome::Unknown,
        }
    }

    fn topic(&self, identifier: &Identifier) -> Option<Uri> {
        let name = identifier.to_string();
        format!("{}/{}", self.topics, utf8_percent_encode(&name, NON_ALPHANUMERIC)).parse().ok()
    }
}

/// One event goes out as `event`, as in a send.
fn wire(publication: &Publication) -> PublishRequest {
    let mut events = publication.events.iter().map(|event| (**event).clone());
    let (event, events) = match events.len() {
        0 | 1 => (events.next(), Vec::new()),
        _ => (None, events.collect()),
    };
    PublishRequest {
        topic: topic_name(&publication.identifier),
        event,
        events,
        id: publication.key.clone(),
        close: publication.end.as_deref().map(|reason| Completing { reason: reason.to_owned() }),
    }
}

/// Reads the answer by protocol 15.2. What is neither a yes nor a known no stays unknown.
fn outcome(answer: &Answer) -> Outcome {
    match answer.status {
        StatusCode::OK => match serde_json::from_slice::<Published>(&answer.body) {
            Ok(Published { position, receivers }) => Outcome::Taken { epoch: position.epoch, receivers },
            Err(_) => Outcome::Unknown,
        },
        StatusCode::CONFLICT => match code(&answer.body) {
            Some(code) if code == Code::TopicCompleted.as_str() => Outcome::Completed,
            Some(code) if code == Code::KeyReused.as_str() => Outcome::KeyReused,
            _ => Outcome::Unknown,
        },
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Outcome::Rejected,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Outcome::NoTopics,
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::TOO_MANY_REQUESTS
        | StatusCode::INSUFFICIENT_STORAGE => Outcome::Refused,
        _ => Outcome::Unknown,
    }
}

fn looked(answer: &Answer) -> Looked {
    match serde_json::from_slice::<TopicDescription>(&answer.body) {
        Ok(TopicDescription { receivers, last, completed, .. }) if answer.status == StatusCode::OK => {
            Looked::Found { receivers, has_content: last.is_some() || completed.is_some() }
        }
        _ if is_missing(answer) => Looked::Missing,
        _ => Looked::Unanswered,
    }
}

/// Tells whether the answer says that there is no such topic, rather than no such route.
fn is_missing(answer: &Answer) -> bool {
    answer.status == StatusCode::NOT_FOUND
        && code(&answer.body).is_some_and(|code| code == Code::TopicNotFound.as_str())
}

pub(super) fn code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refused {
        error: Reason,
    }
    #[derive(Deserialize)]
    struct Reason {
        code: String,
    }
    serde_json::from_slice::<Refused>(body).ok().map(|refused| refused.error.code)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sse_gateway_protocol::Epoch;

    use super::*;
    use crate::Event;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).expect("a status");
        Answer { status, has_topics: true, body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[test]
    fn an_answer_to_a_publish_is_a_yes_a_known_no_or_unknown() {
        let read = |status, body: &str| outcome(&answer(status, body));
        let refused = |code: &str| format!(r#"{{"error":{{"message":"..","code":"{code}"}}}}"#);
        let epoch = Epoch::parse("A").expect("an epoch");
        assert_eq!(read(200, r#"{"position":"A-7","receivers":3}"#), Outcome::Taken { epoch, receivers: 3 });
        for body in ["", "<html>", r#"{"position":"7","receivers":3}"#, r#"{"status":"ok"}"#] {
            assert_eq!(read(200, body), Outcome::Unknown, "{body}");
        }
        assert_eq!(read(409, &refused("TOPIC_COMPLETED")), Outcome::Completed);
        assert_eq!(read(409, &refused("KEY_REUSED")), Outcome::KeyReused);
        assert_eq!(read(409, "{}"), Outcome::Unknown);
        for (status, outcome) in [
            (400, Outcome::Rejected),
            (413, Outcome::Rejected),
            (404, Outcome::NoTopics),
            (405, Outcome::NoTopics),
            (401, Outcome::Refused),
            (403, Outcome::Refused),
            (429, Outcome::Refused),
            (507, Outcome::Refused),
            (302, Outcome::Unknown),
            (500, Outcome::Unknown),
            (502, Outcome::Unknown),
            (503, Outcome::Unknown),
        ] {
            assert_eq!(read(status, "{}"), outcome, "{status}");
        }
    }

    #[test]
    fn a_look_tells_a_missing_topic_from_a_missing_route() {
        let found = r#"{"topic":"task:1","first":null,"last":"A-7","events":1,"bytes":9,"receivers":2,"completed":null}"#;
        assert_eq!(looked(&answer(200, found)), Looked::Found { receivers: 2, has_content: true });
        let empty = r#"{"topic":"task:1","first":null,"last":null,"events":0,"bytes":0,"receivers":0,"completed":null}"#;
        assert_eq!(looked(&answer(200, empty)), Looked::Found { receivers: 0, has_content: false });
        let missing = r#"{"error":{"message":"..","code":"TOPIC_NOT_FOUND"}}"#;
        assert_eq!(looked(&answer(404, missing)), Looked::Missing);
        for (status, body) in
            [(404, r#"{"error":{"code":"NOT_FOUND"}}"#), (404, ""), (200, "{}"), (503, found)]
        {
            assert_eq!(looked(&answer(status, body)), Looked::Unanswered, "{status} {body}");
        }
    }

    #[test]
    fn a_publish_is_written_as_the_gateway_reads_it() {
        let publication = Publication {
            identifier: Identifier::parse("task", "1").expect("a valid id"),
            events: vec![Arc::new(Event::named("a", "1")), Arc::new(Event::unnamed("2"))],
            end: Some("done".into()),
            key: Some("life-1-3-0".into()),
        };
        let body = serde_json::to_vec(&wire(&publication)).expect("serialises");
        let read = sse_gateway_protocol::publish::Publish::read(&body).expect("the gateway takes it");
        assert_eq!((read.topic.as_str(), read.events.len()), ("task:1", 2));
        assert_eq!((read.key.as_deref(), read.close.as_deref()), (Some("life-1-3-0"), Some("done")));
    }
}
