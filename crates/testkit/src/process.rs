//! A process under test.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::deadline::within;

/// What a process may log before the rest is left out, so that a log storm cannot fill the memory.
const LOG_BYTES_MAX: usize = 16 << 20;

/// A running binary whose output is kept; killed when dropped.
pub struct Process {
    child: Child,
    pid: Pid,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
}

/// How a process ended.
#[derive(Debug)]
pub struct Exit {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// All it wrote to standard output and standard error.
    pub output: String,
}

struct Output {
    bytes: Mutex<Vec<u8>>,
    changed: watch::Sender<()>,
}

impl Process {
    /// Starts a binary with these arguments and nothing in its environment but these variables.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start<A, N, V>(
        path: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: impl IntoIterator<Item = (N, V)>,
    ) -> Self
    where
        A: AsRef<OsStr>,
        N: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let mut child = Command::new(path)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", path.display()));
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("a new child has an id");
        let output = Arc::new(Output { bytes: Mutex::default(), changed: watch::Sender::new(()) });
        let stdout = child.stdout.take().expect("was piped");
        let stderr = child.stderr.take().expect("was piped");
        let readers = vec![
            tokio::spawn(Arc::clone(&output).keep(stdout)),
            tokio::spawn(Arc::clone(&output).keep(stderr)),
        ];
        Self { child, pid, output, readers }
    }

    /// Gives the process's id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Gives what the process has written so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// Waits until the process has written this text.
    ///
    /// # Panics
    /// When it does not come within the deadline.
    pub async fn wait_output(&self, text: &str) {
        let mut changed = self.output.changed.subscribe();
        within(&format!("{text:?} in the output"), async {
            while !self.output().contains(text) {
                changed.changed().await.expect("the sender lives as long as the process");
            }
        })
        .await;
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        // A process that has ended already is as signalled as can be.
        let _ = kill_process(self.pid, signal);
    }

    /// Tells whether the process has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_some()
    }

    /// Waits for the end and gives the rest of the output with it.
    ///
    /// # Panics
    /// When the process does not end within the deadline.
    pub async fn wait_exit(&mut self) -> Exit {
        let status: ExitStatus =
            within("the end of the process", self.child.wait()).await.expect("a child can be waited for");
        for reader in self.readers.drain(..) {
            within("the end of the output", reader).await.expect("reading does not panic");
        }
        Exit { code: status.code(), output: self.output() }
    }

    /// Gives the memory of the process in bytes: its proportional set size, kernel memory left out.
    ///
    /// # Panics
    /// When the process has ended, or on a system without `/proc`.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        1024 * self.proc_figure("smaps_rollup", "Pss:")
    }

    /// Counts the threads of the process.
    ///
    /// # Panics
    /// As [`memory_bytes`](Self::memory_bytes).
    #[must_use]
    pub fn threads(&self) -> u64 {
        self.proc_figure("status", "Threads:")
    }

    fn proc_figure(&self, file: &str, label: &str) -> u64 {
        let text =
            std::fs::read_to_string(format!("/proc/{}/{file}", self.pid())).expect("the process lives");
        let line = text.lines().find_map(|line| line.strip_prefix(label)).expect("the kernel tells it");
        line.split_whitespace().next().and_then(|figure| figure.parse().ok()).expect("a figure")
    }
}

impl Output {
    async fn keep(self: Arc<Self>, mut from: impl AsyncRead + Unpin) {
        let mut buffer = [0; 8192];
        // A read error is an end as good as any: the pipe's other side is gone.
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            let room = LOG_BYTES_MAX.saturating_sub(bytes.len());
            bytes.extend_from_slice(&buffer[..read.min(room)]);
            drop(bytes);
            self.changed.send_replace(());
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}
