//! What is measured: each case starts a server, loads it, and gives figures.
//!
//! A case also checks: what is lost, out of order or refused is a fault, and stands in the table.

mod beside;
mod churn;
mod durable;
mod fan_out;
mod filling;
mod hold;
mod numbering;
mod posting;
mod publish;
mod resume;
mod retained;
mod send;
mod send_many;
mod slow;
mod turns;

use std::time::Duration;

use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::servers::{Dialect, Server};
use resume::Crowd;

/// Data of an event, where a case does not say otherwise.
const EVENT_BYTES: usize = 100;
/// What of a server's CPU time is its own code.
const USER: Metric = metric("of it in user space", "%");

/// One case.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    run: fn(&dyn Server, &Scale) -> Outcome<Figures>,
    /// Whether it asks for what only ours has.
    only_ours: bool,
}

/// How large and how long.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    pub(crate) name: &'static str,
    /// How many streams are held when memory is read.
    hold: &'static [u32],
    /// How long heartbeats are watched; none if zero.
    heartbeats: Duration,
    /// Streams that sends go round.
    streams: u32,
    /// How long before a window the load runs already.
    warm_up: Duration,
    /// How long a figure is measured.
    window: Duration,
    fan_out: [u32; 2],
    /// Topics that publishes go round; all but the last have a listener each, too.
    topics: [u32; 3],
    resume: [Crowd; 2],
    /// Topics that are filled.
    retained_topics: u32,
    /// Streams of the case with slow readers, one in ten of them slow.
    slow_streams: u32,
    /// How long a server has to give memory back.
    rest: Duration,
}

const FULL: Scale = Scale {
    name: "full",
    hold: &[10_000, 18_000],
    heartbeats: Duration::from_secs(5),
    streams: 1000,
    warm_up: Duration::from_millis(300),
    window: Duration::from_secs(2),
    fan_out: [1000, 10_000],
    topics: [1, 1000, 100_000],
    resume: [Crowd { clients: 10_000, missed: 100 }, Crowd { clients: 1000, missed: 1000 }],
    retained_topics: 1000,
    slow_streams: 100,
    rest: Duration::from_millis(1500),
};
const QUICK: Scale = Scale {
    name: "quick",
    hold: &[2000],
    window: Duration::from_millis(700),
    fan_out: [1000, 3000],
    resume: [Crowd { clients: 2000, missed: 100 }, Crowd { clients: 200, missed: 1000 }],
    retained_topics: 200,
    ..FULL
};
const SMOKE: Scale = Scale {
    name: "smoke",
    hold: &[20, 50],
    heartbeats: Duration::ZERO,
    streams: 200,
    warm_up: Duration::from_millis(20),
    window: Duration::from_millis(80),
    fan_out: [20, 50],
    topics: [1, 100, 300],
    resume: [Crowd { clients: 50, missed: 20 }, Crowd { clients: 10, missed: 200 }],
    retained_topics: 5,
    slow_streams: 20,
    rest: Duration::from_millis(50),
};

impl Scale {
    /// All of them, by name.
    pub(crate) const ALL: [Self; 3] = [FULL, QUICK, SMOKE];
}

impl Case {
    /// Tells whether a server can take part.
    pub(crate) fn suits(&self, server: &dyn Server) -> bool {
        !self.only_ours || server.dialect() == Dialect::Gateway
    }

    pub(crate) fn run(&self, server: &dyn Server, scale: &Scale) -> Outcome<Figures> {
        (self.run)(server, scale)
    }
}

/// All cases, in the order in which they are run.
pub(crate) fn all() -> Vec<Case> {
    let case = |name, about, run| Case { name, about, run, only_ours: false };
    let only_ours = |name, about, run| Case { name, about, run, only_ours: true };
    vec![
        case("hold", "idle streams: connecting, memory, heartbeats", hold::run),
        case(
            "send-16",
            "single sends round robin to 1,000 streams, 16 keep-alive connections",
            |server, scale| send::run(server, scale, 16),
        ),
        case("send-64", "the same over 64 connections", |server, scale| send::run(server, scale, 64)),
        only_ours("send-events", "100 events for one stream in a request, 4 connections", send_many::events),
        only_ours(
            "send-array",
            "an array of 100 sends to 100 streams in a request, 4 connections",
            send_many::array,
        ),
        only_ours("send-lines", "one send a line, one connection", send_many::lines),
        only_ours(
            "send-lines-events",
            "100 events for one stream a line, one connection",
            send_many::lines_of_events,
        ),
        case("fan-out-1k", "one event to 1,000 streams of a topic, one after the other", |server, scale| {
            fan_out::run(server, scale, scale.fan_out[0])
        }),
        case(
            "fan-out-10k",
            "one event to 10,000 streams of a topic, one after the other",
            |server, scale| fan_out::run(server, scale, scale.fan_out[1]),
        ),
        case("publish-1", "publishes to one topic, 64 connections, or one with lines", |server, scale| {
            publish::run(server, scale, scale.topics[0])
        }),
        case("publish-1k", "the same to 1,000 topics in turn", |server, scale| {
            publish::run(server, scale, scale.topics[1])
        }),
        case("publish-100k", "the same to 100,000 topics in turn", |server, scale| {
            publish::run(server, scale, scale.topics[2])
        }),
        only_ours("resume-10k", "10,000 clients come back at once, each to 100 events", |server, scale| {
            resume::run(server, scale, scale.resume[0])
        }),
        only_ours("resume-1k", "1,000 clients come back at once, each to 1,000 events", |server, scale| {
            resume::run(server, scale, scale.resume[1])
        }),
        only_ours("retained", "1,000 topics with 1,000 events each", retained::run),
        only_ours("durable-1", "publishes that are synced to the disk, one publisher", |server, scale| {
            durable::run(server, scale, 1)
        }),
        only_ours("durable-16", "the same from 16 publishers", |server, scale| {
            durable::run(server, scale, 16)
        }),
        only_ours("durable-256", "the same from 256 publishers", |server, scale| {
            durable::run(server, scale, 256)
        }),
        case("slow", "one reader in ten never reads, 16 KiB events", slow::run),
        case("churn", "connect and leave, as fast as possible, 64 at a time", churn::run),
    ]
}

/// A path with a stream's number.
fn own_path(index: u32) -> String {
    format!("/s/{index}")
}

/// The name of a topic of many.
fn inbox(index: u32) -> String {
    format!("t{index}")
}

/// The path of a stream that listens to it.
fn inbox_path(index: u32) -> String {
    format!("/s/t{index}")
}

/// The path of the topic `all`.
fn topic_path(_index: u32) -> String {
    "/s/all".to_owned()
}
