//! The harness itself: what it accepts and what it notices.

mod original;
mod subscriber;
