//! A server and a load that face each other, and what a stretch of time has cost.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::Outcome;
use crate::backend::Backend;
use crate::figures::{Figures, Metric};
use crate::load::{Load, Payload, Poller, Reading, ask};
use crate::machine::thread_cpu;
use crate::process::Usage;
use crate::servers::{Dialect, Running, Server};

/// How long events that were accepted may be under way.
pub(crate) const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(5);

/// One server, freshly started, and the load on it.
pub(crate) struct Stage {
    pub(crate) load: Load,
    pub(crate) server: Running,
    pub(crate) dialect: Dialect,
    asks_backend: bool,
    /// The next number of each stream.
    numbers: Vec<u32>,
    /// The busiest that the client has been, as a share of its core.
    pub(crate) client_share: f64,
}

/// A moment, to tell later what has been spent since.
pub(crate) struct Mark {
    at: Instant,
    server: Usage,
    client: Duration,
}

/// What a stretch of time has cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    /// CPU time of the server, in both spaces.
    server: Duration,
    /// Of it, what was spent in user space.
    user: Duration,
}

impl Stage {
    /// Starts a server; streams will connect to these paths.
    pub(crate) fn set(server: &dyn Server, path: impl Fn(u32) -> String + 'static) -> Outcome<Self> {
        Self::around(server, path, |backend| server.start(backend))
    }

    /// The same around a server that is started in a way of its own.
    pub(crate) fn around(
        server: &dyn Server,
        path: impl Fn(u32) -> String + 'static,
        start: impl FnOnce(SocketAddr) -> Outcome<Running>,
    ) -> Outcome<Self> {
        let poller = Poller::new()?;
        let backend = Backend::start(&poller)?;
        let running = start(backend.address()?)?;
        let load = Load::new(poller, backend, running.streams, path);
        Ok(Self {
            load,
            server: running,
            dialect: server.dialect(),
            asks_backend: server.asks_backend(),
            numbers: Vec::new(),
            client_share: 0.0,
        })
    }

    /// Opens streams with these numbers.
    pub(crate) fn open(&mut self, indexes: std::ops::Range<u32>, reading: Reading) -> Outcome<()> {
        self.numbers.resize(self.numbers.len().max(indexes.end as usize), 0);
        self.load.open_all(indexes, reading)
    }

    /// What a stream is called in a send.
    pub(crate) fn name(&self, index: u32) -> String {
        match self.dialect {
            Dialect::Gateway => self.load.backend.tokens[index as usize].clone(),
            _ => index.to_string(),
        }
    }

    /// The next event of a stream.
    pub(crate) fn next_payload(&mut self, index: u32, sent_at: u64) -> Payload {
        let number = &mut self.numbers[index as usize];
        *number += 1;
        Payload { number: *number - 1, sent_at }
    }

    /// How many events a stream was given.
    pub(crate) fn given(&self, index: u32) -> u32 {
        self.numbers[index as usize]
    }

    /// Writes the request for the next event of a stream.
    pub(crate) fn next_send(&mut self, index: u32, sent_at: u64, bytes: usize, out: &mut Vec<u8>) {
        let payload = self.next_payload(index, sent_at);
        self.dialect.send(&self.name(index), payload, bytes, out);
    }

    /// Takes a connection that waits for nothing.
    pub(crate) fn take_idle(&mut self) -> Option<u32> {
        self.load.senders.as_mut()?.take_idle()
    }

    /// Posts a request that was due then, on a connection that was taken.
    pub(crate) fn post(&mut self, connection: u32, request: &[u8], due: u64) -> Outcome<()> {
        let senders = self.load.senders.as_mut().ok_or("nothing is connected to post on")?;
        Ok(senders.post(connection, request, due)?)
    }

    /// How many requests and lines were accepted.
    pub(crate) fn accepted(&self) -> u64 {
        let requests = self.load.senders.as_ref().map_or(0, |senders| senders.accepted);
        requests + self.load.lines.as_ref().map_or(0, |lines| lines.accepted)
    }

    /// Waits until as many events have come; gives how many have not.
    pub(crate) fn wait_for_events(&mut self, wanted: u64) -> Outcome<u64> {
        self.load.run_until(ARRIVAL_TIMEOUT, |load| Ok(load.streams.tally.events >= wanted))?;
        Ok(wanted.saturating_sub(self.load.streams.tally.events))
    }

    /// Where the gateway's log stands: its newest number, and the position that says so. It takes that number by
    /// an event to a topic.
    pub(crate) fn position(&self, topic: &str) -> Outcome<(u64, String)> {
        let body = format!(r#"{{"topic":"{topic}","event":{{"data":""}}}}"#);
        let answer: serde_json::Value =
            serde_json::from_str(&ask(self.server.sends, "POST /internal/publish", &body)?)?;
        let position = answer["position"].as_str().ok_or("a publish has no position")?;
        let (_, number) = position.rsplit_once('-').ok_or("a position has no number")?;
        Ok((number.parse()?, position.to_owned()))
    }

    pub(crate) fn mark(&self) -> Outcome<Mark> {
        Ok(Mark { at: Instant::now(), server: self.server.process.cpu()?, client: thread_cpu() })
    }

    /// Tells what was spent since a mark, and notes how busy the client was.
    pub(crate) fn spent(&mut self, mark: &Mark) -> Outcome<Spent> {
        let wall = mark.at.elapsed();
        let client = thread_cpu() - mark.client;
        let now = self.server.process.cpu()?;
        let share = client.as_secs_f64() / wall.as_secs_f64();
        self.client_share = self.client_share.max(share);
        let (user, system) = (now.user - mark.server.user, now.system - mark.server.system);
        Ok(Spent { wall, server: user + system, user })
    }

    /// Adds what every case checks: each stream stands, and has what it was sent, in order.
    pub(crate) fn check(&self, figures: &mut Figures, lost: u64) {
        let tally = &self.load.streams.tally;
        let senders = self.load.senders.as_ref();
        let backend = &self.load.backend;
        if self.asks_backend {
            figures.fault(
                tally.opened.saturating_sub(backend.connects),
                "streams opened without asking the backend",
            );
        }
        let refused_sends = senders.map_or(0, |senders| senders.refused);
        let last = senders
            .and_then(|senders| senders.last_refusal)
            .map_or(String::new(), |status| status.to_string());
        figures.fault(lost, "events accepted and not delivered within 5 s");
        figures.fault(tally.misordered, "events out of order or twice");
        figures.fault(tally.gaps, "gaps");
        figures.fault(tally.refused, "streams refused");
        figures.fault(tally.ended, "streams ended by the server");
        let lines = self.load.lines.as_ref().map_or(0, |lines| lines.refused);
        figures.fault(lines, "lines refused");
        figures.fault(refused_sends, &format!("sends refused, the last with {last}"));
    }
}

impl Spent {
    /// CPU time of the server for each of so many, in microseconds.
    pub(crate) fn server_us_each(&self, count: u64) -> f64 {
        self.server.as_secs_f64() * 1e6 / count.max(1) as f64
    }

    /// How much of the server's CPU time was its own code and not the kernel's, in percent.
    pub(crate) fn user_percent(&self) -> f64 {
        100.0 * self.user.as_secs_f64() / self.server.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// What is left without another stretch of time, for as many.
    pub(crate) fn server_beyond(&self, other: &Self) -> Duration {
        self.server.saturating_sub(other.server)
    }

    /// How many a second.
    pub(crate) fn rate(&self, count: u64) -> f64 {
        count as f64 / self.wall.as_secs_f64()
    }
}

/// Adds three quantiles of nanoseconds, in milliseconds; nothing when nothing has come.
pub(crate) fn add_quantiles(figures: &mut Figures, metrics: [Metric; 3], nanoseconds: &Histogram<u64>) {
    if nanoseconds.is_empty() {
        return;
    }
    for (metric, quantile) in metrics.into_iter().zip([0.5, 0.99, 0.999]) {
        figures.add(metric, nanoseconds.value_at_quantile(quantile) as f64 / 1e6);
    }
}
