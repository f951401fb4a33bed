//! nginx with nchan, from Debian's packages.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use super::{Dialect, HEARTBEAT_SECONDS, Running, Server, package_version, start, version_of};
use crate::Outcome;
use crate::machine::free_port;

const CONFIGURATION: &str = include_str!("../../peers/nginx-nchan.conf");
const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

pub(super) struct Nchan;

impl Server for Nchan {
    fn name(&self) -> &'static str {
        "nchan"
    }

    fn version(&self) -> Result<String, String> {
        if !fs::exists(MODULE).unwrap_or(false) {
            return Err("libnginx-mod-nchan is not installed".to_owned());
        }
        let nginx = version_of("nginx", "-v")?;
        let nchan = package_version("libnginx-mod-nchan").unwrap_or_else(|| "of unknown version".to_owned());
        Ok(format!("{nchan}, nginx {nginx}"))
    }

    fn configuration(&self) -> &'static str {
        "`bench/peers/nginx-nchan.conf`: one worker, memory store; asks the backend on every connect, and tells \
         it of every disconnect"
    }

    fn dialect(&self) -> Dialect {
        Dialect::Nchan
    }

    fn asks_backend(&self) -> bool {
        true
    }

    fn start(&self, backend: SocketAddr) -> Outcome<Running> {
        let port = free_port()?;
        let folder = tempfile::tempdir()?;
        let configuration = CONFIGURATION
            .replace("@FOLDER@", &folder.path().display().to_string())
            .replace("@PORT@", &port.to_string())
            .replace("@BACKEND@", &backend.to_string())
            .replace("@HEARTBEAT_SECONDS@", &HEARTBEAT_SECONDS.to_string());
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration)?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).arg("-c").arg(&file);
        start(command, folder, port, port)
    }
}
