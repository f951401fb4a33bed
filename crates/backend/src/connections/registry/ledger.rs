//! What outlives a lane, or crosses lanes.

use std::collections::{HashMap, VecDeque};

use sse_gateway_protocol::Token;

use super::effect::Effect;
use super::past::{Fate, Past, Served};
use crate::Identifier;
use crate::connections::loss::Loss;
use crate::connections::memory::{Dropped, Receipt, Seq};
use crate::connections::{ConnectionSettings, Delivery, Time};

/// The tokens, the effects, and the numbers; every lane writes in it.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) settings: ConnectionSettings,
    /// The live connections, from token to identifier; the lanes hold the way back.
    pub(super) tokens: HashMap<Token, Identifier>,
    pub(super) past: Past,
    pub(super) effects: VecDeque<Effect>,
    next_seq: Seq,
}

impl Ledger {
    pub(super) fn new(settings: ConnectionSettings) -> Self {
        Self {
            settings,
            tokens: HashMap::new(),
            past: Past::default(),
            effects: VecDeque::new(),
            next_seq: 1,
        }
    }

    /// Gives a number that no entry had before.
    pub(super) fn number(&mut self) -> Seq {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    /// Lets every later number be at least this.
    pub(super) fn number_from(&mut self, seq: Seq) {
        self.next_seq = self.next_seq.max(seq);
    }

    /// Moves a token from the live ones to the past.
    pub(super) fn retire(&mut self, token: Token, fate: Fate, now: Time) {
        self.tokens.remove(&token);
        self.past.remember(token, fate, now, &self.settings);
    }

    /// Gives what a past stream was sent.
    pub(super) fn served(&mut self, token: Token) -> Option<&mut Served> {
        match self.past.fate_mut(token)? {
            Fate::Leaving(served) | Fate::Left { served, .. } => Some(served),
            Fate::LeftEarly => None,
        }
    }

    pub(super) fn settle(&mut self, receipts: Vec<Receipt>, delivery: Delivery) {
        self.effects.extend(receipts.into_iter().map(|receipt| Effect::Settle(receipt, delivery)));
    }

    pub(super) fn lose(&mut self, service: &'static str, loss: Loss, dropped: Dropped) {
        if !dropped.is_empty() {
            self.effects.push_back(Effect::Lost(service, loss, dropped.len() as u64));
        }
        self.settle(dropped.into_iter().filter_map(|entry| entry.receipt).collect(), Delivery::Queued);
    }
}
