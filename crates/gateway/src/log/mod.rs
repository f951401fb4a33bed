//! The way to the log, from every thread.
//!
//! What the log remembers and whom it tells is decided in [`sse_gateway_engine::log`]; in here is no
//! rule. [`Ledger`] carries commands out one after the other and puts what follows from them into the
//! inboxes of the shards, in sequence order; [`age()`] sees to it that old things go. Read `ledger.rs`
//! next.

mod age;
mod durable;
mod ledger;
mod records;
mod scribe;

pub(crate) use age::age;
pub(crate) use durable::OpenError;
pub(crate) use durable::{Keeping, open};
pub(crate) use ledger::{Ledger, Unavailable};

#[cfg(test)]
mod tests;
