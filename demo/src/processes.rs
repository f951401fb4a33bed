//! Several backend processes on one port: this one starts them, passes signals on, and waits.
//!
//! They share nothing but the port and the gateway.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::app::Signals;

/// How much longer than its own budget a process gets before it is killed.
const KILL_GRACE: Duration = Duration::from_secs(2);

/// Runs so many backend processes until a signal, or until one of them ends by itself.
///
/// # Errors
/// When one does not start, or ends by itself.
pub(crate) fn run(count: u16, shutdown: Duration) -> Result<(), Failure> {
    // One thread, which lives as long as this process: the others end with it.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(supervise(count, shutdown))
}

/// Ends this process, as a signal would, when the one that started it has ended.
///
/// # Errors
/// When the system does not allow it.
pub(crate) fn end_with_parent() -> Result<(), Failure> {
    Ok(set_parent_process_death_signal(Some(Signal::TERM))?)
}

async fn supervise(count: u16, shutdown: Duration) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let mut started = (0..count).map(|_| start()).collect::<Result<Vec<_>, _>>()?;
    let mut opening = String::new();
    for process in &mut started {
        opening = first_line(process).await.ok_or("a backend process did not start")?;
    }
    // A closed standard output is no reason to stop.
    let _ = writeln!(std::io::stdout(), "{opening}\n{count} processes share the port; Ctrl-C ends them.");

    let stop = CancellationToken::new();
    let mut processes: JoinSet<_> =
        started.into_iter().map(|process| until_stopped(process, stop.clone(), shutdown)).collect();
    let ended_by_itself = tokio::select! {
        () = signals.next() => false,
        _ = processes.join_next() => true,
    };
    stop.cancel();
    tokio::select! {
        () = async { while processes.join_next().await.is_some() {} } => {}
        // Whoever asks twice does not want to wait.
        () = signals.next() => {}
    }
    if ended_by_itself { Err("a backend process ended by itself".into()) } else { Ok(()) }
}

/// Waits for a process, which is told to end when it is to stop.
async fn until_stopped(mut process: Child, stop: CancellationToken, shutdown: Duration) {
    if stop.run_until_cancelled(process.wait()).await.is_some() {
        return;
    }
    if let Some(pid) = process.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        // One that has ended meanwhile needs no signal.
        let _ = kill_process(pid, Signal::TERM);
    }
    if timeout(shutdown + KILL_GRACE, process.wait()).await.is_err() {
        eprintln!("sse-gateway-demo: a backend process did not end in time; it is killed");
    }
}

/// What is started here is killed when it is dropped.
fn start() -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args(["backend", "--share-port"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Waits until a process says that it listens.
async fn first_line(process: &mut Child) -> Option<String> {
    let mut lines = BufReader::new(process.stdout.take()?).lines();
    lines.next_line().await.ok().flatten()
}
