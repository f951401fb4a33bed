//! What one identifier retains, whichever way its events go.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::message::{EVENT_OVERHEAD, Fallback, Message, PublishError, event_bytes};
use super::{ConnectionSettings, Time};
use crate::Event;

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
    pub(super) content: Content,
    pub(super) since: Time,
    pub(super) receipt: Option<Receipt>,
}

#[derive(Debug)]
pub(super) enum Content {
    Event(Message),
    /// Nothing follows; the reason is for the clients.
    End(Arc<str>),
}

impl Content {
    fn bytes(&self) -> usize {
        match self {
            Content::Event(message) => message.bytes(),
            Content::End(reason) => reason.len() + EVENT_OVERHEAD,
        }
    }

    /// Counts what is sent of it.
    fn sent_bytes(&self) -> usize {
        match self {
            Content::Event(message) => event_bytes(&message.event),
            Content::End(_) => self.bytes(),
        }
    }

    fn is_end(&self) -> bool {
        matches!(self, Content::End(_))
    }

    /// Tells whether it stays when a log is full.
    fn is_kept(&self) -> bool {
        match self {
            Content::Event(message) => message.kept,
            Content::End(_) => true,
        }
    }
}

/// What travels in one request.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) first: Seq,
    /// The number after the last one in the batch.
    pub(super) through: Seq,
    pub(super) events: Vec<Arc<Event>>,
    /// The reason of the end, if it follows the events.
    pub(super) end: Option<Arc<str>>,
}

/// Entries that had to go.
pub(super) type Dropped = Vec<Entry>;

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
        let bytes = entry.content.bytes();
        if bytes > bytes_max {
            return Err(PublishError::TooLarge);
        }
        if self.retention == Retention::Queue && bytes > room {
            return Err(PublishError::Full);
        }
        let room = self.bytes.saturating_add(room);
        let (kept, ends) = (entry.content.is_kept(), entry.content.is_end());
        self.bytes += bytes;
        self.entries.push_back(entry);
        let mut dropped = Dropped::new();
        let over = |memory: &Self| memory.entries.len() > events_max || memory.bytes > bytes_max;
        // The end is small, and always has a place.
        while !ends && (over(self) || (self.bytes > room && !kept)) {
            let Some(index) = self.first_to_go() else { break };
            dropped.extend(self.take(index));
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
            Retention::Log | Retention::Story => {
                self.entries.iter().position(|entry| !entry.content.is_kept())
            }
        }
    }

    /// Gives what to send next to a reader who has everything before `next`.
    ///
    /// An event never travels without the end that follows it, if the gateway takes several.
    pub(super) fn batch(&self, next: Seq, events_max: usize, bytes_max: usize) -> Option<Batch> {
        let start = self.entries.partition_point(|entry| entry.seq < next);
        let first = self.entries.get(start)?;
        let mut batch = Batch { first: first.seq, through: first.seq, events: Vec::new(), end: None };
        let mut bytes = 0;
        for entry in self.entries.range(start..) {
            bytes += entry.content.sent_bytes();
            let full = batch.events.len() >= events_max || bytes > bytes_max;
            let completes = entry.content.is_end() && events_max > ONE_BY_ONE;
            if full && !completes && !batch.events.is_empty() {
                break;
            }
            match &entry.content {
                Content::Event(message) => batch.events.push(Arc::clone(&message.event)),
                Content::End(reason) => batch.end = Some(Arc::clone(reason)),
            }
            batch.through = entry.seq + 1;
        }
        Some(batch)
    }

    /// Tells whether there is an entry with one of these numbers.
    pub(super) fn has(&self, range: Range<Seq>) -> bool {
        let start = self.entries.partition_point(|entry| entry.seq < range.start);
        self.entries.get(start).is_some_and(|entry| entry.seq < range.end)
    }

    /// Counts the events with one of these numbers.
    pub(super) fn events_in(&self, range: Range<Seq>) -> usize {
        let start = self.entries.partition_point(|entry| entry.seq < range.start);
        let in_range = self.entries.range(start..).take_while(|entry| entry.seq < range.end);
        in_range.filter(|entry| !entry.content.is_end()).count()
    }

    /// Takes out every entry from this number on.
    pub(super) fn drop_from(&mut self, next: Seq) -> Dropped {
        let start = self.entries.partition_point(|entry| entry.seq < next);
        let dropped: Dropped = self.entries.drain(start..).collect();
        self.bytes -= dropped.iter().map(|entry| entry.content.bytes()).sum::<usize>();
        dropped
    }

    /// Gives the number after its last entry.
    pub(super) fn through(&self) -> Seq {
        self.entries.back().map_or(0, |entry| entry.seq + 1)
    }

    /// Gives the next entry for a connection that has everything before `next`, if it is larger than
    /// this as JSON.
    pub(super) fn next_if_over(&self, next: Seq, json_bytes_max: usize) -> Option<Seq> {
        let entry = self.entries.get(self.entries.partition_point(|entry| entry.seq < next))?;
        let Content::Event(message) = &entry.content else { return None };
        let event = &*message.event;
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
            return Dropped::new();
        };
        let Content::Event(message) = &mut self.entries[index].content else { return Dropped::new() };
        let Some(Fallback { event, reason }) = message.fallback.take() else {
            return self.take(index).into_iter().collect();
        };
        self.bytes -= event_bytes(&message.event);
        message.event = event;
        if let Some(end) = self.entries.get_mut(index + 1).filter(|entry| entry.content.is_end()) {
            self.bytes -= end.content.bytes();
            end.content = Content::End(reason.into());
            self.bytes += end.content.bytes();
        }
        Dropped::new()
    }

    /// When the oldest entry of a queue expires.
    pub(super) fn expires_at(&self, settings: &ConnectionSettings) -> Option<Time> {
        let oldest = self.entries.front().filter(|_| self.retention == Retention::Queue)?;
        Some(oldest.since + settings.queue_age_max)
    }

    /// Drops the entries of a queue that are too old.
    pub(super) fn expire(&mut self, now: Time, settings: &ConnectionSettings) -> Dropped {
        let mut dropped = Dropped::new();
        while self.expires_at(settings).is_some_and(|at| at <= now) {
            dropped.extend(self.take(0));
        }
        dropped
    }

    /// Gives everything, as a client would get it.
    #[cfg(test)]
    pub(super) fn retained(&self) -> Vec<Event> {
        let batch = self.batch(0, usize::MAX, usize::MAX);
        let (events, end) = batch.map(|batch| (batch.events, batch.end)).unwrap_or_default();
        let end = end.map(|reason| super::connection_close(&reason));
        events.iter().map(|event| (**event).clone()).chain(end).collect()
    }

    fn take(&mut self, index: usize) -> Option<Entry> {
        let entry = self.entries.remove(index)?;
        self.bytes -= entry.content.bytes();
        Some(entry)
    }
}

/// The batch size for gateways that take one event a request.
pub(super) const ONE_BY_ONE: usize = 1;
