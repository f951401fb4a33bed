//! The servers under test: how each is started, and how each is spoken to.
//!
//! A stream's path is `/s/<number>`, or `/s/<name>` for one that listens to a topic; the gateway learns
//! from the backend what that means. The others have one topic, `all`. A server is configured as its own documentation advises; `configuration` says how.

mod axum;
pub(crate) mod dialect;
mod floor;
mod nchan;
mod ours;
mod pushpin;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::Outcome;
use crate::machine::free_port;
use crate::process::Process;

pub(crate) use dialect::Dialect;

/// How often every server writes a heartbeat to every stream.
pub(crate) const HEARTBEAT_SECONDS: u64 = 5;

/// A server that can be measured.
pub(crate) trait Server {
    /// Its name in tables and on the command line.
    fn name(&self) -> &'static str;

    /// Its version, or why it cannot be measured here.
    fn version(&self) -> Result<String, String>;

    /// What a reader of the figures must know of how it is set up.
    fn configuration(&self) -> &'static str;

    fn dialect(&self) -> Dialect;

    /// Whether it asks a backend who may connect.
    fn asks_backend(&self) -> bool;

    /// Starts it; it asks the backend at this address.
    fn start(&self, backend: SocketAddr) -> Outcome<Running>;

    /// Starts it with its log in a folder, where it can have one.
    fn start_durable(&self, _backend: SocketAddr, _log: &Path) -> Outcome<Running> {
        Err(format!("{} keeps nothing on the disk", self.name()).into())
    }
}

/// A server that takes connections; dropped, it ends.
pub(crate) struct Running {
    pub(crate) process: Process,
    /// Where clients connect.
    pub(crate) streams: SocketAddr,
    /// Where events are sent.
    pub(crate) sends: SocketAddr,
    /// Its files, which go after it.
    _folder: TempDir,
}

/// All servers, ours first and the floor second.
pub(crate) fn all(gateway: Option<PathBuf>, faulty_floor: Option<u64>) -> Vec<Box<dyn Server>> {
    vec![
        Box::new(ours::Ours { binary: gateway }),
        Box::new(floor::Floor { drop_every: faulty_floor }),
        Box::new(axum::Axum),
        Box::new(nchan::Nchan),
        Box::new(pushpin::Pushpin),
    ]
}

/// Starts a server that takes streams and sends on one port.
fn start_on_one_port(command: impl FnOnce(u16) -> Command) -> Outcome<Running> {
    let port = free_port()?;
    let folder = tempfile::tempdir()?;
    start(command(port), folder, port, port)
}

fn start(command: Command, folder: TempDir, streams: u16, sends: u16) -> Outcome<Running> {
    let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let (streams, sends) = (address(streams), address(sends));
    let mut process = Process::start(command, folder.path())?;
    process.wait_for(streams)?;
    process.wait_for(sends)?;
    Ok(Running { process, streams, sends, _folder: folder })
}

/// What a program says of its version, without the words before it.
fn version_of(program: &str, argument: &str) -> Result<String, String> {
    let output =
        Command::new(program).arg(argument).output().map_err(|error| format!("{program}: {error}"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let word =
        said.split([' ', '/', '\n']).find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    word.map(str::to_owned).ok_or_else(|| format!("{program} {argument} names no version"))
}

/// The version of a Debian package, where dpkg knows it.
fn package_version(package: &str) -> Option<String> {
    let output =
        Command::new("dpkg-query").args(["--show", "--showformat=${Version}", package]).output().ok()?;
    let version = String::from_utf8(output.stdout).ok()?;
    Some(version.trim().to_owned()).filter(|version| output.status.success() && !version.is_empty())
}
