//! Which way an identifier's events go: to tokens, or to topics.
//!
//! The gateway says what it can, in each callback and when it is asked. What begins while it has
//! topics, or before it was heard, goes to the [`publisher`]; everything else to
//! the [`registry`]. When the gateway turns out to have no topics, the publisher
//! gives all it has to the registry. What began with tokens stays with them to its end.

use sse_gateway_protocol::Token;
use sse_gateway_protocol::callback::{CloseReason, TopicWish};

use super::memory::Receipt;
use super::publisher::{self, Publisher};
use super::registry::{self, ConnectError, Enqueued, Registry};
use super::{ConnectionSettings, IfMissing, Message, PublishError, Time};
use crate::Identifier;

/// Both ways, and what is known of the gateway.
#[derive(Debug)]
pub(super) struct Ways {
    gateway: Known,
    uses_topics: bool,
    pub(super) registry: Registry,
    pub(super) publisher: Publisher,
}

/// What the gateway said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    Topics,
    TokensOnly,
}

/// What a gateway that calls back says it can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Features {
    /// It takes several events in one request.
    pub(crate) events: bool,
    /// It has topics.
    pub(crate) topics: bool,
}

/// How many streams listen to an identifier at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seats {
    /// One: a newcomer takes another's place.
    One,
    /// Any number, which only topics make possible.
    Many,
}

/// How a client is connected.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Connected {
    /// What its stream listens to, in the way of topics.
    pub(super) wish: Option<TopicWish>,
    /// Whether it takes another's place, as far as is known.
    pub(super) replaces: bool,
}

/// One thing to do, of either way.
#[derive(Debug)]
pub(super) enum Effect {
    Tokens(registry::Effect),
    Topics(publisher::Effect),
}

impl Ways {
    /// `life` names this life of the process, as no other ever does.
    pub(super) fn new(settings: ConnectionSettings, uses_topics: bool, life: &str) -> Self {
        Self {
            gateway: if uses_topics { Known::Nothing } else { Known::TokensOnly },
            uses_topics,
            registry: Registry::new(settings.clone()),
            publisher: Publisher::new(settings, life),
        }
    }

    /// The gateway says whether it has topics.
    pub(super) fn heard(&mut self, topics: bool, now: Time) {
        if topics && self.uses_topics {
            self.gateway = Known::Topics;
            self.publisher.offered(now);
        } else {
            self.gateway = Known::TokensOnly;
            for (identifier, memory) in self.publisher.surrender() {
                self.registry.adopt(&identifier, memory, now);
            }
        }
    }

    pub(super) fn open_log(&mut self, identifier: &Identifier, now: Time) -> Result<(), PublishError> {
        match self.by_token(identifier) {
            true => self.registry.open_log(identifier),
            false => self.publisher.open_log(identifier, now),
        }
    }

    /// Tells whether a log's topic is still to be made; the receipt settles when it is.
    pub(super) fn await_topic(&mut self, identifier: &Identifier, receipt: Receipt) -> bool {
        !self.by_token(identifier) && self.publisher.await_topic(identifier, receipt)
    }

    pub(super) fn append(
        &mut self,
        identifier: &Identifier,
        message: Message,
        now: Time,
    ) -> Result<(), PublishError> {
        match self.by_token(identifier) {
            true => self.registry.append(identifier, message, now),
            false => self.publisher.append(identifier, message, now),
        }
    }

    pub(super) fn finish(
        &mut self,
        identifier: &Identifier,
        last: Message,
        reason: &str,
        now: Time,
    ) -> Result<(), PublishError> {
        match self.by_token(identifier) {
            true => self.registry.finish(identifier, last, reason, now),
            false => self.publisher.finish(identifier, last, reason, now),
        }
    }

    pub(super) fn enqueue(
        &mut self,
        identifier: &Identifier,
        message: Message,
        receipt: Receipt,
        now: Time,
    ) -> Result<Enqueued, PublishError> {
        match self.by_token(identifier) {
            true => self.registry.enqueue(identifier, message, receipt, now),
            false => {
                self.publisher.enqueue(identifier, message, receipt, now)?;
                Ok(Enqueued::OnItsWay)
            }
        }
    }

    /// Publishes the last event and the end of an identifier that has no log here.
    pub(super) fn complete(
        &mut self,
        identifier: &Identifier,
        last: Message,
        reason: &str,
        now: Time,
    ) -> Result<(), PublishError> {
        match self.by_token(identifier) {
            true => Err(PublishError::Ended),
            false => self.publisher.complete(identifier, last, reason, now),
        }
    }

    /// Tells whether topics are out of the question.
    pub(super) fn has_tokens_only(&self) -> bool {
        self.gateway == Known::TokensOnly
    }

    pub(super) fn forget(&mut self, identifier: &Identifier, now: Time) {
        match self.by_token(identifier) {
            true => self.registry.forget(identifier, now),
            false => self.publisher.forget(identifier, now),
        }
    }

    pub(super) fn connect(
        &mut self,
        identifier: &Identifier,
        token: Token,
        features: Features,
        seats: Seats,
        if_missing: IfMissing,
        now: Time,
    ) -> Result<Connected, ConnectError> {
        self.heard(features.topics, now);
        if self.by_token(identifier) {
            if seats == Seats::Many {
                return Err(ConnectError::NeedsTopics);
            }
            let replaces = self.registry.connect(identifier, token, features.events, if_missing, now)?;
            return Ok(Connected { wish: None, replaces });
        }
        let (wish, replaces) = self.publisher.connect(identifier, seats, if_missing, now);
        Ok(Connected { wish: Some(wish), replaces })
    }

    /// A stream has left. `named` is what its URL leads to; with topics that is all there is to know.
    pub(super) fn disconnect(
        &mut self,
        token: Token,
        named: Option<&Identifier>,
        features: Features,
        reason: CloseReason,
        opened: Option<bool>,
        now: Time,
    ) -> Option<Identifier> {
        self.heard(features.topics, now);
        match named {
            Some(identifier) if !self.registry.knows(token) && !self.by_token(identifier) => {
                self.publisher.left(identifier, now);
                Some(identifier.clone())
            }
            _ => self.registry.disconnect(token, reason, opened, now),
        }
    }

    pub(super) fn tick(&mut self, now: Time) {
        self.registry.tick(now);
        self.publisher.tick(now);
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.registry.next_deadline().into_iter().chain(self.publisher.next_deadline()).min()
    }

    pub(super) fn next_effect(&mut self) -> Option<Effect> {
        let of_registry = self.registry.next_effect().map(Effect::Tokens);
        of_registry.or_else(|| self.publisher.next_effect().map(Effect::Topics))
    }

    /// Names the service of each identifier with a stream.
    pub(super) fn connected_services(&self) -> impl Iterator<Item = &'static str> {
        self.registry.connected_services().chain(self.publisher.connected_services())
    }

    pub(super) fn is_busy(&self) -> bool {
        self.registry.is_busy() || self.publisher.is_busy()
    }

    #[cfg(test)]
    pub(super) fn retained(&self, identifier: &Identifier) -> Vec<crate::Event> {
        match self.by_token(identifier) {
            true => self.registry.retained(identifier),
            false => self.publisher.retained(identifier),
        }
    }

    fn by_token(&self, identifier: &Identifier) -> bool {
        self.gateway == Known::TokensOnly || self.registry.holds(identifier)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sse_gateway_protocol::callback::From;

    use super::*;
    use crate::Event;

    const NOW: Time = Duration::ZERO;
    const ORIGINAL: Features = Features { events: false, topics: false };
    const OURS: Features = Features { events: true, topics: true };

    fn ways() -> Ways {
        Ways::new(ConnectionSettings::default(), true, "life")
    }

    fn task() -> Identifier {
        Identifier::parse("task", "1").expect("a valid id")
    }

    fn token(n: u8) -> Token {
        Token::from_random_bytes([n; 16])
    }

    fn begin(ways: &mut Ways) {
        ways.open_log(&task(), NOW).expect("a new log");
        ways.append(&task(), Message::passing(Event::unnamed("1")), NOW).expect("the log takes it");
    }

    fn connect(ways: &mut Ways, n: u8, features: Features) -> Option<TopicWish> {
        let connected = ways.connect(&task(), token(n), features, Seats::One, IfMissing::Create, NOW);
        connected.expect("connects").wish
    }

    /// The events that are sent to a token next.
    fn sent(ways: &mut Ways) -> Vec<String> {
        let effects = std::iter::from_fn(|| ways.next_effect());
        let requests = effects.filter_map(|effect| match effect {
            Effect::Tokens(registry::Effect::Send(request)) => Some(request),
            _ => None,
        });
        requests.flat_map(|request| request.events).map(|event| event.data.clone()).collect()
    }

    #[test]
    fn what_begins_before_the_gateway_is_heard_goes_the_way_that_it_can() {
        let mut ways = ways();
        begin(&mut ways);
        assert_eq!(connect(&mut ways, 1, OURS).map(|wish| wish.from), Some(From::Start));
        assert_eq!(sent(&mut ways), [""; 0]);

        let mut ways = self::ways();
        begin(&mut ways);
        ways.heard(false, NOW);
        ways.append(&task(), Message::passing(Event::unnamed("2")), NOW).expect("the log takes it");
        assert_eq!(connect(&mut ways, 1, ORIGINAL), None);
        assert_eq!(sent(&mut ways), ["1"]);
        ways.registry.answered(&task(), registry::Outcome::Ok, NOW);
        assert_eq!(sent(&mut ways), ["2"]);
    }

    #[test]
    fn a_story_goes_to_tokens_from_its_start_when_the_gateway_is_exchanged_for_one_without_topics() {
        let mut ways = ways();
        ways.heard(true, NOW);
        begin(&mut ways);
        let epoch = sse_gateway_protocol::Epoch::parse("A").expect("an epoch");
        for _ in 0..2 {
            let taken = publisher::Outcome::Taken { epoch: epoch.clone(), receivers: 1 };
            ways.publisher.answered(&task(), taken, NOW);
        }
        assert!(!ways.is_busy());
        assert_eq!(connect(&mut ways, 1, ORIGINAL), None);
        assert_eq!(sent(&mut ways), ["1"]);
    }

    #[test]
    fn what_began_with_tokens_stays_with_them() {
        let mut ways = ways();
        ways.heard(false, NOW);
        begin(&mut ways);
        assert_eq!(connect(&mut ways, 1, OURS), None);
        assert_eq!(sent(&mut ways), ["1"]);
        let named = task();
        let left = ways.disconnect(token(1), Some(&named), OURS, CloseReason::ClientClosed, Some(true), NOW);
        assert_eq!(left, Some(task()));
        assert_eq!(ways.connected_services().count(), 0);
        let other = Identifier::parse("task", "2").expect("a valid id");
        let connected =
            ways.connect(&other, token(2), OURS, Seats::One, IfMissing::Create, NOW).expect("connects");
        assert!(connected.wish.is_some(), "what begins now does not");
    }

    #[test]
    fn topics_are_not_used_when_they_are_not_wanted() {
        let mut ways = Ways::new(ConnectionSettings::default(), false, "life");
        begin(&mut ways);
        assert_eq!(connect(&mut ways, 1, OURS), None);
        assert_eq!(sent(&mut ways), ["1"]);
    }

    #[test]
    fn several_streams_of_one_identifier_need_topics() {
        for (features, expected) in [(OURS, Ok(false)), (ORIGINAL, Err(ConnectError::NeedsTopics))] {
            let mut ways = ways();
            let connected = ways.connect(&task(), token(1), features, Seats::Many, IfMissing::Create, NOW);
            let exclusive = connected.map(|connected| connected.wish.is_some_and(|wish| wish.exclusive));
            assert_eq!(exclusive, expected, "{features:?}");
        }
    }

    #[test]
    fn a_disconnect_is_known_by_its_url_with_topics_and_by_its_token_without() {
        for (features, known) in [(OURS, true), (ORIGINAL, false)] {
            let mut ways = ways();
            let reason = CloseReason::ClientClosed;
            let left = ways.disconnect(token(1), Some(&task()), features, reason, Some(true), NOW);
            assert_eq!(left.is_some(), known, "{features:?}");
        }
    }
}
