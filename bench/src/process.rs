//! A server under test: a process with its children, on a core of its own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Outcome;
use crate::machine::{self, Core, number_after, run_on};

const START_TIMEOUT: Duration = Duration::from_secs(15);
/// The kernel counts CPU time in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// A server and its children; dropped, they end.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

/// What a process and its children have used or hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// CPU time in user space.
    pub(crate) user: Duration,
    /// CPU time in the kernel.
    pub(crate) system: Duration,
    /// Memory in user space, shared pages in proportion.
    pub(crate) pss_bytes: u64,
    /// Open descriptors.
    pub(crate) descriptors: u64,
}

impl Process {
    /// Starts a server on its core; what it says goes to a file of the folder.
    pub(crate) fn start(mut command: Command, folder: &Path) -> Outcome<Self> {
        let log = folder.join("server.log");
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        // A child inherits the core of the thread that starts it.
        run_on(Core::Server);
        let child = command.spawn();
        run_on(Core::Client);
        let child = child.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Self { child, log })
    }

    /// Waits until the server takes connections.
    pub(crate) fn wait_for(&mut self, address: SocketAddr) -> Outcome<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(address).is_err() {
            if self.child.try_wait()?.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                return Err(format!("nothing listens on {address}; the server said:\n{said}").into());
            }
            machine::pause(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Reads what the server and its children use.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let mut sum = self.cpu()?;
        for pid in family(self.child.id())? {
            let memory = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            sum.pss_bytes += number_after(&memory, "Pss:").unwrap_or(0) * 1024;
            sum.descriptors += fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |fds| fds.count() as u64);
        }
        Ok(sum)
    }

    /// Reads the CPU time only, which costs the server nothing.
    pub(crate) fn cpu(&self) -> io::Result<Usage> {
        let mut sum = Usage::default();
        for pid in family(self.child.id())? {
            if let Some([user, system]) = cpu_ticks(pid) {
                sum.user += TICK * user;
                sum.system += TICK * system;
            }
        }
        Ok(sum)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // How a server ends is not measured. It was not waited for, so its number is still its own.
        for pid in family(self.child.id()).unwrap_or_default() {
            if let Some(pid) = Pid::from_raw(pid as i32) {
                // One that has ended meanwhile is what is wanted.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

/// A process and all that descend from it.
fn family(root: u32) -> io::Result<Vec<u32>> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if let Some(parent) = stat(pid).and_then(|fields| fields.get(1)?.parse::<u32>().ok()) {
            parents.insert(pid, parent);
        }
    }
    let descends = |mut pid: u32| {
        while pid != root {
            match parents.get(&pid) {
                Some(parent) => pid = *parent,
                None => return false,
            }
        }
        true
    };
    Ok(parents.keys().copied().filter(|pid| descends(*pid)).collect())
}

fn cpu_ticks(pid: u32) -> Option<[u32; 2]> {
    let fields = stat(pid)?;
    Some([fields.get(11)?.parse().ok()?, fields.get(12)?.parse().ok()?])
}

/// The fields of `/proc/<pid>/stat` after the name, which may contain anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}
