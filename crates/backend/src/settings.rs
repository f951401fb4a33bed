//! What an operator sets, read once and checked whole.

use std::fmt;
use std::time::Duration;

use hyper::Uri;

use crate::Secret;
use crate::callback::CallbackSettings;
use crate::connections::ConnectionSettings;
use crate::services::tasks::TaskSettings;
use crate::services::versions::VersionSettings;

/// Everything a [`Backend`](crate::Backend) is started with; one struct a concern.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the gateway is.
    pub gateway: GatewaySettings,
    /// Who may call back.
    pub callback: CallbackSettings,
    /// Bounds of queues and connections.
    pub connections: ConnectionSettings,
    /// Bounds of the task service.
    pub tasks: TaskSettings,
    /// Bounds of the version service.
    pub versions: VersionSettings,
}

/// Where the gateway is and how long it may take.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// The base URL, `SSE_GATEWAY_URL`; `http` or `https`. Default `http://127.0.0.1:3000`.
    pub url: Uri,
    /// Sent as bearer with every request, `SSE_GATEWAY_SECRET`. Default none.
    pub secret: Option<Secret>,
    /// Limits one request, from its start to the end of the answer. Default 2 s, which is below the
    /// 5 s that the gateway gives a callback.
    pub send_timeout: Duration,
    /// How many requests are under way at once; further ones wait their turn. Default 64.
    pub sends_concurrent_max: usize,
    /// Use topics when the gateway has them; without, every gateway is served by tokens,
    /// `SSE_GATEWAY_TOPICS=never`. Default true, `auto`.
    pub topics: bool,
    /// How many idle connections are kept for reuse, each for at most 1 s; 0 means none. Default 64.
    pub idle_connections_max: usize,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            url: Uri::from_static("http://127.0.0.1:3000"),
            secret: None,
            send_timeout: Duration::from_secs(2),
            sends_concurrent_max: 64,
            topics: true,
            idle_connections_max: 64,
        }
    }
}

impl Settings {
    /// Reads the variables `SSE_GATEWAY_URL`, `SSE_GATEWAY_SECRET`, `SSE_GATEWAY_TOPICS`,
    /// `SSE_CALLBACK_SECRET`, `APP_ENV`, `TOPIC_AGE_MAX_SECONDS`, `TASKS_RUNNING_MAX`,
    /// `TASKS_PENDING_MAX`, `TASKS_FINISHED_MAX`, `TASK_TIMEOUT_SECONDS` and `TASK_FORGET_SECONDS`; an
    /// empty one counts as absent.
    ///
    /// # Errors
    /// All mistakes at once. A missing secret is none here: [`Backend::start`](crate::Backend::start)
    /// refuses it in production.
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Mistakes> {
        let mut reader = Reader { lookup, mistakes: Vec::new() };
        let settings = Self {
            gateway: reader.gateway(),
            callback: reader.callback(),
            connections: reader.connections(),
            tasks: reader.tasks(),
            versions: VersionSettings::default(),
        };
        if reader.mistakes.is_empty() { Ok(settings) } else { Err(Mistakes(reader.mistakes)) }
    }
}

struct Reader<L> {
    lookup: L,
    mistakes: Vec<Mistake>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn gateway(&mut self) -> GatewaySettings {
        let default = GatewaySettings::default();
        GatewaySettings {
            url: self.read("SSE_GATEWAY_URL", "an http or https URL", default.url, parse_url),
            secret: self.secret("SSE_GATEWAY_SECRET"),
            topics: self.read("SSE_GATEWAY_TOPICS", "auto or never", default.topics, |text| match text {
                "auto" => Some(true),
                "never" => Some(false),
                _ => None,
            }),
            ..GatewaySettings::default()
        }
    }

    fn callback(&mut self) -> CallbackSettings {
        CallbackSettings {
            secret: self.secret("SSE_CALLBACK_SECRET"),
            production: self.read("APP_ENV", "a text", false, |text| Some(text == "production")),
        }
    }

    fn connections(&mut self) -> ConnectionSettings {
        let default = ConnectionSettings::default();
        let topic_age_max = self.seconds("TOPIC_AGE_MAX_SECONDS", default.topic_age_max);
        ConnectionSettings { topic_age_max, ..default }
    }

    fn tasks(&mut self) -> TaskSettings {
        let default = TaskSettings::default();
        TaskSettings {
            running_max: self.count("TASKS_RUNNING_MAX", default.running_max),
            pending_max: self.count("TASKS_PENDING_MAX", default.pending_max),
            finished_max: self.count("TASKS_FINISHED_MAX", default.finished_max),
            timeout: self.seconds("TASK_TIMEOUT_SECONDS", default.timeout),
            forget_after: self.seconds("TASK_FORGET_SECONDS", default.forget_after),
            ..default
        }
    }

    fn secret(&mut self, variable: &'static str) -> Option<Secret> {
        let expected = "visible ASCII characters without spaces";
        self.read(variable, expected, None, |text| Secret::parse(text).map(Some))
    }

    fn count(&mut self, variable: &'static str, default: usize) -> usize {
        self.read(variable, "an integer from 1 to 1000000", default, |text| {
            text.parse().ok().filter(|count| (1..=1_000_000).contains(count))
        })
    }

    fn seconds(&mut self, variable: &'static str, default: Duration) -> Duration {
        self.read(variable, "a whole number of seconds from 1 to 86400", default, |text| {
            text.parse().ok().filter(|seconds| (1..=86_400).contains(seconds)).map(Duration::from_secs)
        })
    }

    /// Reads one variable: absent or empty gives the default, a wrong one is noted as a mistake.
    fn read<T>(
        &mut self,
        variable: &'static str,
        expected: &'static str,
        default: T,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        match (self.lookup)(variable).filter(|text| !text.is_empty()) {
            None => default,
            Some(text) => parse(&text).unwrap_or_else(|| {
                self.mistakes.push(Mistake { variable, expected });
                default
            }),
        }
    }
}

fn parse_url(text: &str) -> Option<Uri> {
    let uri = text.parse::<Uri>().ok()?;
    let scheme = uri.scheme_str()?;
    (matches!(scheme, "http" | "https") && uri.query().is_none()).then_some(uri)
}

/// One variable that cannot be used; its value is not repeated, because it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The variable's name.
    pub variable: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

/// Every variable that cannot be used; the operator is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Mistake { variable, expected }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{variable} must be {expected}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Why a backend does not start; the operator is at fault.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// In production the gateway must prove itself.
    #[error("SSE_CALLBACK_SECRET must be set when APP_ENV=production")]
    SecretMissing,
    /// The gateway URL is no `http` or `https` URL with a host.
    #[error("the gateway URL must be an http or https URL with a host")]
    GatewayUrl,
    /// An `https` gateway needs the system's certificates, and they could not be read.
    #[error("cannot read the system's certificates: {0}")]
    Certificates(#[source] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Mistakes> {
        Settings::from_variables(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn absent_and_empty_variables_give_the_defaults() {
        let settings = read(&[("SSE_CALLBACK_SECRET", "")]).expect("no mistakes");
        assert_eq!(settings.gateway.url, "http://127.0.0.1:3000/");
        assert!(settings.callback.secret.is_none());
        assert!(!settings.callback.production);
        assert_eq!(settings.tasks.timeout, Duration::from_secs(300));
        assert!(settings.gateway.topics);
        assert_eq!(settings.connections.topic_age_max, Duration::from_secs(600));
    }

    #[test]
    fn all_mistakes_are_reported_together_without_their_values() {
        let mistakes = read(&[
            ("SSE_GATEWAY_URL", "ftp://host"),
            ("SSE_GATEWAY_SECRET", "not visible"),
            ("SSE_GATEWAY_TOPICS", "yes"),
            ("TASKS_PENDING_MAX", "0"),
        ])
        .expect_err("four mistakes");
        assert_eq!(mistakes.0.len(), 4);
        let text = mistakes.to_string();
        assert!(text.starts_with("SSE_GATEWAY_URL must be an http or https URL; "), "{text}");
        assert!(!text.contains("not visible"), "{text}");
    }
}
