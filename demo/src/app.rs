//! The composition root: starts the parts, waits for a signal, and ends them in order.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sse_gateway::Gateway;
use sse_gateway_backend::Backend;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::chats::Chats;
use crate::listen::{Port, listen};
use crate::page::Page;
use crate::settings::Settings;
use crate::{Failure, routes};

/// How long requests that are under way may take once everything else has ended.
const REQUESTS_GRACE: Duration = Duration::from_secs(1);

/// Runs the demo until a signal; streams, tasks and requests have ended then.
///
/// # Errors
/// When a part does not start.
pub(crate) async fn run(settings: Settings, port: Port) -> Result<(), Failure> {
    // Before anything starts, so that no signal falls into the gap.
    let mut signals = Signals::listen()?;
    let page = Page { gateway: settings.public_gateway, testing: !settings.backend.callback.production };
    let mut chats = None;
    let backend = Backend::start_with(settings.backend, |connections| {
        vec![Arc::new(chats.insert(Chats::new(connections.clone())).clone())]
    })?;
    let chats = chats.ok_or("the chats were not asked for")?;
    let listener = listen(settings.listen, port)?;
    let gateway = match settings.gateway {
        Some(config) => Some(Gateway::start(config).await?),
        None => None,
    };

    let stop = CancellationToken::new();
    let serving = axum::serve(listener, routes::router(&backend, &chats, page))
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    let server = tokio::spawn(serving.into_future());
    print_addresses(settings.listen, gateway.as_ref().map(Gateway::address));

    signals.next().await;
    tokio::select! {
        () = shut_down(&backend, &chats, gateway, settings.shutdown) => {}
        // Whoever asks twice does not want to wait.
        () = signals.next() => return Ok(()),
    }
    stop.cancel();
    if timeout(REQUESTS_GRACE, server).await.is_err() {
        tracing::warn!("requests that were under way are cut off");
    }
    Ok(())
}

/// Ends the chats and the tasks while their streams still take events, then the streams, while the
/// backend still answers their disconnects.
async fn shut_down(backend: &Backend, chats: &Chats, gateway: Option<Gateway>, budget: Duration) {
    tracing::info!(seconds = budget.as_secs(), "shutting down: running tasks may end within the budget");
    chats.shut_down().await;
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
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
