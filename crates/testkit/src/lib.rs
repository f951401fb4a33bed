//! A small harness that hides the mechanics of black-box tests; dropping a part shuts it down.
//!
//! A test starts a [`Callbacks`] (the backend, scripted by the test), a [`Gateway`] (the real binary
//! as a process) or an [`original::Original`] (a stand-in of the gateway that ours replaces), then
//! talks to it with a [`Client`] (a browser, to the byte), a [`Subscriber`] (the same, event by
//! event) and a [`Sender`] (a backend's HTTP client), or with a [`Publishing`] whose body it feeds; a [`Relay`] between two of them fails on demand. Both gateways are an [`Endpoint`], so one suite can run against either.
//!
//! Every wait ends: with what was waited for, or after [`DEADLINE`] with a panic that says what did
//! not come. So tests wait for conditions and never sleep. The harness knows nothing of the
//! gateway's inside.

mod binary;
mod callbacks;
mod client;
mod deadline;
mod endpoint;
mod gateway;
mod head;
pub mod original;
mod port;
mod position;
mod process;
mod publishing;
mod relay;
mod response;
mod sender;
mod subscriber;
mod wire;

pub use binary::binary;
pub use callbacks::{Action, Answer, Callback, Callbacks, Gate, When};
pub use client::{Client, Delivered, End};
pub use deadline::{DEADLINE, eventually, within};
pub use endpoint::Endpoint;
pub use gateway::Gateway;
pub use head::Head;
pub use port::free_port;
pub use position::Position;
pub use process::{Exit, Process};
pub use publishing::Publishing;
pub use relay::Relay;
pub use response::Response;
pub use rustix::process::Signal;
pub use sender::Sender;
pub use subscriber::{Block, Subscriber};
