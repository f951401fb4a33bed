//! SSE Gateway itself.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Dialect, HEARTBEAT_SECONDS, Running, Server, start_on_one_port, version_of};
use crate::Outcome;

pub(super) struct Ours {
    /// Beside this program unless it is named.
    pub(super) binary: Option<PathBuf>,
}

impl Ours {
    fn binary(&self) -> Result<PathBuf, String> {
        if let Some(binary) = &self.binary {
            return Ok(binary.clone());
        }
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let binary = own.with_file_name("sse-gateway");
        if binary.exists() { Ok(binary) } else { Err(format!("{} is not built", binary.display())) }
    }
}

impl Server for Ours {
    fn name(&self) -> &'static str {
        "ours"
    }

    fn version(&self) -> Result<String, String> {
        version_of(&self.binary()?.display().to_string(), "--version")
    }

    fn configuration(&self) -> &'static str {
        "one shard (`SHARDS=1`), otherwise its defaults; asks the backend on every connect, and tells it of \
         every disconnect"
    }

    fn dialect(&self) -> Dialect {
        Dialect::Gateway
    }

    fn asks_backend(&self) -> bool {
        true
    }

    fn start(&self, backend: SocketAddr) -> Outcome<Running> {
        let command = self.command(backend)?;
        start_on_one_port(|port| on_port(command, port))
    }

    fn start_durable(&self, backend: SocketAddr, log: &Path) -> Outcome<Running> {
        let mut command = self.command(backend)?;
        command.env("LOG", log).env("LOG_SYNC", "always");
        start_on_one_port(|port| on_port(command, port))
    }
}

impl Ours {
    fn command(&self, backend: SocketAddr) -> Result<Command, String> {
        let mut command = Command::new(self.binary()?);
        command
            .env("LISTEN_ADDRESS", "127.0.0.1")
            .env("SHARDS", "1")
            .env("CALLBACK_URL", format!("http://{backend}/callback"))
            .env("HEARTBEAT_INTERVAL_SECONDS", HEARTBEAT_SECONDS.to_string())
            .env("LOG_LEVEL", "warn");
        Ok(command)
    }
}

fn on_port(mut command: Command, port: u16) -> Command {
    command.env("PORT", port.to_string());
    command
}
