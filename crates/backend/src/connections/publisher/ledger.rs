//! What crosses queues.

use std::collections::VecDeque;

use super::audience::Audience;
use super::effect::Effect;
use super::link::Link;
use crate::connections::memory::{Receipt, Seq};
use crate::connections::{ConnectionSettings, Delivery};

/// The link, the audience, the effects, and the numbers; every queue writes in it.
#[derive(Debug)]
pub(super) struct Ledger {
    pub(super) settings: ConnectionSettings,
    pub(super) link: Link,
    pub(super) audience: Audience,
    pub(super) effects: VecDeque<Effect>,
    /// Names this process's life in its idempotency keys.
    pub(super) life: Box<str>,
    pub(super) next_seq: Seq,
}

impl Ledger {
    /// Gives a number that no entry had before.
    pub(super) fn number(&mut self) -> Seq {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    pub(super) fn settle(&mut self, receipts: impl IntoIterator<Item = Receipt>, delivery: Delivery) {
        self.effects.extend(receipts.into_iter().map(|receipt| Effect::Settle(receipt, delivery)));
    }
}
