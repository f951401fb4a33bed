//! What each outcome of a request means for its lane.

use std::time::Duration;

use sse_gateway_protocol::Token;

use super::effect::{Effect, Outcome};
use super::lane::{Cargo, Connection, Farewell, Flight, Lane, PROBE_DELAY, Sender};
use super::ledger::Ledger;
use super::past::Fate;
use crate::connections::loss::Loss;
use crate::connections::memory::Seq;
use crate::connections::{Time, backoff_after, doubled};

impl Lane {
    /// Takes the outcome of the request under way. The stream may have left or been replaced since.
    pub(super) fn answered(&mut self, outcome: Outcome, ledger: &mut Ledger, now: Time) {
        let Sender::Sending(flight) = &self.sender else { return };
        let flight = flight.clone();
        self.sender = Sender::Idle;
        if let Some(connection) = self.connection_of(flight.token) {
            connection.heard = now;
        }
        match flight.cargo {
            Cargo::Events { .. } => self.events_answered(&flight, outcome, ledger, now),
            Cargo::Close => self.close_answered(&flight, outcome, ledger, now),
            Cargo::Probe => self.probe_answered(&flight, outcome, ledger, now),
        }
    }

    fn events_answered(&mut self, flight: &Flight, outcome: Outcome, ledger: &mut Ledger, now: Time) {
        let Flight { token, cargo: Cargo::Events { first, through, count, ends }, attempts } = *flight else {
            return;
        };
        match outcome {
            Outcome::Ok | Outcome::Buffered => {
                if let Some(connection) = self.connection_of(token) {
                    connection.next = through;
                    if ends {
                        self.release(None, ledger, now);
                    }
                } else if let Some(served) = ledger.served(token) {
                    served.before = through;
                }
                if outcome == Outcome::Ok || opened(token, ledger) {
                    self.confirm(through, ledger);
                }
            }
            Outcome::Gone => self.lost_connection(token, None, ledger, now),
            Outcome::Rejected => self.rejected(token, first, through, count, ledger, now),
            Outcome::NotTaken if self.is_connected(token) => {
                self.give_up_waiting(ledger);
                self.sender = backoff(attempts, now);
            }
            Outcome::NotTaken => {}
            // Perhaps it arrives still: nothing more may follow it on this stream.
            Outcome::Unknown => self.lost_connection(token, Some(Farewell::Silent), ledger, now),
        }
    }

    /// The gateway never takes these events. Several are tried one by one; one makes way for its
    /// fallback. The end alone cannot be too large: then the stream is beyond help.
    fn rejected(
        &mut self,
        token: Token,
        first: Seq,
        through: Seq,
        count: usize,
        ledger: &mut Ledger,
        now: Time,
    ) {
        match count {
            0 => self.lost_connection(token, Some(Farewell::Silent), ledger, now),
            1 => {
                let dropped = self.memory.replace_rejected(first);
                ledger.lose(self.identifier.service(), Loss::Rejected, dropped);
            }
            _ => {
                if let Some(connection) = self.connection_of(token) {
                    connection.alone_before = through;
                }
            }
        }
    }

    fn close_answered(&mut self, flight: &Flight, outcome: Outcome, ledger: &mut Ledger, now: Time) {
        let Flight { token, attempts, .. } = *flight;
        if outcome == Outcome::Ok {
            // It was open until now, so it took what had been kept for it.
            if let Some(before) = ledger.served(token).map(|served| served.before) {
                self.confirm(before, ledger);
            }
        }
        let has_left = matches!(ledger.past.fate(token), Some(Fate::Left { .. }));
        let failed = matches!(outcome, Outcome::NotTaken | Outcome::Unknown) && !has_left;
        let Some(closing) = self.closing.front_mut().filter(|_| failed) else {
            self.closing.pop_front();
            return;
        };
        closing.attempts += 1;
        if closing.attempts >= CLOSE_ATTEMPTS_MAX {
            self.closing.pop_front();
            ledger.effects.push_back(Effect::GaveUpClosing(self.identifier.clone(), token));
        } else if outcome == Outcome::NotTaken {
            self.sender = backoff(attempts, now);
        }
    }

    fn probe_answered(&mut self, flight: &Flight, outcome: Outcome, ledger: &mut Ledger, now: Time) {
        let Flight { token, attempts, .. } = *flight;
        let sent_before = match self.connection_of(token) {
            Some(connection) => Some(connection.next),
            None => ledger.served(token).map(|served| served.before),
        };
        match outcome {
            Outcome::Ok => {
                if let Some(before) = sent_before {
                    self.confirm(before, ledger);
                }
            }
            Outcome::Gone => self.lost_connection(token, None, ledger, now),
            // A probe carries nothing, so that an unknown outcome is harmless.
            Outcome::Buffered | Outcome::Rejected | Outcome::NotTaken | Outcome::Unknown => {
                let Some(connection) = self.connection_of(token) else { return };
                let next = connection.next;
                let wait = if self.memory.awaits_confirmation(next) {
                    doubled(PROBE_DELAY, attempts, PROBE_DELAY_MAX)
                } else {
                    ledger.settings.idle_check_interval
                };
                self.sender = Sender::Probing { until: now + wait, attempts: attempts + 1 };
            }
        }
    }

    /// The stream is no use any more. Compare-and-delete: another one is left alone.
    fn lost_connection(&mut self, token: Token, farewell: Option<Farewell>, ledger: &mut Ledger, now: Time) {
        if self.is_connected(token) {
            self.release(farewell, ledger, now);
            self.give_up_waiting(ledger);
        }
    }

    fn connection_of(&mut self, token: Token) -> Option<&mut Connection> {
        self.connection.as_mut().filter(|connection| connection.token == token)
    }
}

fn opened(token: Token, ledger: &Ledger) -> bool {
    matches!(ledger.past.fate(token), Some(Fate::Left { opened: true, .. }))
}

fn backoff(attempts: u32, now: Time) -> Sender {
    Sender::Backoff { until: now + backoff_after(attempts), attempts: attempts + 1 }
}

/// How often closing a stream is tried.
const CLOSE_ATTEMPTS_MAX: u32 = 5;

const PROBE_DELAY_MAX: Duration = Duration::from_secs(1);
