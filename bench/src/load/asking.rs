//! A single question to a server, for which the load may wait.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::decoder::{Decoder, Found};
use crate::Outcome;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends a request with a body of JSON; gives the last line of a 2xx answer.
pub(crate) fn ask(server: SocketAddr, method_and_path: &str, body: &str) -> Outcome<String> {
    let mut socket = TcpStream::connect(server)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    let head = format!(
        "{method_and_path} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    let (mut status, mut last) = (0, String::new());
    let fed = Decoder::default().feed(&answer, |found| match found {
        Found::Head(is) => status = is,
        Found::Line(line) => last = String::from_utf8_lossy(line).into_owned(),
        Found::End { .. } => {}
    });
    if fed.is_err() || !(200..300).contains(&status) {
        return Err(format!("{method_and_path}: {status} {last}").into());
    }
    Ok(last)
}
