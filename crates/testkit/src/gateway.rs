//! The real gateway as a process.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::{Deref, DerefMut};

use crate::deadline::eventually;
use crate::process::{Exit, Process};
use crate::{Endpoint, Sender, Signal, binary, free_port};

/// How often another port is tried when somebody else took the chosen one meanwhile.
const PORTS_TRIED_MAX: usize = 5;

/// A running `sse-gateway`, ready to serve; killed when dropped.
///
/// Dereferences to its [`Process`].
pub struct Gateway {
    process: Process,
    settings: Vec<(String, String)>,
    address: SocketAddr,
    internal: SocketAddr,
}

impl Gateway {
    /// Starts the binary on a free loopback port with these settings, and waits until `/healthz` answers.
    ///
    /// The settings are environment variables; nothing else of the test's environment is passed on.
    /// `PORT` is chosen here; a setting `INTERNAL_LISTEN` of port 0 gets a free one, too.
    ///
    /// # Panics
    /// When it does not become healthy within the deadline, with its output.
    pub async fn start<N: AsRef<str>, V: AsRef<str>>(settings: impl IntoIterator<Item = (N, V)>) -> Self {
        let settings: Vec<(String, String)> = settings
            .into_iter()
            .map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned()))
            .collect();
        for _ in 0..PORTS_TRIED_MAX {
            if let Some(gateway) = Self::try_start(free_port(), settings.clone()).await {
                return gateway;
            }
        }
        panic!("{PORTS_TRIED_MAX} ports were taken by others one after the other");
    }

    /// Kills the process as with kill -9 and starts another one on the same port with the same settings.
    ///
    /// # Panics
    /// When the port cannot be had again.
    pub async fn kill_and_start_again(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.wait_exit().await;
        self.start_again().await;
    }

    /// Stops the process as [`stop`](Self::stop) does and starts another one on the same port with the same
    /// settings.
    ///
    /// # Panics
    /// When the exit code is not 0, or the port cannot be had again.
    pub async fn stop_and_start_again(&mut self) {
        self.stop().await;
        self.start_again().await;
    }

    /// Starts another process on the same port with the same settings; the one before has ended.
    ///
    /// # Panics
    /// When the port cannot be had again.
    pub async fn start_again(&mut self) {
        let again = Self::try_start(self.address.port(), self.settings.clone()).await;
        *self = again.expect("the port is free at once");
    }

    /// Runs the binary with these arguments and settings, for runs that end by themselves.
    ///
    /// # Panics
    /// When it does not end within the deadline.
    pub async fn run<N: AsRef<str>, V: AsRef<str>>(
        arguments: &[&str],
        settings: impl IntoIterator<Item = (N, V)>,
    ) -> Exit {
        let settings =
            settings.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned()));
        Process::start(&binary("sse-gateway", "sse-gateway"), arguments, settings).wait_exit().await
    }

    /// Asks for the end with SIGTERM and waits for it.
    ///
    /// After it every callback has been made that will ever be made.
    ///
    /// # Panics
    /// When the exit code is not 0.
    pub async fn stop(&mut self) {
        self.process.signal(Signal::TERM);
        let exit = self.process.wait_exit().await;
        assert_eq!(exit.code, Some(0), "{}", exit.output);
    }

    /// `None` when the port was taken by somebody else.
    async fn try_start(port: u16, settings: Vec<(String, String)>) -> Option<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut internal = address;
        let mut environment = vec![("PORT".to_owned(), address.port().to_string())];
        for (name, value) in &settings {
            let mut value = value.clone();
            if name == "INTERNAL_LISTEN" {
                internal = value.parse().expect("address:port");
                if internal.port() == 0 {
                    internal.set_port(free_port());
                }
                value = internal.to_string();
            }
            environment.push((name.clone(), value));
        }
        let arguments: [&str; 0] = [];
        let mut process = Process::start(&binary("sse-gateway", "sse-gateway"), arguments, environment);
        let sender = Sender::new(address);
        let mut ended = false;
        eventually("the gateway answers /healthz", async || {
            ended = process.has_ended();
            ended || sender.try_get("/healthz").await.is_some_and(|response| response.status() == 200)
        })
        .await;
        if !ended {
            return Some(Self { process, settings, address, internal });
        }
        let exit = process.wait_exit().await;
        let taken = exit.output.to_ascii_lowercase().contains("in use");
        assert!(taken, "the gateway ended with {:?}:\n{}", exit.code, exit.output);
        None
    }
}

impl Endpoint for Gateway {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn internal_address(&self) -> SocketAddr {
        self.internal
    }
}

impl Deref for Gateway {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Gateway {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}
