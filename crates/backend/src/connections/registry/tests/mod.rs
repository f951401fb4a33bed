//! The races of connections and queues, each with its interleaving forced, in virtual time.

mod bounds;
mod confirmation;
mod model;
mod outcomes;
mod races;

use std::time::Duration;

use sse_gateway_protocol::Token;
use sse_gateway_protocol::callback::CloseReason;

use super::*;
use crate::Event;
use crate::connections::Delivery;

/// One identifier's registry, a clock that the test turns, and the gateway that the test plays.
struct World {
    registry: Registry,
    identifier: Identifier,
    now: Time,
    tokens: u8,
    /// The number of the latest wait.
    receipts: Receipt,
    /// Whether the gateway takes several events in one request.
    batches: bool,
}

impl World {
    fn new(identifier: Identifier, settings: ConnectionSettings) -> Self {
        let registry = Registry::new(settings);
        Self { registry, identifier, now: Duration::ZERO, tokens: 0, receipts: 0, batches: true }
    }

    /// A task's log.
    fn log() -> Self {
        let identifier = Identifier::parse("task", "1").expect("a valid id");
        let mut world = Self::new(identifier, ConnectionSettings::default());
        world.registry.open_log(&world.identifier).expect("a new log");
        world
    }

    /// A version client's queue.
    fn queue() -> Self {
        let identifier = Identifier::parse("version", "1").expect("a valid id");
        Self::new(identifier, ConnectionSettings::default())
    }

    fn with_original_gateway(self) -> Self {
        Self { batches: false, ..self }
    }

    fn append(&mut self, data: &str) {
        let message = Message::passing(Event::unnamed(data));
        self.registry.append(&self.identifier, message, self.now).expect("the log takes it");
    }

    fn finish(&mut self, data: &str) {
        let message = Message::kept(Event::unnamed(data));
        self.registry.finish(&self.identifier, message, "done", self.now).expect("the log takes it");
    }

    fn enqueue(&mut self, data: &str) -> Enqueued {
        let message = Message::kept(Event::unnamed(data));
        self.receipts += 1;
        self.registry.enqueue(&self.identifier, message, self.receipts, self.now).expect("the queue takes it")
    }

    fn new_token(&mut self) -> Token {
        self.tokens += 1;
        Token::from_random_bytes([self.tokens; 16])
    }

    fn connect(&mut self) -> Token {
        let token = self.new_token();
        self.connect_as(token).expect("connects");
        token
    }

    fn connect_as(&mut self, token: Token) -> Result<bool, ConnectError> {
        let if_missing = match self.identifier.service() {
            "version" => IfMissing::Create,
            _ => IfMissing::Tell { events: vec![Event::unnamed("not found")], reason: "missing" },
        };
        self.registry.connect(&self.identifier, token, self.batches, if_missing, self.now)
    }

    fn disconnect(&mut self, token: Token, opened: bool) -> Option<Identifier> {
        self.registry.disconnect(token, CloseReason::ClientClosed, Some(opened), self.now)
    }

    /// The request that is sent next; fails if there is none.
    fn sent(&mut self) -> Request {
        self.poll_sent().expect("a request")
    }

    fn poll_sent(&mut self) -> Option<Request> {
        loop {
            match self.registry.next_effect()? {
                Effect::Send(request) => return Some(request),
                Effect::Settle(..) | Effect::Lost(..) | Effect::GaveUpClosing(..) => {}
            }
        }
    }

    fn settled(&mut self) -> Vec<(Receipt, Delivery)> {
        let effects = std::iter::from_fn(|| self.registry.next_effect());
        effects
            .filter_map(|effect| match effect {
                Effect::Settle(receipt, delivery) => Some((receipt, delivery)),
                _ => None,
            })
            .collect()
    }

    fn answer(&mut self, outcome: Outcome) {
        self.registry.answered(&self.identifier.clone(), outcome, self.now);
    }

    /// Takes the next request, checks it, and answers `ok`.
    fn delivers(&mut self, token: Token, data: &[&str]) {
        let request = self.sent();
        assert_eq!((request.token, texts(&request)), (token, data.to_vec()));
        self.answer(Outcome::Ok);
    }

    fn is_quiet(&mut self) -> bool {
        self.poll_sent().is_none()
    }

    fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(at) = self.registry.next_deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.registry.tick(self.now);
            if self.registry.next_deadline() == Some(at) {
                panic!("a deadline that has passed is still there");
            }
        }
        self.now = until;
    }

    fn connected(&self) -> usize {
        self.registry.connected_services().count()
    }
}

/// The data of a request's events; `connection_close` is told by its reason in brackets.
fn texts(request: &Request) -> Vec<&str> {
    request
        .events
        .iter()
        .map(|event| match event.name.as_deref() {
            Some("connection_close") => match event.data.as_str() {
                r#"{"reason":"done"}"# => "[done]",
                r#"{"reason":"replaced"}"# => "[replaced]",
                r#"{"reason":"missing"}"# => "[missing]",
                r#"{"reason":"too_large"}"# => "[too_large]",
                other => panic!("unexpected reason {other}"),
            },
            _ => event.data.as_str(),
        })
        .collect()
}
