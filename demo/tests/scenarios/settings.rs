//! Settings that cannot be used, and help for whoever sets them.

use sse_gateway_testkit::Process;

use crate::system::demo;

#[tokio::test]
async fn all_mistakes_are_told_together_and_the_exit_code_is_1() {
    let environment = [("PORT", "0"), ("BACKEND_PORT", "http"), ("TASKS_RUNNING_MAX", "none")];
    let arguments: [&str; 0] = [];
    let exit = Process::start(&demo(), arguments, environment).wait_exit().await;
    assert_eq!(exit.code, Some(1), "{}", exit.output);
    for (name, _) in environment {
        assert!(exit.output.contains(&format!("\n  {name}: ")), "{name} is missing: {}", exit.output);
    }
}

#[tokio::test]
async fn in_production_the_backend_refuses_to_start_without_a_secret() {
    let exit = Process::start(&demo(), ["backend"], [("APP_ENV", "production")]).wait_exit().await;
    assert_eq!(exit.code, Some(1), "{}", exit.output);
    assert!(exit.output.contains("SSE_CALLBACK_SECRET must be set"), "{}", exit.output);
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_what_to_do() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let environment = [("PORT", port.as_str()), ("LISTEN_ADDRESS", "127.0.0.1")];
    let exit = Process::start(&demo(), ["backend"], environment).wait_exit().await;
    assert_eq!(exit.code, Some(1), "{}", exit.output);
    assert!(exit.output.contains("choose another port"), "{}", exit.output);
}

#[tokio::test]
async fn help_names_every_setting_of_its_own() {
    let environment: [(&str, &str); 0] = [];
    let exit = Process::start(&demo(), ["--help"], environment).wait_exit().await;
    assert_eq!(exit.code, Some(0));
    for name in
        ["PORT", "BACKEND_PORT", "SSE_GATEWAY_URL", "SSE_CALLBACK_SECRET", "APP_ENV", "SHUTDOWN_SECONDS"]
    {
        assert!(exit.output.contains(&format!("\n  {name} ")), "{name} is missing: {}", exit.output);
    }
}
