//! What crosses the wire: tokens, events, callbacks, sends, topics, error codes, and the SSE encoding.
//!
//! Pure: no socket, no clock, no runtime. `spec/protocol.md` is the normative text; each module
//! names the part of it that it carries. Both halves of the system, the gateway and the backend
//! crate, depend on this crate and never on each other.
//!
//! Read [`Token`] and [`Event`] first, then [`callback`] (gateway to backend), [`send`] (backend to
//! gateway) and [`sse`] (gateway to browser). Topics add [`TopicName`] and [`Position`], [`publish`],
//! [`change`] and [`close`] (backend to gateway), and [`control`] (gateway to browser).

pub mod callback;
pub mod change;
pub mod close;
pub mod code;
pub mod control;
mod event;
pub mod features;
mod json;
pub mod lines;
mod position;
pub mod publish;
pub mod send;
pub mod sse;
mod token;
mod topic;

pub use event::Event;
pub use position::{Epoch, POSITION_BYTES_MAX, Position, Seq};
pub use token::Token;
pub use topic::{Completed, TOPIC_NAME_BYTES_MAX, TopicDescription, TopicName};
