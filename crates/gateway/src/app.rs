//! The composition root: the one place that knows all parts.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use sse_gateway_engine::log::LogLimits;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::callbacks::{Target, TargetError};
use crate::clock::Clock;
use crate::config::{Config, InternalAccess};
use crate::listener::{self, Accepted, BindError, Door};
use crate::log::{self, Keeping, Ledger, OpenError};
use crate::routes::Port;
use crate::shard::{COMMANDS_WAITING_MAX, Command};
use crate::shared::{self, ShardHandle, Shared};
use crate::telemetry::Metrics;
use crate::worker;

/// How many accepted connections may wait for a thread.
const CONNECTIONS_WAITING_MAX: usize = 256;

/// A running gateway. Dropped without [`shut_down`](Gateway::shut_down), its threads end at once and
/// its streams with them.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) shared: Arc<Shared>,
    address: SocketAddr,
    internal_address: Option<SocketAddr>,
    /// The log's disk, if it has one.
    pub(crate) keeping: Option<Keeping>,
}

/// The gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The backend's URL cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The log cannot be opened.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The system refused a thread or a socket.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

impl Gateway {
    /// Starts listening, on threads of its own; must be called within a tokio runtime.
    ///
    /// # Errors
    /// That an address cannot be listened on, or certificates cannot be read.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let listen = |address, setting| listener::bind(address, setting, config.streams.write_timeout);
        let public = listen(config.listen, "PORT")?;
        let internal =
            config.internal.listen.map(|address| listen(address, "INTERNAL_LISTEN")).transpose()?;
        let target = Target::new(&config.callback)?;
        let address = public.local_addr()?;
        let internal_address = internal.as_ref().map(TcpListener::local_addr).transpose()?;
        warn_of_open_doors(&config);

        let port = if internal.is_some() { Port::Public } else { Port::Shared };
        let internal = internal.map(|listener| Door { listener, port: Port::Internal });
        let mut doors: Vec<Door> = [Door { listener: public, port }].into_iter().chain(internal).collect();
        let (shared, queues, keeping) = share(config)?;
        for (index, (inbox, connections)) in queues.into_iter().enumerate() {
            let (shared, target) = (Arc::clone(&shared), target.clone());
            // The first one accepts for all.
            let doors = std::mem::take(&mut doors);
            std::thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
                supervise(|| worker::run(index, shared, target, inbox, connections, doors));
            })?;
        }
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let closing = shared.closing.clone();
                let keep_bounds = async { tokio::join!(shared::shed(&shared), log::age(&shared.log)) };
                closing.run_until_cancelled(keep_bounds).await;
            }
        });
        log_start(&shared.config, address, internal_address);
        Ok(Self { shared, address, internal_address, keeping })
    }

    /// Gives the address of the public listener.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives the address of the internal listener, if it is one of its own.
    #[must_use]
    pub fn internal_address(&self) -> Option<SocketAddr> {
        self.internal_address
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.shared.draining.cancel();
        self.shared.closing.cancel();
        self.shared.stopped.cancel();
    }
}

/// A thread that ends by itself leaves its streams, or the log, without an owner: the process must not
/// go on.
pub(crate) fn supervise(thread: impl FnOnce() -> io::Result<()>) {
    // What a panic has left half done is not looked at again.
    let error = match catch_unwind(AssertUnwindSafe(thread)) {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it panicked".to_owned(),
    };
    tracing::error!(error, "a thread failed; the gateway cannot go on");
    std::process::abort();
}

/// What comes to a worker from other threads.
type Queues = (mpsc::Receiver<Command>, mpsc::Receiver<Accepted>);

/// What the threads share, what each of them receives, and who keeps the log on the disk.
type Parts = (Arc<Shared>, Vec<Queues>, Option<Keeping>);

fn share(config: Config) -> Result<Parts, OpenError> {
    let (handles, queues): (Vec<_>, Vec<_>) = (0..config.shards.get())
        .map(|_| {
            let (inbox, commands) = mpsc::channel(COMMANDS_WAITING_MAX);
            let (connections, accepted) = mpsc::channel(CONNECTIONS_WAITING_MAX);
            (ShardHandle { inbox, connections, outbox_bytes: AtomicUsize::new(0) }, (commands, accepted))
        })
        .unzip();
    let clock = Clock::start();
    let inboxes = handles.iter().map(|shard| shard.inbox.clone()).collect();
    let stopped = CancellationToken::new();
    let limits = log_limits(&config);
    let (log, keeping) = match &config.topics.disk {
        None => (Arc::new(Ledger::in_memory(limits, inboxes, clock)), None),
        Some(disk) => {
            let (log, keeping) = log::open(disk, limits, inboxes, clock, &stopped)?;
            (log, Some(keeping))
        }
    };
    let shared = Shared {
        places: Semaphore::new(config.streams.max.min(Semaphore::MAX_PERMITS)),
        callbacks: Arc::new(Semaphore::new(config.callback.concurrent_max.min(Semaphore::MAX_PERMITS))),
        draining: CancellationToken::new(),
        closing: CancellationToken::new(),
        stopped,
        callbacks_running: TaskTracker::new(),
        connections: TaskTracker::new(),
        overfull: Notify::new(),
        log,
        clock,
        shards: handles.into(),
        metrics: Metrics::new(),
        config,
    };
    Ok((Arc::new(shared), queues, keeping))
}

fn log_limits(config: &Config) -> LogLimits {
    let topics = &config.topics;
    LogLimits {
        topic_events_max: topics.events_max,
        topic_bytes_max: topics.bytes_max,
        topic_age_max: topics.age_max,
        log_bytes_max: topics.log_bytes_max,
        topics_max: topics.max,
        publish_bytes_max: config.streams.outbox_bytes_max,
    }
}

fn warn_of_open_doors(config: &Config) {
    let open = matches!(config.internal.access, InternalAccess::Networks(_));
    if open && config.internal.listen.is_none() {
        warn!(
            "/internal/* is open to INTERNAL_ALLOW on the public port; a proxy on this host could pass \
             strangers through: set INTERNAL_SECRET or INTERNAL_LISTEN"
        );
    }
}

fn log_start(config: &Config, address: SocketAddr, internal: Option<SocketAddr>) {
    let callback_url = config.callback.url.as_ref().map(ToString::to_string);
    if callback_url.is_none() {
        warn!("CALLBACK_URL is not set: every connect is refused with 503");
    }
    let internal = internal.map(|address| address.to_string());
    info!(%address, internal, callback_url, shards = config.shards, "listening");
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{self, Stdio};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_gateway_that_is_dropped_leaves_no_thread() {
        let port = sse_gateway_testkit::free_port().to_string();
        let settings = [("PORT", port.as_str()), ("SHARDS", "3")];
        let gateway = Gateway::start(Config::from_pairs(settings).expect("valid")).await.expect("it starts");
        tokio::time::timeout(DEADLINE, threads_become(3)).await.expect("three threads begin");
        drop(gateway);
        tokio::time::timeout(DEADLINE, threads_become(0)).await.expect("they end");
    }

    const DEADLINE: Duration = Duration::from_secs(20);

    async fn threads_become(wanted: usize) {
        let is_shard = |entry: std::io::Result<std::fs::DirEntry>| {
            let name = entry.and_then(|entry| std::fs::read_to_string(entry.path().join("comm")));
            // A thread may end while its name is read.
            name.is_ok_and(|name| name.starts_with("shard-"))
        };
        let count = || {
            let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
            threads.map(is_shard).filter(|is_shard| *is_shard).count()
        };
        while count() != wanted {
            // Nothing tells when a thread begins or ends.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Runs itself once more, as the process that must end.
    #[test]
    fn a_shard_that_panics_ends_the_process() {
        const INSIDE: &str = "SSE_GATEWAY_TEST_PANICS";
        if std::env::var_os(INSIDE).is_some() {
            let shard = std::thread::spawn(|| supervise(|| panic!("a broken rule")));
            assert!(shard.join().is_ok(), "the process has outlived its shard");
        }
        let itself = std::env::current_exe().expect("a running test knows its path");
        let status = process::Command::new(itself)
            .args(["--exact", "app::tests::a_shard_that_panics_ends_the_process"])
            .env(INSIDE, "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("the test starts again");
        assert_eq!(status.signal(), Some(rustix::process::Signal::ABORT.as_raw()), "{status}");
    }
}
