//! The composition root: starts the parts, waits for a signal, and ends them in order.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use sse_gateway::Gateway;
use sse_gateway_backend::Backend;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::listen::listen;
use crate::page::Page;
use crate::settings::Settings;
use crate::{Failure, routes};

/// How long requests that are under way may take once everything else has ended.
const REQUESTS_GRACE: Duration = Duration::from_secs(1);

/// Runs the demo until a signal; streams, tasks and requests have ended then.
///
/// # Errors
/// When a part does not start.
pub(crate) async fn run(settings: Settings) -> Result<(), Failure> {
    // Before anything starts, so that no signal falls into the gap.
    let mut signals = Signals::listen()?;
    let page = Page { gateway: settings.public_gateway, testing: !settings.backend.callback.production };
    let backend = Backend::start(settings.backend)?;
    let listener = listen(settings.listen).await?;
    let gateway = match settings.gateway {
        Some(config) => Some(Gateway::start(config).await?),
        None => None,
    };

    let stop = CancellationToken::new();
    let serving = axum::serve(listener, routes::router(&backend, page))
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    let server = tokio::spawn(serving.into_future());
    print_addresses(settings.listen, gateway.as_ref().map(Gateway::address));

    signals.next().await;
    tokio::select! {
        () = shut_down(&backend, gateway, settings.shutdown) => {}
        // Whoever asks twice does not want to wait.
        () = signals.next() => return Ok(()),
    }
    stop.cancel();
    if timeout(REQUESTS_GRACE, server).await.is_err() {
        tracing::warn!("requests that were under way are cut off");
    }
    Ok(())
}

/// Ends the tasks while their streams still take events, then the streams, while the backend still
/// answers their disconnects.
async fn shut_down(backend: &Backend, gateway: Option<Gateway>, budget: Duration) {
    tracing::info!(seconds = budget.as_secs(), "shutting down: running tasks may end within the budget");
    let report = backend.shutdown(budget).await;
    if let Some(gateway) = gateway {
        gateway.shut_down().await;
    }
    tracing::info!(tasks_cancelled = report.tasks_cancelled, delivered = report.delivered, "shut down");
}

/// Says what to open. A closed standard output is no reason to stop.
fn print_addresses(backend: SocketAddr, gateway: Option<SocketAddr>) {
    let mut text = format!("SSE Gateway demo: open {}\n", shown(backend));
    if let Some(gateway) = gateway {
        text += &format!("Streams come from the gateway at {}; Ctrl-C ends both.\n", shown(gateway));
    }
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn shown(address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

/// SIGTERM from whoever supervises, SIGINT from Ctrl-C.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
