//! Which topic is next, and which event of it.

use super::posting::{Posts, UNDER_WAY_MAX};
use super::turns::Turns;
use super::{EVENT_BYTES, inbox};
use crate::Outcome;
use crate::load::Payload;
use crate::servers::Dialect;
use crate::servers::dialect::{post, publish_object};
use crate::stage::Stage;

/// Who hears what is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    Nobody,
    One {
        /// What was accepted when there was nobody.
        unheard: u64,
    },
}

/// Events that are published to some topics in turn, over some connections.
pub(super) struct Publishes {
    topics: u32,
    turns: Turns,
    /// The next number of each topic; of each connection where the topic is one, since nothing orders its
    /// connections.
    numbers: Vec<u32>,
    /// Who listens to each topic.
    audience: Audience,
    request: Vec<u8>,
}

impl Publishes {
    /// There are as many topics as connections, or more, or only one.
    pub(super) fn new(connections: u32, topics: u32) -> Self {
        debug_assert!(topics == 1 || topics >= connections);
        Self {
            topics,
            turns: Turns::new(connections, topics.max(connections)),
            numbers: vec![0; topics.max(connections + 1) as usize],
            audience: Audience::Nobody,
            request: Vec::new(),
        }
    }

    /// From here on somebody listens to each topic, who has not heard what was accepted before.
    pub(super) fn heard(&mut self, accepted: u64) {
        self.numbers.fill(0);
        self.audience = Audience::One { unheard: accepted };
    }

    /// The next topic of a connection, and its event.
    pub(super) fn next(&mut self, connection: u32, sent_at: u64) -> (u32, Payload) {
        let turn = self.turns.next(connection);
        self.in_turn(turn, connection, sent_at)
    }

    /// The topic of a turn and its next event, from a connection.
    pub(super) fn in_turn(&mut self, turn: u32, connection: u32, sent_at: u64) -> (u32, Payload) {
        let topic = turn % self.topics;
        let lane = if self.topics == 1 { connection } else { 0 };
        let number = &mut self.numbers[topic.max(lane) as usize];
        *number += 1;
        (topic, Payload::on_lane(lane, *number - 1, sent_at))
    }
}

impl Posts for Publishes {
    fn post(&mut self, stage: &mut Stage, connection: u32, sent_at: u64) -> Outcome<()> {
        let (topic, payload) = self.next(connection, sent_at);
        self.request.clear();
        match stage.dialect {
            Dialect::Gateway => {
                let mut body = Vec::with_capacity(2 * EVENT_BYTES);
                publish_object(&inbox(topic), payload, EVENT_BYTES, &mut body);
                post("/internal/publish", &body, &mut self.request);
            }
            Dialect::Plain if self.audience == Audience::Nobody => {
                stage.dialect.publish(payload, EVENT_BYTES, &mut self.request)
            }
            _ => stage.dialect.send(&topic.to_string(), payload, EVENT_BYTES, &mut self.request),
        }
        stage.post(connection, &self.request, sent_at)
    }

    fn must_wait(&self, stage: &Stage) -> bool {
        match self.audience {
            Audience::Nobody => false,
            Audience::One { unheard } => {
                stage.accepted() >= unheard + stage.load.streams.tally.events + UNDER_WAY_MAX
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place((topic, payload): (u32, Payload)) -> (u32, usize, u32) {
        let (lane, number) = payload.place();
        (topic, lane, number)
    }

    #[test]
    fn a_topic_of_several_connections_has_a_lane_for_each() {
        let mut publishes = Publishes::new(2, 1);
        let places: Vec<_> = [0, 1, 1, 0].map(|connection| place(publishes.next(connection, 0))).into();
        assert_eq!(places, [(0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1)]);
    }

    #[test]
    fn many_topics_have_a_number_each() {
        let mut publishes = Publishes::new(2, 3);
        let places: Vec<_> = [0, 1, 0, 0].map(|connection| place(publishes.next(connection, 0))).into();
        assert_eq!(places, [(0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 0, 1)]);
    }
}
