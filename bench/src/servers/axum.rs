//! The axum server of this program.

use std::net::SocketAddr;
use std::process::Command;

use super::{Dialect, HEARTBEAT_SECONDS, Running, Server, start_on_one_port};
use crate::Outcome;

pub(super) struct Axum;

impl Server for Axum {
    fn name(&self) -> &'static str {
        "axum"
    }

    fn version(&self) -> Result<String, String> {
        Ok("0.8".to_owned())
    }

    fn configuration(&self) -> &'static str {
        "an SSE response and a bounded channel a stream, `tokio::sync::broadcast` for all; asks no backend, \
         keeps no request"
    }

    fn dialect(&self) -> Dialect {
        Dialect::Plain
    }

    fn asks_backend(&self) -> bool {
        false
    }

    fn start(&self, _backend: SocketAddr) -> Outcome<Running> {
        let own = std::env::current_exe()?;
        start_on_one_port(|port| {
            let mut command = Command::new(own);
            command.args(["serve", "axum", "--port", &port.to_string()]);
            command.args(["--heartbeat-seconds", &HEARTBEAT_SECONDS.to_string()]);
            command
        })
    }
}
