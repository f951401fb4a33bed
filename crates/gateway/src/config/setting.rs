//! One setting, and the reader that collects mistakes.

use std::fmt;

use super::Values;

/// A setting of the schema.
pub struct Setting<T> {
    /// The environment variable; the flag and the file key are made from it.
    pub name: &'static str,
    /// The value when nothing is set; `None` when the setting is optional.
    pub default: Option<&'static str>,
    /// What `--help` and the documentation say.
    pub help: &'static str,
    /// Whether its value is hidden wherever it is shown.
    pub secret: bool,
    pub(super) parse: fn(&str) -> Result<T, String>,
    /// How a value may be shown; most are shown as they were set.
    pub(super) show: fn(&str) -> String,
}

/// What every setting tells, whatever its type.
pub trait Described: Sync {
    /// The environment variable.
    fn name(&self) -> &'static str;
    /// The value when nothing is set.
    fn default(&self) -> Option<&'static str>;
    /// What it does.
    fn help(&self) -> &'static str;
    /// A value as it may be shown.
    fn shown(&self, value: &str) -> String;
    /// The command-line flag, without the dashes.
    fn flag(&self) -> String {
        self.name().to_ascii_lowercase().replace('_', "-")
    }
    /// The key in the file.
    fn key(&self) -> String {
        self.name().to_ascii_lowercase()
    }
}

impl<T> Described for Setting<T> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn default(&self) -> Option<&'static str> {
        self.default
    }
    fn help(&self) -> &'static str {
        self.help
    }
    fn shown(&self, value: &str) -> String {
        if self.secret { "(hidden)".to_owned() } else { (self.show)(value) }
    }
}

/// Where a value comes from; a later one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The TOML file.
    File,
    /// The environment.
    Environment,
    /// The command line.
    Flag,
    /// A program that embeds the gateway.
    Caller,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::File => "file",
            Origin::Environment => "environment",
            Origin::Flag => "flag",
            Origin::Caller => "caller",
        })
    }
}

/// A setting that cannot be used, with what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Mistake(String);

impl Mistake {
    /// Says what is wrong and what would be right.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    pub(super) fn unknown(name: &str, origin: &str) -> Self {
        Self(format!("{name}: no such setting ({origin}); `sse-gateway --help` lists them"))
    }
}

/// Takes settings out of the values and notes what is wrong.
pub(super) struct Reader<'a> {
    values: &'a Values,
    mistakes: Vec<Mistake>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(values: &'a Values) -> Self {
        Self { values, mistakes: Vec::new() }
    }

    /// Reads a setting that has a default; `None` only after a mistake was noted.
    pub(super) fn take<T>(&mut self, setting: &Setting<T>) -> Option<T> {
        match self.values.get(setting.name) {
            Some((value, origin)) => self.parse(setting, value, &origin.to_string()),
            None => self.parse(setting, setting.default?, "default"),
        }
    }

    /// Reads a setting that may be absent; an empty value is an absent one.
    pub(super) fn take_optional<T>(&mut self, setting: &Setting<T>) -> Option<T> {
        match self.values.get(setting.name) {
            Some((value, origin)) if !value.is_empty() => self.parse(setting, value, &origin.to_string()),
            _ => None,
        }
    }

    fn parse<T>(&mut self, setting: &Setting<T>, value: &str, origin: &str) -> Option<T> {
        match (setting.parse)(value.trim()) {
            Ok(parsed) => Some(parsed),
            Err(expected) => {
                let shown = setting.shown(value);
                self.mistakes.push(Mistake(format!(
                    "{}: must be {expected}, but is \"{shown}\" ({origin})",
                    setting.name
                )));
                None
            }
        }
    }

    pub(super) fn finish<T>(self, config: T) -> Result<T, Vec<Mistake>> {
        if self.mistakes.is_empty() { Ok(config) } else { Err(self.mistakes) }
    }
}
