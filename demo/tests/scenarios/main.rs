//! The whole system, end to end: the demo's backend and the real gateway as processes, and clients
//! that read the bytes of their sockets.
//!
//! [`system`] hides the mechanics, [`story`] says what a task's stream must tell. One file a topic.

mod api;
mod chats;
mod crowd;
mod one_process;
mod replacement_storm;
mod restart;
mod settings;
mod several_processes;
mod shutdown;
mod story;
mod system;
mod tasks;
mod versions;
