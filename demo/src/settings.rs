//! What the demo is started with: its own few settings, the backend's and the gateway's.
//!
//! All come from the environment. The two halves read theirs by themselves; in one process the
//! demo sets what makes them find and trust each other.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sse_gateway_backend::{Mistake, Mistakes, StartError};
use uuid::Uuid;

/// Variables by name, as they are set.
pub(crate) type Variables = BTreeMap<String, String>;

const GATEWAY_PORT: u16 = 3000;
const BACKEND_PORT: u16 = 3001;
/// The gateway's settings that the backend alone has too, with the same meaning.
const SHARED: [&str; 4] = ["LISTEN_ADDRESS", "LOG_LEVEL", "LOG_FORMAT", "SHUTDOWN_SECONDS"];

/// Everything that can be set, checked.
pub(crate) struct Settings {
    /// Where the page and the backend's routes are served.
    pub(crate) listen: SocketAddr,
    /// The backend side.
    pub(crate) backend: sse_gateway_backend::Settings,
    /// The gateway of this process; `None` when it runs elsewhere.
    pub(crate) gateway: Option<sse_gateway::Config>,
    /// Where browsers reach the gateway.
    pub(crate) public_gateway: PublicGateway,
    /// Logs, as the gateway's `LOG_LEVEL` and `LOG_FORMAT` say.
    pub(crate) log: sse_gateway::config::Log,
    /// How long running tasks may take to end at a shutdown, the gateway's `SHUTDOWN_SECONDS`.
    pub(crate) shutdown: Duration,
}

/// Where browsers reach the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicGateway {
    /// At this URL, `PUBLIC_GATEWAY_URL`; without a slash at its end.
    At(String),
    /// On the host from which they have the page, on this port.
    OnPort(u16),
}

/// Settings that cannot be used: every mistake, one a line.
#[derive(Debug)]
pub(crate) struct UnusableSettings(Vec<String>);

impl fmt::Display for UnusableSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these settings cannot be used:")?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
    }
}

impl std::error::Error for UnusableSettings {}

/// Takes the environment; what is no text cannot be a setting of ours.
pub(crate) fn environment() -> Variables {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

impl Settings {
    /// Reads the settings of the backend alone.
    ///
    /// # Errors
    /// Every mistake there is.
    pub(crate) fn of_backend(variables: &Variables) -> Result<Self, UnusableSettings> {
        let mut reader = Reader { variables, mistakes: Vec::new() };
        let port = reader.port("PORT", BACKEND_PORT);
        let backend = reader.backend(variables);
        let gateway_port = backend.as_ref().map_or(GATEWAY_PORT, gateway_port);
        let public_gateway = reader.public_gateway(gateway_port);
        let shared =
            SHARED.into_iter().filter_map(|name| Some((name.to_owned(), variables.get(name)?.clone())));
        let shared = reader.gateway(shared);
        reader.finish(|| {
            let shared = shared?;
            Some(Self {
                listen: SocketAddr::new(shared.listen.ip(), port),
                backend: backend?,
                gateway: None,
                public_gateway,
                log: shared.log,
                shutdown: shared.shutdown,
            })
        })
    }

    /// Reads the settings of both halves in one process.
    ///
    /// # Errors
    /// Every mistake there is.
    pub(crate) fn of_both(variables: &Variables) -> Result<Self, UnusableSettings> {
        let mut reader = Reader { variables, mistakes: Vec::new() };
        // The gateway reads both again, and reports what is wrong with them.
        let read = |name| variables.get(name).map(|value| value.trim());
        let address = read("LISTEN_ADDRESS").and_then(|value| value.parse().ok());
        let address = address.unwrap_or(Ipv6Addr::UNSPECIFIED.into());
        let gateway_port = read("PORT").and_then(|value| value.parse().ok()).unwrap_or(GATEWAY_PORT);
        let listen = SocketAddr::new(address, reader.port("BACKEND_PORT", BACKEND_PORT));
        if listen.port() == gateway_port {
            reader.mistakes.push(format!("BACKEND_PORT: must differ from PORT, but both are {gateway_port}"));
        }

        let secret = || Uuid::new_v4().simple().to_string();
        let (callback_secret, gateway_secret) = (secret(), secret());
        let near = |port| SocketAddr::new(reachable(address), port);
        let mut wired = variables.clone();
        wired.insert("SSE_GATEWAY_URL".into(), format!("http://{}", near(gateway_port)));
        wired.insert("SSE_GATEWAY_SECRET".into(), gateway_secret.clone());
        wired.insert("SSE_CALLBACK_SECRET".into(), callback_secret.clone());
        wired.insert("CALLBACK_URL".into(), format!("http://{}/api/sse/callback", near(listen.port())));
        wired.insert("CALLBACK_SECRET".into(), callback_secret);
        wired.insert("INTERNAL_SECRET".into(), gateway_secret);
        // The backend finds the gateway on its public port.
        wired.remove("INTERNAL_LISTEN");
        wired.entry("CORS_ALLOW_ORIGIN".into()).or_insert_with(|| local_origins(listen.port()));

        let backend = reader.backend(&wired);
        let public_gateway = reader.public_gateway(gateway_port);
        let gateway = reader.gateway(wired);
        reader.finish(|| {
            let gateway = gateway?;
            let (log, shutdown) = (gateway.log.clone(), gateway.shutdown);
            Some(Self { listen, backend: backend?, gateway: Some(gateway), public_gateway, log, shutdown })
        })
    }
}

/// The origins under which the page is opened on this machine.
fn local_origins(port: u16) -> String {
    ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("http://{host}:{port}")).join(",")
}

/// Gives an address under which this process reaches what listens on that one.
fn reachable(address: IpAddr) -> IpAddr {
    if address.is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address }
}

fn gateway_port(backend: &sse_gateway_backend::Settings) -> u16 {
    let url = &backend.gateway.url;
    let of_scheme = if url.scheme_str() == Some("https") { 443 } else { 80 };
    url.port_u16().unwrap_or(of_scheme)
}

/// Takes settings out of the variables and notes what is wrong.
struct Reader<'a> {
    variables: &'a Variables,
    mistakes: Vec<String>,
}

impl Reader<'_> {
    fn port(&mut self, name: &str, default: u16) -> u16 {
        let Some(value) = self.variables.get(name) else { return default };
        value.trim().parse().ok().filter(|port| *port > 0).unwrap_or_else(|| {
            self.mistakes.push(format!("{name}: must be an integer from 1 to 65535, but is \"{value}\""));
            default
        })
    }

    fn public_gateway(&mut self, port: u16) -> PublicGateway {
        let Some(value) = self.variables.get("PUBLIC_GATEWAY_URL") else {
            return PublicGateway::OnPort(port);
        };
        let url = value.trim().trim_end_matches('/');
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        // It goes into the page's security policy, so nothing may be in it that means something there.
        let plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/%".contains(&byte));
        if !rest.is_some_and(|rest| !rest.is_empty() && plain(rest)) {
            self.mistakes.push(format!(
                "PUBLIC_GATEWAY_URL: must be an http or https URL without a query, but is \"{value}\""
            ));
        }
        PublicGateway::At(url.to_owned())
    }

    fn backend(&mut self, variables: &Variables) -> Option<sse_gateway_backend::Settings> {
        match sse_gateway_backend::Settings::from_variables(|name| variables.get(name).cloned()) {
            Ok(settings) => {
                // Starting would say so too, but after everything else had been corrected.
                if settings.callback.production && settings.callback.secret.is_none() {
                    self.mistakes.push(StartError::SecretMissing.to_string());
                }
                Some(settings)
            }
            Err(Mistakes(mistakes)) => {
                let told = |Mistake { variable, expected }: &_| format!("{variable}: must be {expected}");
                self.mistakes.extend(mistakes.iter().map(told));
                None
            }
        }
    }

    /// Reads the gateway's settings out of variables of which some may be other people's.
    fn gateway(
        &mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Option<sse_gateway::Config> {
        let known =
            variables.into_iter().filter(|(name, _)| sse_gateway::config::settings::named(name).is_some());
        sse_gateway::Config::from_pairs(known)
            .map_err(|mistakes| self.mistakes.extend(mistakes.iter().map(ToString::to_string)))
            .ok()
    }

    /// `settings` gives `None` only where a mistake was noted.
    fn finish(self, settings: impl FnOnce() -> Option<Settings>) -> Result<Settings, UnusableSettings> {
        match settings() {
            Some(settings) if self.mistakes.is_empty() => Ok(settings),
            _ => Err(UnusableSettings(self.mistakes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn without_settings_both_halves_find_and_trust_each_other() {
        let settings = Settings::of_both(&Variables::new()).unwrap();
        let gateway = settings.gateway.unwrap();
        assert_eq!((gateway.listen.port(), settings.listen.port()), (3000, 3001));
        assert_eq!(settings.backend.gateway.url, "http://127.0.0.1:3000/");
        assert!(gateway.callback.secret.is_some() && settings.backend.callback.secret.is_some());
        assert_eq!(settings.public_gateway, PublicGateway::OnPort(3000));
    }

    #[test]
    fn all_mistakes_are_told_together() {
        let both = variables(&[
            ("PORT", "0"),
            ("BACKEND_PORT", "http"),
            ("PUBLIC_GATEWAY_URL", "ftp://x"),
            ("TASK_TIMEOUT_SECONDS", "soon"),
            ("HEARTBEAT_INTERVAL_SECONDS", "0"),
        ]);
        let told = Settings::of_both(&both).err().unwrap().to_string();
        for name in both.keys() {
            assert!(told.contains(&format!("\n  {name}")), "{name} is missing in {told}");
        }
    }

    #[test]
    fn the_two_ports_must_differ() {
        let told = Settings::of_both(&variables(&[("PORT", "3001")])).err().unwrap().to_string();
        assert!(told.contains("BACKEND_PORT: must differ from PORT"), "{told}");
    }

    #[test]
    fn a_public_url_cannot_bend_the_security_policy() {
        for url in ["http://a; script-src *", "http://a b", "http://a'", "javascript:x", "http://"] {
            assert!(Settings::of_backend(&variables(&[("PUBLIC_GATEWAY_URL", url)])).is_err(), "{url}");
        }
        let url = variables(&[("PUBLIC_GATEWAY_URL", "https://sse.example.org/")]);
        let settings = Settings::of_backend(&url).unwrap();
        assert_eq!(settings.public_gateway, PublicGateway::At("https://sse.example.org".into()));
    }
}
