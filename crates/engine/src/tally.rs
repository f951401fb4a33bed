//! What a shard counts.

/// Counters since the shard's start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Streams that opened.
    pub opened: u64,
    /// Events that senders were told are accepted or kept, those of connect answers that opened, and
    /// those of topics and the gateway's own when they were put into an outbox.
    /// Each is written or undelivered in the end.
    pub events_accepted: u64,
    /// Events whose last byte the kernel took.
    pub events_written: u64,
    /// Bytes that the kernel took, framing and heartbeats included.
    pub bytes_written: u64,
    /// Sends by [`Sent`](crate::Sent), in the order of [`Tally::SENDS`].
    pub sends: [u64; 5],
    /// Ends of accepted streams by reason: `client_closed`, `server_closed`, `error`.
    pub closes: [u64; 3],
    /// Streams cut off, by [`Cut`].
    pub cuts: [u64; 4],
    /// Events acknowledged but not delivered, by [`Loss`].
    pub undelivered: [u64; 4],
    /// Topic events that were put into an outbox from pages; live ones are not among them.
    pub replayed: u64,
    /// Gaps that clients were told, by reason, in the order of [`Tally::GAPS`].
    pub gaps: [u64; 4],
    /// How often a live stream had no room and read from the log instead.
    pub lags: u64,
    /// Streams that ended because another took a topic over.
    pub replaced: u64,
}

impl Tally {
    /// Names the places of [`Tally::sends`].
    pub const SENDS: [&'static str; 5] = ["ok", "buffered", "not_found", "too_large", "full"];
    /// Names the places of [`Tally::closes`].
    pub const CLOSES: [&'static str; 3] = ["client_closed", "server_closed", "error"];
    /// Names the places of [`Tally::gaps`].
    pub const GAPS: [&'static str; 4] = ["expired", "future", "epoch", "unknown"];

    pub(crate) fn lose(&mut self, loss: Loss, events: u64) {
        self.undelivered[loss as usize] += events;
    }
}

/// Why events that were accepted did not reach their client. Topic events among them are not lost: the
/// log retains them for a client that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The stream did not open: the backend refused the connect, its outcome is unknown, or there was
    /// nothing left to hear.
    Refused,
    /// The client had left or vanished.
    ClientLeft,
    /// The client read too slowly.
    Slow,
    /// The gateway shut down before it was written.
    Shutdown,
}

impl Loss {
    /// Names the places of [`Tally::undelivered`].
    pub const NAMES: [&'static str; 4] = ["refused", "client_left", "slow", "shutdown"];
}

/// Why the gateway cut a stream off; each is reason `error` for the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The outbox was full, of this stream or of all together.
    Slow,
    /// Nothing could be written for the write limit.
    Stalled,
    /// The kernel gave the peer up.
    Vanished,
    /// The client sent more than is discarded, or the socket failed.
    Input,
}

impl Cut {
    /// Names the places of [`Tally::cuts`].
    pub const NAMES: [&'static str; 4] = ["slow", "stalled", "vanished", "input"];

    pub(crate) fn loss(self) -> Loss {
        match self {
            Cut::Slow | Cut::Stalled => Loss::Slow,
            Cut::Vanished | Cut::Input => Loss::ClientLeft,
        }
    }
}

/// How many streams are where, and what they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// The backend is being asked.
    pub opening: usize,
    /// Open for senders.
    pub open: usize,
    /// Closed for senders, with something left to write or to drain.
    pub ending: usize,
    /// Bytes in outboxes, kept ones included.
    pub outbox_bytes: usize,
}
