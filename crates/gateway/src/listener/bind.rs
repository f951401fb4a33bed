//! The listening socket and what its connections inherit.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// Connections that wait to be accepted; the kernel caps it by `net.core.somaxconn`.
const BACKLOG: i32 = 4096;
/// What the kernel keeps for a reader that does not read; by default it is up to 4 MB.
const SEND_BUFFER_BYTES: usize = 16 << 10;
/// How much unsent data makes a socket writable again: small, so that writes follow the reader.
const NOT_SENT_LOWAT_BYTES: u32 = 16 << 10;
/// How long sent data may stay unacknowledged before the kernel gives the peer up, at least.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
/// The kernel gives up a peer that takes nothing, too; the limit for that is ours and comes first.
const USER_TIMEOUT_MARGIN: Duration = Duration::from_secs(5);
/// The kernel keeps it in milliseconds, in 31 bits.
const USER_TIMEOUT_MAX: Duration = Duration::from_hours(24 * 24);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(20);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;

/// A listener could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({setting}): {source}")]
pub struct BindError {
    /// What was asked for.
    pub address: SocketAddr,
    /// The setting that asked for it.
    pub setting: &'static str,
    /// What the system said.
    pub source: io::Error,
}

/// Opens a listener; the unspecified IPv6 address takes IPv4 too, and gives way to it where there
/// is no IPv6. A peer that does not acknowledge is given up after `write_timeout` at the earliest.
pub(crate) fn bind(
    address: SocketAddr,
    setting: &'static str,
    write_timeout: Duration,
) -> Result<std::net::TcpListener, BindError> {
    let failed = |source| BindError { address, setting, source };
    let user_timeout = (write_timeout + USER_TIMEOUT_MARGIN).clamp(USER_TIMEOUT, USER_TIMEOUT_MAX);
    match open(address, user_timeout) {
        Err(error) if address.ip().is_unspecified() && address.is_ipv6() && is_unsupported(&error) => {
            let ipv4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            open(ipv4, user_timeout).map_err(failed)
        }
        opened => opened.map_err(failed),
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(errno, Some(rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::ADDRNOTAVAIL))
}

fn open(address: SocketAddr, user_timeout: Duration) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the connections of the life before it.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    prepare(&socket, user_timeout)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets on the listener what accepted sockets inherit, so that no connection costs a call for it.
fn prepare(socket: &Socket, user_timeout: Duration) -> io::Result<()> {
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.set_tcp_user_timeout(Some(user_timeout))?;
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    SockRef::from(socket).set_tcp_notsent_lowat(NOT_SENT_LOWAT_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_gives_a_slow_reader_up_after_the_gateway_does() {
        for seconds in [1, 30, 60, 600] {
            let write_timeout = Duration::from_secs(seconds);
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let listener = bind(address, "PORT", write_timeout).expect("a free port");
            let user_timeout = SockRef::from(&listener).tcp_user_timeout().expect("readable");
            assert!(user_timeout.is_some_and(|it| it > write_timeout), "{user_timeout:?}");
        }
    }

    #[test]
    fn the_longest_write_timeout_can_be_set() {
        let year = Duration::from_hours(365 * 24);
        assert!(bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "PORT", year).is_ok());
    }
}
