//! Settings are read from one schema, and mistakes are reported together.

use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
    Config::from_pairs(pairs.iter().copied())
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn the_defaults_are_valid_and_as_documented() {
    let config = read(&[]).expect("defaults are valid");
    assert_eq!(config.listen.port(), 3000);
    assert!(config.callback.url.is_none());
    assert_eq!(config.callback.timeout, Duration::from_secs(5));
    assert_eq!(config.streams.heartbeat_interval, Duration::from_secs(15));
    assert_eq!(config.streams.outbox_bytes_max, 1 << 20);
    assert_eq!(config.streams.outbox_bytes_total_max, 256 << 20);
    assert_eq!(config.requests.send_body_bytes_max, 1 << 20);
    assert_eq!(config.topics.events_max, 1000);
    assert_eq!(config.topics.bytes_max, 1 << 20);
    assert_eq!(config.topics.age_max, Duration::from_mins(10));
    assert_eq!(config.topics.log_bytes_max, 256 << 20);
    assert_eq!(config.topics.max, 100_000);
    assert_eq!(config.topics.replaced_retry_ms, 30_000);
    assert_eq!(config.requests.publish_idle_timeout, Duration::from_mins(5));
    assert_eq!(config.cors, AllowedOrigins::None);
}

#[test]
fn all_mistakes_are_reported_together() {
    let message = read(&[
        ("PORT", "0"),
        ("CALLBACK_URL", "ftp://x"),
        ("HEARTBEAT_INTERVAL_SECONDS", "0.5"),
        ("INTERNAL_ALLOW", "everyone"),
        ("CORS_ALLOW_ORIGIN", "example.org"),
        ("LOG_FORMAT", "xml"),
        ("SHARDS", "0"),
    ])
    .expect_err("seven mistakes");
    assert_eq!(message.lines().count(), 7, "{message}");
    assert!(message.contains("PORT: must be an integer from 1 to 65535, but is \"0\""), "{message}");
}

#[test]
fn secrets_show_nowhere() {
    let config = read(&[
        ("CALLBACK_SECRET", "canary-1"),
        ("INTERNAL_SECRET", "canary-2"),
        ("CALLBACK_URL", "http://localhost/cb?secret=canary-3"),
    ])
    .expect("valid");
    assert!(!format!("{config:?}").contains("canary"), "{config:?}");
    let message = read(&[("CALLBACK_SECRET", "canary 1"), ("CALLBACK_URL", "http://canary:2@host?canary")])
        .expect_err("mistakes");
    assert!(!message.contains("canary"), "{message}");
}

#[test]
fn an_empty_optional_setting_is_absent() {
    let config = read(&[("CALLBACK_URL", ""), ("INTERNAL_SECRET", "")]).expect("valid");
    assert!(config.callback.url.is_none());
    assert!(matches!(config.internal.access, InternalAccess::Networks(_)));
}

#[test]
fn a_file_takes_names_in_lower_case_and_typed_values() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "port = 4000\ncors_allow_origin = [\"http://a\", \"http://b\"]\n")
        .expect("written");
    let config = Config::read(&read_file(file.path()).0).expect("valid");
    assert_eq!(config.listen.port(), 4000);
    assert!(matches!(config.cors, AllowedOrigins::Listed(list) if list.len() == 2));
    std::fs::write(file.path(), "prot = 1\nport = 1.5\n").expect("written");
    assert_eq!(read_file(file.path()).1.len(), 2);
}

#[test]
fn every_shard_has_tokens_on_a_machine_of_any_size() {
    for (cores, shards) in [(0, 1), (1, 1), (64, 64), (65, 64), (1_000, 64)] {
        assert_eq!(value::shards_for(cores).get(), shards, "{cores} cores");
    }
}

#[test]
fn a_bound_that_the_http_parser_cannot_keep_is_a_mistake() {
    assert!(read(&[("HEADERS_MAX", "10000")]).is_ok());
    let message = read(&[("HEADERS_MAX", "1000000000000")]).expect_err("memory for each request's headers");
    assert!(message.contains("HEADERS_MAX: must be an integer from 1 to 10000"), "{message}");
}
