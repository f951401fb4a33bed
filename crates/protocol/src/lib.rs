//! What crosses the wire: tokens, events, callbacks, sends, error codes, and the SSE encoding.
//!
//! Pure: no socket, no clock, no runtime. `spec/protocol.md` is the normative text; each module
//! names the part of it that it carries. Both halves of the system, the gateway and the backend
//! crate, depend on this crate and never on each other.
//!
//! Read [`Token`] and [`Event`] first, then [`callback`] (gateway to backend), [`send`] (backend to
//! gateway) and [`sse`] (gateway to browser).

pub mod callback;
pub mod code;
mod event;
pub mod features;
mod json;
pub mod lines;
pub mod send;
pub mod sse;
mod token;

pub use event::Event;
pub use token::Token;
