//! The server's side of one socket.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::sleep;

use super::answer::Reply;
use super::{Answer, Callback, State};
use crate::wire::Wire;

/// What follows an answer.
enum Next {
    Request,
    Close,
    Reset,
}

/// Serves the callbacks of one connection, one after the other.
pub(super) async fn serve(stream: TcpStream, state: Arc<State>) {
    let connection = state.change(|inner| {
        inner.connections += 1;
        inner.connections_open += 1;
        inner.connections - 1
    });
    let _open = Open(&state);
    let mut close_idle = state.close_idle.subscribe();
    let mut wire = Wire::new(stream);
    for request in 0.. {
        if wire.unread.is_empty() {
            tokio::select! {
                read = wire.fill() => if !matches!(read, Ok(1..)) { return },
                _ = close_idle.changed() => return,
            }
        }
        // An error is the gateway's going; tests see what it means on the gateway's side.
        match exchange(&mut wire, connection, request > 0, &state).await {
            Ok(Next::Request) => {}
            Ok(Next::Reset) => return wire.reset(),
            Ok(Next::Close) | Err(_) => return,
        }
    }
}

async fn exchange(wire: &mut Wire, connection: usize, reused: bool, state: &State) -> io::Result<Next> {
    let Some(head) = wire.read_head().await? else { return Ok(Next::Close) };
    let length = head.content_length().unwrap_or(0);
    let reset_after =
        state.change(|inner| inner.reset_reused_after.take_if(|bytes| reused && length > *bytes));
    if let Some(bytes) = reset_after {
        wire.read_exact(bytes).await?;
        return Ok(Next::Reset);
    }
    let raw = wire.read_exact(length).await?.freeze();
    let callback = Arc::new(Callback::read(head, raw, connection));
    let answer = state.change(|inner| {
        inner.received.push(Arc::clone(&callback));
        inner.taken.push(false);
        inner.in_flight += 1;
        inner.in_flight_max = inner.in_flight_max.max(inner.in_flight);
        inner.rules.answer(&callback)
    });
    carry_out(wire, answer, InFlight(state)).await
}

/// Ends early when the gateway goes while the answer is held back.
async fn carry_out(wire: &mut Wire, answer: Answer, in_flight: InFlight<'_>) -> io::Result<Next> {
    if let Some(gate) = &answer.gate {
        tokio::select! {
            () = gate.pass() => {}
            read = wire.fill() => if read? == 0 { return Ok(Next::Close) },
        }
    }
    match answer.reply {
        Reply::Whole { status, headers, body, then_close } => {
            let mut head = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\n", body.len());
            for (name, value) in headers {
                // Writing to a string cannot fail.
                let _ = write!(head, "{name}: {value}\r\n");
            }
            head.push_str("\r\n");
            // Before the gateway can know, so that its next callback is not counted beside this one.
            drop(in_flight);
            wire.write(&[head.as_bytes(), &body].concat()).await?;
            Ok(if then_close { Next::Close } else { Next::Request })
        }
        Reply::Trickle { at_once, slowly, interval, then_close } => {
            wire.write(&at_once).await?;
            for byte in slowly {
                sleep(interval).await;
                wire.write(&[byte]).await?;
            }
            if then_close { Ok(Next::Close) } else { until_gone(wire).await }
        }
        Reply::Close => Ok(Next::Close),
        Reply::Reset => Ok(Next::Reset),
        Reply::Never => until_gone(wire).await,
    }
}

async fn until_gone(wire: &mut Wire) -> io::Result<Next> {
    while wire.fill().await? > 0 {}
    Ok(Next::Close)
}

struct Open<'a>(&'a State);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.change(|inner| inner.connections_open -= 1);
    }
}

struct InFlight<'a>(&'a State);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.change(|inner| inner.in_flight -= 1);
    }
}
