//! What is read from the machine, and where processes run on it.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Below the range from which kernels take the ports of outgoing connections.
const PORTS: std::ops::Range<u16> = 10_000..30_000;

/// Whose turn it is to have a core of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Core {
    /// Every thread of the server under test.
    Server,
    /// The load and the backend.
    Client,
}

/// Puts the calling thread, and what it starts from here on, on a core; does nothing on a machine with one.
pub(crate) fn run_on(core: Core) {
    let index = core as usize;
    if cores() > index {
        let mut set = CpuSet::new();
        set.set(index);
        // A container may forbid it; the table then shows what the machine made of it.
        let _ = sched_setaffinity(None, &set);
    }
}

/// How many cores this process may use.
pub(crate) fn cores() -> usize {
    use std::sync::OnceLock;
    // Read before anything is pinned.
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| sched_getaffinity(None).map_or(1, |set| set.count() as usize))
}

/// Lets this process, and what it starts, hold as many sockets as the system allows; gives that number.
pub(crate) fn raise_file_limit() -> u64 {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Without the permission the soft limit stays what it was, and is what is given back.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// A loopback port that nobody listens on at this moment, below those of outgoing connections.
pub(crate) fn free_port() -> io::Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two benchmarks side by side begin at different places.
    let offset = std::process::id().wrapping_mul(977);
    for _ in 0..PORTS.len() {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = PORTS.start + (offset.wrapping_add(step.into()) % PORTS.len() as u32) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::ErrorKind::AddrNotAvailable.into())
}

/// CPU time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), spent.tv_nsec as u32)
}

/// Waits between two looks at something that sends no event.
pub(crate) fn pause(duration: Duration) {
    // It fails only when a signal comes, and then the next look comes early.
    let _ = rustix::event::poll(&mut [], Some(&timespec(duration)));
}

/// A duration as the kernel takes it.
pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: duration.subsec_nanos().into() }
}

/// Memory of the kernel's objects (sockets, their files, epoll's entries), machine-wide.
pub(crate) fn kernel_bytes() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    Ok(number_after(&text, "Slab:").unwrap_or(0) * 1024)
}

/// Memory of what sockets have queued, machine-wide.
pub(crate) fn queued_bytes() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/net/sockstat")?;
    let tcp = text.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    Ok(number_after(tcp, " mem ").unwrap_or(0) * rustix::param::page_size() as u64)
}

/// The processor's name and the kernel's version.
pub(crate) fn description() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{}, {} cores, Linux {}", name.map_or("unknown", |(_, name)| name), cores(), kernel.trim())
}

/// The number that follows a name in one of the kernel's tables.
pub(crate) fn number_after(text: &str, name: &str) -> Option<u64> {
    text.split_once(name)?.1.split_whitespace().next()?.parse().ok()
}
