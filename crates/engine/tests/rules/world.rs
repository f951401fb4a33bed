//! A driver without sockets: carries effects out, on wires that take what a test lets them take, with
//! a log whose offers wait until the test lets them in.

mod log;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use sse_gateway_engine::log::{Log, Offer, PageSize, TopicId};
use sse_gateway_engine::{Accepted, Answer, Attempt, Effect, Key, Limits, Sent, Shard, Then, Time};
use sse_gateway_protocol::callback::CloseReason;
use sse_gateway_protocol::sse::{Encoder, Frame, Framing};
use sse_gateway_protocol::{Epoch, Token};

pub(crate) use log::{exclusive, now, position, start, wishes};

pub(crate) const HEAD: &str = "HTTP/1.1 200 OK\r\n\r\n6\r\n: ok\n\n\r\n";
pub(crate) const LAST_CHUNK: &str = "0\r\n\r\n";
pub(crate) const EPOCH: &str = "life1";

/// Bounds that are small enough to be reached by hand.
pub(crate) fn limits() -> Limits {
    Limits {
        outbox_bytes_max: 1_000,
        outbox_bytes_total_max: 100_000,
        heartbeat_interval: Duration::from_secs(15),
        write_timeout: Duration::from_secs(30),
        drain_timeout: Duration::from_secs(5),
        replaced_retry: Duration::from_secs(30),
        page: PageSize { items_max: 3, bytes_max: 400 },
    }
}

/// A client, whether or not it has a stream yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) key: Key,
    pub(crate) token: Token,
}

/// What the client's end of the connection has seen.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) bytes: Vec<u8>,
    /// How much the kernel still takes before a write blocks.
    pub(crate) room: usize,
    pub(crate) ends: Vec<WireEnd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireEnd {
    WriteShutDown,
    Released,
    Cut,
}

/// What the backend was told: the token, the reason, and whether the stream had opened.
pub(crate) type Told = (Token, CloseReason, bool);

pub(crate) struct World {
    pub(crate) shard: Shard,
    pub(crate) now: Time,
    pub(crate) told: Vec<Told>,
    pub(crate) forgotten: Vec<Token>,
    pub(crate) log: Log,
    /// Whether what is staged stays so.
    pub(crate) disk_is_slow: bool,
    /// What the log has offered and the shard has not applied.
    pub(crate) inbox: VecDeque<Offer>,
    /// Who has left which topics, and whether it was live.
    pub(crate) left: Vec<(Key, Vec<TopicId>, bool)>,
    wires: HashMap<Key, Wire>,
    page: PageSize,
    connects: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(limits())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        Self {
            page: limits.page,
            shard: Shard::new(limits, heartbeat(), epoch(), 1),
            now: Time::default() + Duration::from_secs(1_000),
            told: Vec::new(),
            forgotten: Vec::new(),
            log: log::new_log(),
            disk_is_slow: false,
            inbox: VecDeque::new(),
            left: Vec::new(),
            wires: HashMap::new(),
            connects: 0,
        }
    }

    /// A GET has arrived and the backend is being asked.
    pub(crate) fn connect(&mut self) -> Client {
        self.connects += 1;
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.connects.to_be_bytes());
        bytes[8..].copy_from_slice(&self.connects.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let token = Token::from_random_bytes(bytes);
        let key = self.shard.connect(token, request(self.connects));
        Client { key, token }
    }

    pub(crate) fn answer(&mut self, client: Client, answer: Answer) {
        if self.shard.answered(client.key, answer, self.now).is_some() {
            let wire = Wire { bytes: Vec::new(), room: usize::MAX, ends: Vec::new() };
            assert!(self.wires.insert(client.key, wire).is_none(), "a stream opens once");
        }
    }

    pub(crate) fn accept(&mut self, client: Client) {
        self.answer(client, accepted(None, false));
        self.settle();
    }

    /// A client whose stream is open and idle.
    pub(crate) fn open(&mut self) -> Client {
        let client = self.connect();
        self.accept(client);
        client
    }

    /// An open stream whose socket takes nothing more.
    pub(crate) fn open_stuck(&mut self) -> Client {
        let client = self.open();
        self.wire_mut(client).room = 0;
        client
    }

    /// Sends as a driver does: when the outbox has no room it writes first and tries once more.
    pub(crate) fn send_frame(&mut self, client: Client, frame: Option<&Frame>, close: bool) -> Sent {
        match self.shard.send(&client.token, frame, close, Attempt::First) {
            Sent::WriteFirst(key) => {
                assert_eq!(key, client.key);
                self.write(key);
                self.shard.send(&client.token, frame, close, Attempt::AfterWrite)
            }
            sent => sent,
        }
    }

    pub(crate) fn send(&mut self, client: Client, data: &str) -> Sent {
        self.send_frame(client, Some(&event(data)), false)
    }

    pub(crate) fn close(&mut self, client: Client) -> Sent {
        self.send_frame(client, None, true)
    }

    /// The kernel takes this many bytes more and says so.
    pub(crate) fn drain_kernel(&mut self, client: Client, bytes: usize) {
        let room = &mut self.wire_mut(client).room;
        *room = room.saturating_add(bytes);
        self.shard.writable(client.key);
        self.settle();
    }

    /// Applies and carries out everything that waits.
    pub(crate) fn settle(&mut self) {
        self.apply_offers();
        self.carry_out_effects();
    }

    pub(crate) fn carry_out_effects(&mut self) {
        while let Some(effect) = self.shard.next_effect() {
            self.carry_out(effect);
        }
    }

    pub(crate) fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Read(_) | Effect::Lag { .. } | Effect::Leave { .. } => self.carry_out_at_log(effect),
            Effect::Flush(key) => self.write(key),
            Effect::ShutDownWrite(key) => self.end_wire(key, WireEnd::WriteShutDown),
            Effect::Release(key) => self.end_wire(key, WireEnd::Released),
            Effect::Cut(key) => self.end_wire(key, WireEnd::Cut),
            Effect::Disconnect { token, reason, opened, .. } => self.told.push((token, reason, opened)),
            Effect::Forget(token) => self.forgotten.push(token),
        }
    }

    fn end_wire(&mut self, key: Key, end: WireEnd) {
        self.wires.get_mut(&key).expect("only a stream with a socket ends one").ends.push(end);
    }

    fn write(&mut self, key: Key) {
        let Some(pending) = self.shard.pending(key) else { return };
        let pending: Vec<u8> = pending.flatten().copied().collect();
        let wire = self.wires.get_mut(&key).expect("a stream with pending bytes has a socket");
        let taken = pending.len().min(wire.room);
        wire.bytes.extend_from_slice(&pending[..taken]);
        wire.room -= if wire.room == usize::MAX { 0 } else { taken };
        self.shard.wrote(key, taken, taken < pending.len(), self.now);
    }

    /// Lets time pass, with every deadline met to the microsecond.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(deadline) = self.shard.next_deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.shard.tick(self.now);
            self.settle();
            assert!(self.shard.next_deadline().is_none_or(|next| next > self.now), "a tick does what is due");
        }
        self.now = end;
    }

    pub(crate) fn wire_mut(&mut self, client: Client) -> &mut Wire {
        self.wires.get_mut(&client.key).expect("this client's stream has opened")
    }

    pub(crate) fn ends(&self, client: Client) -> &[WireEnd] {
        &self.wires[&client.key].ends
    }

    pub(crate) fn has_head(&self, client: Client) -> bool {
        self.wires.get(&client.key).is_some_and(|wire| !wire.bytes.is_empty())
    }

    pub(crate) fn text(&self, client: Client) -> &str {
        std::str::from_utf8(&self.wires[&client.key].bytes).expect("whole characters")
    }

    /// Gives what followed the head, without chunk framing, and whether the last chunk was seen.
    pub(crate) fn payload(&self, client: Client) -> (String, bool) {
        unframed(self.text(client).strip_prefix(HEAD).expect("the head is first"))
    }
}

/// Takes the chunk framing off; the last chunk may be cut short.
pub(crate) fn unframed(mut rest: &str) -> (String, bool) {
    let mut payload = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        let Some(chunk) = after.get(..size) else {
            payload.push_str(after);
            return (payload, false);
        };
        payload.push_str(chunk);
        let Some(next) = after.get(size..size + 2) else { return (payload, false) };
        assert_eq!(next, "\r\n", "a chunk ends in CRLF");
        rest = &after[size + 2..];
        if size == 0 {
            assert_eq!(rest, "", "nothing follows the last chunk");
            return (payload, true);
        }
    }
    (payload, false)
}

pub(crate) fn request(number: u64) -> Box<str> {
    format!("request {number}").into()
}

pub(crate) fn heartbeat() -> Frame {
    let mut encoder = Encoder::for_payload(16);
    encoder.comment("heartbeat");
    encoder.finish()
}

pub(crate) fn event(data: &str) -> Frame {
    let mut encoder = Encoder::for_payload(data.len());
    encoder.event(None, data);
    encoder.finish()
}

/// An event whose payload has exactly this many bytes.
pub(crate) fn event_of(bytes: usize) -> Frame {
    let frame = event(&"x".repeat(bytes - "data: \n\n".len()));
    assert_eq!(frame.payload().len(), bytes);
    frame
}

pub(crate) fn head() -> Frame {
    Frame::verbatim(HEAD.as_bytes().into())
}

pub(crate) fn accepted(first: Option<Frame>, close: bool) -> Answer {
    Answer::Accepted(Accepted { then: if close { Then::End } else { Then::Stay }, ..opening(first) })
}

/// What a stream opens with that stays.
pub(crate) fn opening(first: Option<Frame>) -> Accepted {
    Accepted {
        head: head(),
        first,
        framing: Framing::Chunked,
        then: Then::Stay,
        retry_ms: None,
        subject: None,
    }
}

pub(crate) fn epoch() -> Epoch {
    Epoch::parse(EPOCH).expect("an epoch")
}
