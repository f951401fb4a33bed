//! Opens the port for the page and the backend's routes.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

/// Listens on an address; where there is no IPv6, `::` means every IPv4 address.
///
/// # Errors
/// With the address in the message, and what to do when somebody else has the port.
pub(crate) async fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let bound = match TcpListener::bind(address).await {
        Err(error) if address.ip().is_unspecified() && no_ipv6(&error) => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
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

fn no_ipv6(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(AF_NOT_SUPPORTED)
}

/// `EAFNOSUPPORT` on Linux, which the standard library gives no name.
const AF_NOT_SUPPORTED: i32 = 97;
