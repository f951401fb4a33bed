//! `docs/configuration.md` lists every setting.

use std::fmt::Write;

use sse_gateway::config::settings;

use crate::document;

#[test]
fn the_table_of_settings_is_the_schema() {
    let mut table = String::from("| setting | flag | default | what it does |\n|---|---|---|---|\n");
    for setting in settings::ALL {
        let default = setting.default().map_or("none".to_owned(), |default| format!("`{default}`"));
        let help = setting.help().replace('|', "\\|");
        writeln!(table, "| `{}` | `--{}` | {default} | {help} |", setting.name(), setting.flag())
            .expect("a string takes everything");
    }
    document::check_block("configuration.md", "settings", &table);
}

#[test]
fn every_setting_that_a_document_names_exists() {
    // Settings of the demo's backend, not of the gateway, and what the shell itself reads.
    const OTHERS: [&str; 6] = [
        "APP_ENV",
        "BACKEND_PORT",
        "SSE_CALLBACK_SECRET",
        "SSE_GATEWAY_SECRET",
        "SSE_GATEWAY_URL",
        "UPDATE_DOCS",
    ];
    for page in ["../README.md", "configuration.md", "operations.md"] {
        let text = document::read(page);
        let code = text.split('`').skip(1).step_by(2);
        let names = code
            .map(|code| code.split(['=', ' ']).next().unwrap_or_default())
            .filter(|name| is_setting(name));
        for name in names.filter(|name| !OTHERS.contains(name)) {
            let known = settings::named(name).is_some() || is_code(name);
            assert!(known, "{page} names {name}, which is neither a setting nor a code");
        }
    }
}

fn is_setting(name: &str) -> bool {
    name.contains('_') && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

fn is_code(name: &str) -> bool {
    sse_gateway_protocol::code::Code::ALL.iter().any(|code| code.as_str() == name)
}
