//! What is measured: each case starts a server, loads it, and gives figures.
//!
//! A case also checks: what is lost, out of order or refused is a fault, and stands in the table.

mod churn;
mod fan_out;
mod hold;
mod send;
mod send_many;
mod slow;
mod turns;

use std::time::Duration;

use crate::Outcome;
use crate::figures::{Figures, Metric, metric};
use crate::servers::{Dialect, Server};

/// Data of an event, where a case does not say otherwise.
const EVENT_BYTES: usize = 100;
/// What of a server's CPU time is its own code.
const USER: Metric = metric("of it in user space", "%");
/// How long before a window the load runs already.
const WARM_UP: Duration = Duration::from_millis(300);

/// One case.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    run: fn(&dyn Server, &Scale) -> Outcome<Figures>,
    /// Whether only a server with sends of many takes part.
    many: bool,
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
    /// How long a figure is measured.
    window: Duration,
    fan_out: [u32; 2],
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
    window: Duration::from_secs(2),
    fan_out: [1000, 10_000],
    slow_streams: 100,
    rest: Duration::from_millis(1500),
};
const QUICK: Scale =
    Scale { name: "quick", hold: &[2000], window: Duration::from_millis(700), fan_out: [1000, 3000], ..FULL };
const SMOKE: Scale = Scale {
    name: "smoke",
    hold: &[20, 50],
    heartbeats: Duration::ZERO,
    streams: 200,
    window: Duration::from_millis(100),
    fan_out: [20, 50],
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
        !self.many || server.dialect() == Dialect::Gateway
    }

    pub(crate) fn run(&self, server: &dyn Server, scale: &Scale) -> Outcome<Figures> {
        (self.run)(server, scale)
    }
}

/// All cases, in the order in which they are run.
pub(crate) fn all() -> Vec<Case> {
    let case = |name, about, run| Case { name, about, run, many: false };
    let many = |name, about, run| Case { name, about, run, many: true };
    vec![
        case("hold", "idle streams: connecting, memory, heartbeats", hold::run),
        case(
            "send-16",
            "single sends round robin to 1,000 streams, 16 keep-alive connections",
            |server, scale| send::run(server, scale, 16),
        ),
        case("send-64", "the same over 64 connections", |server, scale| send::run(server, scale, 64)),
        many("send-events", "100 events for one stream in a request, 4 connections", send_many::events),
        many(
            "send-array",
            "an array of 100 sends to 100 streams in a request, 4 connections",
            send_many::array,
        ),
        many("send-lines", "one send a line, one connection", send_many::lines),
        many(
            "send-lines-events",
            "100 events for one stream a line, one connection",
            send_many::lines_of_events,
        ),
        case("fan-out-1k", "one event to 1,000 streams, one after the other", |server, scale| {
            fan_out::run(server, scale, scale.fan_out[0])
        }),
        case("fan-out-10k", "one event to 10,000 streams, one after the other", |server, scale| {
            fan_out::run(server, scale, scale.fan_out[1])
        }),
        case("slow", "one reader in ten never reads, 16 KiB events", slow::run),
        case("churn", "connect and leave, as fast as possible, 64 at a time", churn::run),
    ]
}

/// A path with a stream's number.
fn own_path(index: u32) -> String {
    format!("/s/{index}")
}

/// The path of the topic.
fn topic_path(_index: u32) -> String {
    "/s/all".to_owned()
}
