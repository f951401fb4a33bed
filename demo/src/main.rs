//! The demo of SSE Gateway: a backend that runs tasks, a page that watches them, and, unless it
//! runs elsewhere, the gateway between the two.
//!
//! `main` reads the arguments and the settings; [`app`] knows all parts. Read [`tasks`] for what a
//! backend's author writes, [`chats`] for a stream that is piped in, [`routes`] for what the port answers, and `page/` for what a browser
//! needs.

mod app;
mod chats;
mod listen;
mod page;
mod processes;
mod reply;
mod routes;
mod settings;
mod tasks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use listen::Port;
use settings::Settings;

/// Shows SSE Gateway at work: start tasks in a page and watch their events arrive.
///
/// Without a command, the gateway and the backend run in one process. Open the address that is
/// printed; Ctrl-C ends both.
#[derive(Parser)]
#[command(version, after_help = SETTINGS)]
struct Arguments {
    #[command(subcommand)]
    mode: Option<Mode>,
}

#[derive(Subcommand)]
enum Mode {
    /// Run the backend alone, for a gateway that runs elsewhere.
    ///
    /// The gateway's CALLBACK_URL must be http://HOST:PORT/api/sse/callback of this backend, its
    /// CALLBACK_SECRET must equal SSE_CALLBACK_SECRET, and CORS_ALLOW_ORIGIN must name the address
    /// under which the page is opened.
    ///
    /// With a gateway that has topics there can be several processes: a task runs in the one where it
    /// was started, and whichever the gateway asks lets its clients listen.
    #[command(after_help = SETTINGS)]
    Backend {
        /// How many processes share the port.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
        processes: u16,
        /// Be one of several processes on the port.
        #[arg(long, hide = true, conflicts_with = "processes")]
        share_port: bool,
    },
}

const SETTINGS: &str = "\
Settings (environment variables):
  PORT                  The gateway's port (default 3000); with `backend`, its own (default 3001)
  BACKEND_PORT          The backend's port beside the gateway (default 3001)
  LISTEN_ADDRESS        The address to listen on (default ::, every address)
  APP_ENV               `production`: no testing endpoints, and SSE_CALLBACK_SECRET is required
  PUBLIC_GATEWAY_URL    Where browsers reach the gateway (default: the page's host, and its port)
  SSE_GATEWAY_TOPICS    `never`: send to tokens also when the gateway has topics (default auto)
  TOPIC_AGE_MAX_SECONDS How long the gateway keeps what a topic has (default 600)
  TASKS_RUNNING_MAX     How many tasks run at once (default 4)
  TASKS_PENDING_MAX     How many wait for their turn (default 1000)
  TASK_TIMEOUT_SECONDS  How long a task may run (default 300)
  TASK_FORGET_SECONDS   How long a finished task is remembered (default 600)
  SHUTDOWN_SECONDS      How long running tasks may take to end at a shutdown (default 5)
  LOG_LEVEL, LOG_FORMAT What is logged (default info), and as text or json

With `backend` only:
  SSE_GATEWAY_URL       Where the gateway takes events (default http://127.0.0.1:3000)
  SSE_GATEWAY_SECRET    The gateway's INTERNAL_SECRET, if it has one
  SSE_CALLBACK_SECRET   What the gateway proves itself with, its CALLBACK_SECRET

In one process every other setting of the gateway applies too (`sse-gateway --help`), except those
that connect the two, which the demo chooses. CORS_ALLOW_ORIGIN is by default the backend's port on
localhost; set it when the page is opened under another name.";

fn main() -> ExitCode {
    match run(Arguments::parse().mode) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sse-gateway-demo: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn run(mode: Option<Mode>) -> Result<(), Failure> {
    let variables = settings::environment();
    let (settings, port) = match mode {
        None => (Settings::of_both(&variables)?, Port::Own),
        Some(Mode::Backend { processes: processes @ 2.., .. }) => {
            // Mistakes are told once, here.
            let settings = Settings::of_backend(&variables)?;
            return processes::run(processes, settings.shutdown);
        }
        Some(Mode::Backend { share_port, .. }) => {
            let port = if share_port { Port::Shared } else { Port::Own };
            (Settings::of_backend(&variables)?, port)
        }
    };
    if port == Port::Shared {
        processes::end_with_parent()?;
    }
    sse_gateway::telemetry::init_logs(&settings.log);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(app::run(settings, port))
}
