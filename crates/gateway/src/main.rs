//! The binary: reads settings, starts, waits for a signal, drains.

mod cli;

use std::process::ExitCode;

use sse_gateway::{Config, Gateway};
use tokio::signal::unix::{SignalKind, signal};

use cli::Request;

/// glibc keeps what a burst of connects has freed between the small allocations of their streams;
/// jemalloc gives whole pages back (docs/decisions/0006-memory.md has the figures).
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match cli::read(std::env::args_os()) {
        Request::Run(config) => run(*config),
        Request::Print { text, code } => {
            cli::print(&text, code);
            ExitCode::from(code)
        }
    }
}

fn run(config: Config) -> ExitCode {
    sse_gateway::telemetry::init_logs(&config.log);
    raise_file_limit(config.streams.max);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "cannot start");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        match serve(config).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!("{error}");
                ExitCode::FAILURE
            }
        }
    })
}

async fn serve(config: Config) -> Result<(), sse_gateway::StartError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let gateway = Gateway::start(config).await?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::select! {
        _ = gateway.shut_down() => {}
        _ = terminate.recv() => tracing::warn!("second signal: stopping at once"),
        _ = interrupt.recv() => tracing::warn!("second signal: stopping at once"),
    }
    Ok(())
}

/// Each stream needs a descriptor; many systems start processes with 1,024.
fn raise_file_limit(streams_max: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Without the permission the soft limit stays what it was; the check below says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let current = getrlimit(Resource::Nofile).current;
    if let Some(files) = current.filter(|files| *files < streams_max as u64) {
        tracing::info!(files, streams_max, "the open-file limit is lower than STREAMS_MAX");
    }
}
