//! 1.5: configuration.

use sse_gateway_testkit::{Exit, Gateway};

const NONE: [&str; 0] = [];

async fn run(settings: &[(&str, &str)]) -> Exit {
    Gateway::run(&NONE, settings.iter().copied()).await
}

#[tokio::test]
async fn a_wrong_setting_is_named_and_ends_the_start() {
    for (name, value) in [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "80.5"),
        ("PORT", "http"),
        ("CALLBACK_URL", "ftp://backend.test/"),
        ("CALLBACK_URL", "backend.test/callback"),
        ("CALLBACK_URL", "not a url"),
        ("CALLBACK_URL", "http://"),
        ("HEARTBEAT_INTERVAL_SECONDS", "0"),
        ("HEARTBEAT_INTERVAL_SECONDS", "-5"),
        ("HEARTBEAT_INTERVAL_SECONDS", "1.5"),
        ("HEARTBEAT_INTERVAL_SECONDS", "often"),
    ] {
        let exit = run(&[(name, value)]).await;
        assert_eq!(exit.code, Some(1), "{name}={value}: {}", exit.output);
        assert!(exit.output.contains(name), "{name}={value}: {}", exit.output);
        assert!(!exit.output.contains("panicked"), "{}", exit.output);
    }
}

#[tokio::test]
async fn all_mistakes_are_reported_at_once() {
    let settings = [
        ("PORT", "zero"),
        ("CALLBACK_URL", "ftp://backend.test/"),
        ("HEARTBEAT_INTERVAL_SECONDS", "0"),
        ("STREAMS_MAX", "many"),
        ("INTERNAL_LISTEN", "nowhere"),
        ("INTERNAL_ALLOW", "everybody"),
        ("CORS_ALLOW_ORIGIN", "example.org"),
        ("SHUTDOWN_SECONDS", "soon"),
    ];
    for arguments in [&NONE[..], &["check"]] {
        let exit = Gateway::run(arguments, settings).await;
        assert_eq!(exit.code, Some(1), "{}", exit.output);
        for (name, _) in settings {
            assert!(exit.output.contains(name), "{name} is not named: {}", exit.output);
        }
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_and_ends_the_start() {
    let taken = std::net::TcpListener::bind("[::]:0").or_else(|_| std::net::TcpListener::bind("0.0.0.0:0"));
    let port = taken.as_ref().expect("a port").local_addr().expect("bound").port().to_string();
    let exit = run(&[("PORT", &port)]).await;
    assert_eq!(exit.code, Some(1), "{}", exit.output);
    assert!(exit.output.contains(&port), "{}", exit.output);
}

#[tokio::test]
async fn check_shows_the_settings_in_effect_and_no_secret() {
    let settings = [
        ("CALLBACK_URL", "http://backend.test/api/callback?secret=CANARY-one"),
        ("CALLBACK_SECRET", "CANARY-two"),
        ("INTERNAL_SECRET", "CANARY-three"),
        ("HEARTBEAT_INTERVAL_SECONDS", "7"),
    ];
    let exit = Gateway::run(&["check"], settings).await;
    assert_eq!(exit.code, Some(0), "{}", exit.output);
    assert!(!exit.output.contains("CANARY"), "{}", exit.output);
    assert!(exit.output.contains("backend.test/api/callback"), "{}", exit.output);
    for (name, value) in [
        ("PORT", "3000"),
        ("HEARTBEAT_INTERVAL_SECONDS", "7"),
        ("CALLBACK_TIMEOUT_SECONDS", "5"),
        ("CALLBACKS_CONCURRENT_MAX", "64"),
        ("OUTBOX_BYTES_MAX", "1048576"),
        ("OUTBOX_BYTES_TOTAL_MAX", "268435456"),
        ("SEND_BODY_BYTES_MAX", "1048576"),
        ("SHUTDOWN_SECONDS", "5"),
    ] {
        let shown = exit.output.lines().any(|line| {
            let mut words = line.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'));
            words.any(|word| word.eq_ignore_ascii_case(name)) && line.contains(value)
        });
        assert!(shown, "{name} = {value} is not shown: {}", exit.output);
    }
}

#[tokio::test]
async fn a_wrong_value_is_shown_without_what_may_be_secret() {
    let exit = run(&[("CALLBACK_URL", "ftp://user:CANARY-one@backend.test/?secret=CANARY-two")]).await;
    assert_eq!(exit.code, Some(1));
    assert!(!exit.output.contains("CANARY"), "{}", exit.output);
}

#[tokio::test]
async fn help_explains_each_setting() {
    let exit = Gateway::run(&["--help"], NONE.map(|name| (name, name))).await;
    assert_eq!(exit.code, Some(0));
    for name in [
        "PORT",
        "CALLBACK_URL",
        "CALLBACK_SECRET",
        "CALLBACK_TIMEOUT_SECONDS",
        "CALLBACKS_CONCURRENT_MAX",
        "HEARTBEAT_INTERVAL_SECONDS",
        "OUTBOX_BYTES_MAX",
        "OUTBOX_BYTES_TOTAL_MAX",
        "SEND_BODY_BYTES_MAX",
        "STREAMS_MAX",
        "SHUTDOWN_SECONDS",
        "INTERNAL_SECRET",
        "INTERNAL_ALLOW",
        "INTERNAL_LISTEN",
        "CORS_ALLOW_ORIGIN",
    ] {
        assert!(exit.output.contains(name), "{name}: {}", exit.output);
    }
}

#[tokio::test]
async fn a_flag_wins_over_the_environment() {
    let exit =
        Gateway::run(&["check", "--heartbeat-interval-seconds", "9"], [("HEARTBEAT_INTERVAL_SECONDS", "7")])
            .await;
    assert_eq!(exit.code, Some(0), "{}", exit.output);
    let line =
        exit.output.lines().find(|line| line.to_ascii_uppercase().contains("HEARTBEAT_INTERVAL_SECONDS"));
    assert!(line.is_some_and(|line| line.contains('9')), "{}", exit.output);
}

#[tokio::test]
async fn the_environment_wins_over_the_file_and_its_mistakes_are_reported_with_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("gateway.toml");
    let file = |text: &str| {
        std::fs::write(&path, text).expect("a file");
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    let good = file("heartbeat_interval_seconds = 7\nstreams_max = 11\n");
    let exit = Gateway::run(&["check", "--config", &good], [("STREAMS_MAX", "13")]).await;
    assert_eq!(exit.code, Some(0), "{}", exit.output);
    let shown = |name: &str| {
        let mut lines = exit.output.lines().filter(|line| line.to_ascii_uppercase().contains(name));
        lines.next().unwrap_or_else(|| panic!("{name} is not shown: {}", exit.output)).to_owned()
    };
    assert!(shown("HEARTBEAT_INTERVAL_SECONDS").contains('7'));
    assert!(shown("STREAMS_MAX").contains("13"));

    let bad = file("heartbeat_interval_seconds = 0\nno_such_setting = 1\n");
    let exit = Gateway::run(&["check", "--config", &bad], [("STREAMS_MAX", "many")]).await;
    assert_eq!(exit.code, Some(1), "{}", exit.output);
    for name in ["HEARTBEAT_INTERVAL_SECONDS", "NO_SUCH_SETTING", "STREAMS_MAX"] {
        assert!(exit.output.to_ascii_uppercase().contains(name), "{name}: {}", exit.output);
    }
}
