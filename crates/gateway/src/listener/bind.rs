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
/// How long sent data may stay unacknowledged before the kernel gives the peer up.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
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
/// is no IPv6.
pub(crate) fn bind(address: SocketAddr, setting: &'static str) -> Result<std::net::TcpListener, BindError> {
    let failed = |source| BindError { address, setting, source };
    match open(address) {
        Err(error) if address.ip().is_unspecified() && address.is_ipv6() && is_unsupported(&error) => {
            open(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port())).map_err(failed)
        }
        opened => opened.map_err(failed),
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(errno, Some(rustix::io::Errno::AFNOSUPPORT | rustix::io::Errno::ADDRNOTAVAIL))
}

fn open(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the connections of the life before it.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    prepare(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Sets on the listener what accepted sockets inherit, so that no connection costs a call for it.
fn prepare(socket: &Socket) -> io::Result<()> {
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    SockRef::from(socket).set_tcp_notsent_lowat(NOT_SENT_LOWAT_BYTES)
}
