//! What one identifier retains.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Event;
use crate::connections::message::{Fallback, Message, PublishError, event_bytes};
use crate::connections::{ConnectionSettings, Time, connection_close};

/// Numbers the entries of all identifiers, so that a number is never used twice.
pub(super) type Seq = u64;

/// Names one wait for an event's delivery.
pub(crate) type Receipt = u64;

/// How long entries are retained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retention {
    /// Until the identifier is forgotten: every connection gets all of it (a task's events).
    Log,
    /// Until it is delivered, once (versions).
    Queue,
    /// For the present connection only: what an unknown or forgotten identifier has to say.
    Story,
}

/// The retained events of one identifier, in order.
#[derive(Debug)]
pub(super) struct Memory {
    retention: Retention,
    entries: VecDeque<Entry>,
    bytes: usize,
    ended: bool,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) seq: Seq,
    pub(super) message: Message,
    /// The stream ends after this event.
    pub(super) ends: bool,
    pub(super) since: Time,
    pub(super) receipt: Option<Receipt>,
}

/// What travels in one request.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) first: Seq,
    /// The number after the last one in the batch.
    pub(super) through: Seq,
    pub(super) events: Vec<Arc<Event>>,
    pub(super) ends: bool,
}

/// Entries that had to go.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) events: u64,
    pub(super) receipts: Vec<Receipt>,
}

impl Memory {
    pub(super) fn new(retention: Retention) -> Self {
        Self { retention, entries: VecDeque::new(), bytes: 0, ended: false }
    }

    pub(super) fn retention(&self) -> Retention {
        self.retention
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes an entry, after making room for it; `room` is what all identifiers together have left.
    pub(super) fn push(
        &mut self,
        entry: Entry,
        room: usize,
        settings: &ConnectionSettings,
    ) -> Result<Dropped, PublishError> {
        let (events_max, bytes_max) = match self.retention {
            Retention::Queue => (settings.queue_events_max, settings.queue_bytes_max),
            Retention::Log | Retention::Story => (settings.log_events_max, settings.log_bytes_max),
        };
        let bytes = entry.message.bytes();
        if bytes > bytes_max {
            return Err(PublishError::TooLarge);
        }
        if self.retention == Retention::Queue && bytes > room {
            return Err(PublishError::Full);
        }
        let room = self.bytes.saturating_add(room);
        let (kept, ends) = (entry.message.kept, entry.ends);
        self.bytes += bytes;
        self.entries.push_back(entry);
        let mut dropped = Dropped::default();
        let over = |memory: &Self| memory.entries.len() > events_max || memory.bytes > bytes_max;
        // The control that ends a stream is small, and always has a place.
        while !ends && (over(self) || (self.bytes > room && !kept)) {
            let Some(index) = self.first_to_go() else { break };
            let entry = self.take(index);
            dropped.events += 1;
            dropped.receipts.extend(entry.and_then(|entry| entry.receipt));
        }
        if !ends && over(self) {
            self.take(self.entries.len() - 1);
            return Err(PublishError::Full);
        }
        self.ended |= ends;
        Ok(dropped)
    }

    /// Gives the entry that goes at a bound; a log's kept entries stay.
    fn first_to_go(&self) -> Option<usize> {
        match self.retention {
            Retention::Queue => Some(0),
            Retention::Log | Retention::Story => self.entries.iter().position(|entry| !entry.message.kept),
        }
    }

    /// Gives what to send next to a connection that has everything before `next`.
    ///
    /// An event never travels without the end that follows it, if the gateway takes several.
    pub(super) fn batch(&self, next: Seq, events_max: usize, bytes_max: usize) -> Option<Batch> {
        let start = self.entries.partition_point(|entry| entry.seq < next);
        let first = self.entries.get(start)?;
        let mut batch = Batch { first: first.seq, through: first.seq, events: Vec::new(), ends: false };
        let mut bytes = 0;
        for entry in self.entries.range(start..) {
            bytes += event_bytes(&entry.message.event);
            let full = batch.events.len() >= events_max || bytes > bytes_max;
            let completes = entry.ends && events_max > ONE_BY_ONE;
            if full && !completes && !batch.events.is_empty() {
                break;
            }
            batch.events.push(Arc::clone(&entry.message.event));
            batch.through = entry.seq + 1;
            batch.ends = entry.ends;
        }
        Some(batch)
    }

    /// Gives the next entry for a connection that has everything before `next`, if it is larger than
    /// this as JSON.
    pub(super) fn next_if_over(&self, next: Seq, json_bytes_max: usize) -> Option<Seq> {
        let entry = self.entries.get(self.entries.partition_point(|entry| entry.seq < next))?;
        let event = &*entry.message.event;
        // JSON takes at most six bytes for one: most events are known to fit without looking.
        let is_over = event_bytes(event) * 6 > json_bytes_max
            && serde_json::to_string(event).is_ok_and(|json| json.len() > json_bytes_max);
        is_over.then_some(entry.seq)
    }

    /// Takes what is delivered out of a queue; gives the waits that this ends.
    pub(super) fn confirm(&mut self, through: Seq) -> Vec<Receipt> {
        let mut receipts = Vec::new();
        if self.retention == Retention::Queue {
            while self.entries.front().is_some_and(|entry| entry.seq < through) {
                receipts.extend(self.take(0).and_then(|entry| entry.receipt));
            }
        }
        receipts
    }

    /// Tells whether a connection that was sent everything before `next` has not confirmed all of it.
    pub(super) fn awaits_confirmation(&self, next: Seq) -> bool {
        self.retention == Retention::Queue && self.entries.front().is_some_and(|entry| entry.seq < next)
    }

    /// Ends every wait for a delivery.
    pub(super) fn take_receipts(&mut self) -> Vec<Receipt> {
        self.entries.iter_mut().filter_map(|entry| entry.receipt.take()).collect()
    }

    /// Puts the fallback in the place of an event that no gateway takes, or takes it out; gives what
    /// is lost.
    pub(super) fn replace_rejected(&mut self, seq: Seq) -> Dropped {
        let Ok(index) = self.entries.binary_search_by_key(&seq, |entry| entry.seq) else {
            return Dropped::default();
        };
        let message = &mut self.entries[index].message;
        if let Some(Fallback { event, reason }) = message.fallback.take() {
            self.bytes -= event_bytes(&message.event);
            message.event = event;
            if let Some(end) = self.entries.get_mut(index + 1).filter(|entry| entry.ends) {
                self.bytes -= end.message.bytes();
                end.message = Message::kept(connection_close(reason));
                self.bytes += end.message.bytes();
            }
            return Dropped::default();
        }
        let receipt = self.take(index).and_then(|entry| entry.receipt);
        Dropped { events: 1, receipts: receipt.into_iter().collect() }
    }

    /// When the oldest entry of a queue expires.
    pub(super) fn expires_at(&self, settings: &ConnectionSettings) -> Option<Time> {
        let oldest = self.entries.front().filter(|_| self.retention == Retention::Queue)?;
        Some(oldest.since + settings.queue_age_max)
    }

    /// Drops the entries of a queue that are too old.
    pub(super) fn expire(&mut self, now: Time, settings: &ConnectionSettings) -> Dropped {
        let mut dropped = Dropped::default();
        while self.expires_at(settings).is_some_and(|at| at <= now) {
            dropped.events += 1;
            dropped.receipts.extend(self.take(0).and_then(|entry| entry.receipt));
        }
        dropped
    }

    fn take(&mut self, index: usize) -> Option<Entry> {
        let entry = self.entries.remove(index)?;
        self.bytes -= entry.message.bytes();
        Some(entry)
    }
}

/// The batch size for gateways that take one event a request.
pub(super) const ONE_BY_ONE: usize = 1;
