//! Opens the port for the page and the backend's routes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// How many connections wait to be accepted.
const BACKLOG: u32 = 1024;

/// Whose a port is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// This process's alone.
    Own,
    /// Several processes listen on it, and the kernel deals connections out to them (`SO_REUSEPORT`).
    Shared,
}

/// Listens on an address; where there is no IPv6, `::` means every IPv4 address.
///
/// # Errors
/// With the address in the message, and what to do when somebody else has the port.
pub(crate) fn listen(address: SocketAddr, port: Port) -> io::Result<TcpListener> {
    let bound = match bind(address, port) {
        Err(error) if address.ip().is_unspecified() && no_ipv6(&error) => {
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into(), port)
        }
        bound => bound,
    };
    bound.map_err(|error| {
        let advice = if error.kind() == io::ErrorKind::AddrInUse {
            "; something else listens there already: end it, or choose another port"
        } else {
            ""
        };
        io::Error::new(error.kind(), format!("the backend cannot listen on {address}: {error}{advice}"))
    })
}

fn bind(address: SocketAddr, port: Port) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A port whose last owner has just ended is free.
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(port == Port::Shared)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn no_ipv6(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(AF_NOT_SUPPORTED)
}

/// `EAFNOSUPPORT` on Linux, which the standard library gives no name.
const AF_NOT_SUPPORTED: i32 = 97;
