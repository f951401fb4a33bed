//! Ports for processes that must be told theirs.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which kernels take the ports of outgoing connections.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// Finds a loopback port that nobody listens on at this moment.
///
/// Another process may take it before it is used; whoever starts a process on it tries again then.
///
/// # Panics
/// When no port is free.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run side by side begin at different places.
    let offset = std::process::id().wrapping_mul(977);
    for _ in 0..COUNT {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + ((offset.wrapping_add(step)) % u32::from(COUNT)) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}
