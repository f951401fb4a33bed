//! Tokens that are over, remembered for a while.

use std::collections::{HashMap, VecDeque};

use sse_gateway_protocol::Token;

use crate::Identifier;
use crate::connections::memory::Seq;
use crate::connections::{ConnectionSettings, Time};

/// What is known of a token that is not connected any more, or never was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its disconnect came first; if its connect comes still, the stream is gone already.
    LeftEarly,
    /// It was connected, and its disconnect is yet to come.
    Leaving(Served),
    /// It was connected, and has left; `opened` says whether it took what the gateway kept for it.
    Left { served: Served, opened: bool },
}

/// What a stream was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) identifier: Identifier,
    /// Everything before this number was taken for the stream by the gateway; what had an unknown
    /// outcome was not.
    pub(super) before: Seq,
}

/// Remembers fates, bounded in number and age; at a bound the oldest is forgotten.
///
/// Forgetting one costs at most a repeated version: its late disconnect confirms nothing.
#[derive(Debug, Default)]
pub(super) struct Past {
    fates: HashMap<Token, Fate>,
    order: VecDeque<(Time, Token)>,
}

impl Past {
    pub(super) fn fate(&self, token: Token) -> Option<&Fate> {
        self.fates.get(&token)
    }

    pub(super) fn fate_mut(&mut self, token: Token) -> Option<&mut Fate> {
        self.fates.get_mut(&token)
    }

    pub(super) fn remember(&mut self, token: Token, fate: Fate, now: Time, settings: &ConnectionSettings) {
        if self.fates.insert(token, fate).is_none() {
            self.order.push_back((now, token));
        }
        while self.order.len() > settings.past_tokens_max {
            self.forget_oldest();
        }
    }

    pub(super) fn expires_at(&self, settings: &ConnectionSettings) -> Option<Time> {
        self.order.front().map(|(since, _)| *since + settings.past_token_age_max)
    }

    pub(super) fn expire(&mut self, now: Time, settings: &ConnectionSettings) {
        while self.expires_at(settings).is_some_and(|at| at <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, token)) = self.order.pop_front() {
            self.fates.remove(&token);
        }
    }
}
