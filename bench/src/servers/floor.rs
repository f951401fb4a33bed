//! The raw epoll server of this program.

use std::net::SocketAddr;
use std::process::Command;

use super::{Dialect, HEARTBEAT_SECONDS, Running, Server, start_on_one_port};
use crate::Outcome;

pub(super) struct Floor {
    /// Leaves out each such event, to see that the load notices.
    pub(super) drop_every: Option<u64>,
}

impl Server for Floor {
    fn name(&self) -> &'static str {
        "floor"
    }

    fn version(&self) -> Result<String, String> {
        Ok(env!("CARGO_PKG_VERSION").to_owned())
    }

    fn configuration(&self) -> &'static str {
        "one thread with epoll and no HTTP stack; asks no backend, checks nothing, keeps no request"
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
            command.args(["serve", "floor", "--port", &port.to_string()]);
            command.args(["--heartbeat-seconds", &HEARTBEAT_SECONDS.to_string()]);
            if let Some(every) = self.drop_every {
                command.args(["--drop-every", &every.to_string()]);
            }
            command
        })
    }
}
