//! A gateway with topics, as far as a publisher can see it.

use std::collections::HashMap;

use sse_gateway_protocol::Epoch;

use super::{Looked, Outcome, Publication, texts};
use crate::Identifier;

#[derive(Default)]
pub(super) struct Gateway {
    lives: u32,
    topics: HashMap<Identifier, Topic>,
    /// How many streams listen to every topic.
    pub(super) receivers: u64,
    /// Whether it refuses publishes for now.
    pub(super) full: bool,
}

#[derive(Default)]
struct Topic {
    /// The data of the events, and the reason of the end in brackets.
    told: Vec<String>,
    keys: HashMap<String, Vec<String>>,
    completed: bool,
    touches: u32,
}

impl Gateway {
    pub(super) fn publish(&mut self, publication: &Publication) -> Outcome {
        if self.full {
            return Outcome::Refused;
        }
        let topic = self.topics.entry(publication.identifier.clone()).or_default();
        let texts = texts(publication);
        if let Some(known) = publication.key.as_ref().and_then(|key| topic.keys.get(key)) {
            return if *known == texts { self.touched() } else { Outcome::KeyReused };
        }
        if topic.completed {
            return Outcome::Completed;
        }
        topic.touches += u32::from(texts.is_empty());
        topic.keys.extend(publication.key.clone().map(|key| (key, texts.clone())));
        topic.told.extend(texts);
        topic.completed = publication.end.is_some();
        self.touched()
    }

    /// The answer to what is taken.
    pub(super) fn touched(&self) -> Outcome {
        if self.full {
            return Outcome::Refused;
        }
        Outcome::Taken { epoch: self.epoch(), receivers: self.receivers }
    }

    pub(super) fn look(&self, identifier: &Identifier) -> Looked {
        match self.topics.get(identifier) {
            None if self.receivers == 0 => Looked::Missing,
            None => Looked::Found { receivers: self.receivers, has_content: false },
            Some(topic) => Looked::Found { receivers: self.receivers, has_content: !topic.told.is_empty() },
        }
    }

    pub(super) fn delete(&mut self, identifier: &Identifier) {
        self.topics.remove(identifier);
    }

    pub(super) fn exists(&self, identifier: &Identifier) -> bool {
        self.topics.contains_key(identifier)
    }

    pub(super) fn touches(&self, identifier: &Identifier) -> u32 {
        self.topics.get(identifier).map_or(0, |topic| topic.touches)
    }

    pub(super) fn events(&self, identifier: &Identifier) -> Vec<&str> {
        self.topics
            .get(identifier)
            .map(|topic| topic.told.iter().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// Somebody else completes the topic.
    pub(super) fn complete(&mut self, identifier: &Identifier) {
        self.topics.entry(identifier.clone()).or_default().completed = true;
    }

    /// Forgets every key, as after a long time.
    pub(super) fn forget_keys(&mut self) {
        self.topics.values_mut().for_each(|topic| topic.keys.clear());
    }

    /// Begins another life without anything of the one before.
    pub(super) fn restart(&mut self) {
        self.lives += 1;
        self.topics.clear();
    }

    pub(super) fn epoch(&self) -> Epoch {
        Epoch::parse(&format!("E{}", self.lives)).expect("an epoch")
    }
}
