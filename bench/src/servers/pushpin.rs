//! Pushpin, from Debian's package.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use super::{Dialect, Running, Server, package_version, start, version_of};
use crate::Outcome;
use crate::machine::{self, free_port};

const CONFIGURATION: &str = include_str!("../../peers/pushpin.conf");
const ROUTES: &str = include_str!("../../peers/routes");

/// How long its parts need to find each other.
const SETTLING: Duration = Duration::from_secs(1);

pub(super) struct Pushpin;

impl Server for Pushpin {
    fn name(&self) -> &'static str {
        "pushpin"
    }

    fn version(&self) -> Result<String, String> {
        let version = version_of("pushpin", "--version")?;
        Ok(package_version("pushpin").unwrap_or(version))
    }

    fn configuration(&self) -> &'static str {
        "`bench/peers/pushpin.conf`: the package's own, without its limit of 2,500 messages a second; asks the \
         backend on every connect"
    }

    fn dialect(&self) -> Dialect {
        Dialect::Pushpin
    }

    fn asks_backend(&self) -> bool {
        true
    }

    fn start(&self, backend: SocketAddr) -> Outcome<Running> {
        let (streams, sends) = (free_port()?, free_port()?);
        let folder = tempfile::tempdir()?;
        let mut configuration = CONFIGURATION
            .replace("@FOLDER@", &folder.path().display().to_string())
            .replace("@STREAMS_PORT@", &streams.to_string())
            .replace("@SENDS_PORT@", &sends.to_string());
        for place in ["@PULL_PORT@", "@SUB_PORT@", "@COMMAND_PORT@"] {
            configuration = configuration.replace(place, &free_port()?.to_string());
        }
        let file = folder.path().join("pushpin.conf");
        fs::write(&file, configuration)?;
        fs::write(folder.path().join("routes"), ROUTES.replace("@BACKEND@", &backend.to_string()))?;
        let mut command = Command::new("pushpin");
        command.arg(format!("--config={}", file.display()));
        let running = start(command, folder, streams, sends)?;
        // Its parts find each other after its ports are open, and tell nobody when.
        machine::pause(SETTLING);
        Ok(running)
    }
}
