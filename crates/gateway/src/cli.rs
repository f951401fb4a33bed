//! The command line, made from the settings' schema.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use sse_gateway::Config;
use sse_gateway::config::{Mistake, Origin, Values, read_file, settings};

/// What the command line asks for.
pub(crate) enum Request {
    /// Run with this configuration.
    Run(Box<Config>),
    /// Print a text and exit with a code.
    Print { text: String, code: u8 },
}

/// Reads flags, environment and file.
pub(crate) fn read(arguments: impl IntoIterator<Item = OsString>) -> Request {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            let wanted = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return Request::Print { text: error.render().to_string(), code: u8::from(!wanted) };
        }
    };
    let (values, mut mistakes) = collect(&matches);
    let config = Config::read(&values).map_err(|found| mistakes.extend(found));
    match (config, mistakes.is_empty()) {
        (Ok(_), true) if matches.subcommand_name() == Some("check") => {
            Request::Print { text: effective(&values), code: 0 }
        }
        (Ok(config), true) => Request::Run(Box::new(config)),
        _ => Request::Print { text: explain(&mistakes), code: 1 },
    }
}

/// Writes to standard output, or to standard error with a code that is not 0.
pub(crate) fn print(text: &str, code: u8) {
    let text = text.trim_end();
    // Nobody is left to hear of a closed output.
    let _ = match code {
        0 => writeln!(std::io::stdout(), "{text}"),
        _ => writeln!(std::io::stderr(), "{text}"),
    };
}

fn command() -> Command {
    let settings = settings::ALL.iter().map(|setting| {
        let mut help = setting.help().to_owned();
        if let Some(default) = setting.default() {
            let _ = write!(help, " [default: {default}]");
        }
        let _ = write!(help, " [env: {}]", setting.name());
        Arg::new(setting.name())
            .long(setting.flag())
            .value_name("VALUE")
            .allow_hyphen_values(true)
            .global(true)
            .action(ArgAction::Set)
            .help(help)
    });
    Command::new("sse-gateway")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Holds browsers' event streams (Server-Sent Events) for backends that cannot hold connections")
        .after_help(AFTER_HELP)
        .args(settings)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .global(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("A TOML file with settings, their names in lower case [env: SSE_GATEWAY_CONFIG]"),
        )
        .subcommand(Command::new("check").about("Validates the settings and prints them, secrets hidden"))
}

const AFTER_HELP: &str = "\
A flag wins over the environment, the environment over the file. Empty optional settings count as \
not set.

Try it:
  CALLBACK_URL=http://localhost:3001/api/sse/callback sse-gateway
  curl -N http://localhost:3000/any/path

The backend is asked by a POST to CALLBACK_URL; it answers 200 to accept. Then it posts events to \
/internal/send with the token that the question named.";

/// Collects what is set, and what is wrong with how it is set.
fn collect(matches: &ArgMatches) -> (Values, Vec<Mistake>) {
    let mut values = Values::new();
    let mut mistakes = Vec::new();
    let file = matches.get_one::<PathBuf>("config").cloned().or_else(|| {
        std::env::var_os("SSE_GATEWAY_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from)
    });
    if let Some(path) = file {
        (values, mistakes) = read_file(&path);
    }
    for name in settings::ALL.iter().map(|setting| setting.name()) {
        match std::env::var(name) {
            Ok(value) => drop(values.insert(name, (value, Origin::Environment))),
            Err(std::env::VarError::NotPresent) => {}
            Err(std::env::VarError::NotUnicode(_)) => {
                mistakes.push(Mistake::new(format!("{name}: is not UTF-8 (environment)")));
            }
        }
        if let Some(value) = matches.get_one::<String>(name) {
            values.insert(name, (value.clone(), Origin::Flag));
        }
    }
    (values, mistakes)
}

fn explain(mistakes: &[Mistake]) -> String {
    let mut text = String::from("sse-gateway cannot start with these settings:\n");
    for mistake in mistakes {
        let _ = writeln!(text, "  {mistake}");
    }
    text.push_str("`sse-gateway --help` explains each setting.");
    text
}

/// Lists every setting with the value that holds and where it comes from.
fn effective(values: &Values) -> String {
    let mut text = String::new();
    for setting in settings::ALL {
        let (value, origin) = match values.get(setting.name()) {
            Some((value, origin)) if !value.is_empty() => (setting.shown(value), origin.to_string()),
            _ => match setting.default() {
                Some(default) => (default.to_owned(), "default".to_owned()),
                None => ("(not set)".to_owned(), "default".to_owned()),
            },
        };
        let _ = writeln!(text, "{:<28} {value}  ({origin})", setting.name());
    }
    text
}
