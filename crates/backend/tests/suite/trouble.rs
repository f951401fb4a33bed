//! When the wire or the gateway fails.

use serde_json::{Value, json};
use sse_gateway_backend::connections::Delivery;
use sse_gateway_testkit::{End, Endpoint as _};
use tokio::time::Instant;

use crate::stage::{Steps, next_version, seconds, story, told, types};

on_both_gateways! {
    // A send on a pooled connection that was just cut has an unknown outcome; without a pool the
    // outcome of each send is the one that its scenario is about.
    adjusted by |settings| settings.gateway.idle_connections_max = 0;

    async fn while_the_gateway_cannot_be_reached_events_wait_and_then_arrive_in_order(mut_stage: Stage) {
        let mut stage = mut_stage;
        let steps = Steps::new();
        let task_steps = steps.clone();
        let task_id = stage.submit(move |progress, _| {
            let steps = task_steps.clone();
            async move {
                for n in 1..=3_u32 {
                    steps.wait(n).await;
                    progress.report(n.to_string(), 0.5)?;
                }
                Ok(Value::Null)
            }
        }).await;
        let mut client = stage.watch(task_id).await;
        assert_eq!(told(&client.next_event().await).0, "task_started");
        steps.advance(1);
        assert_eq!(told(&client.next_event().await).1["text"], "1");
        // A client may have an event before the backend has the answer to its send.
        stage.wait_answered("task", 2).await;
        stage.relay.take_down().await;
        steps.advance(3);
        stage.wait_not_taken("task").await;
        stage.relay.bring_up();
        let story = story(&mut client).await;
        let texts: Vec<_> = story.iter().filter_map(|(_, data)| data["text"].as_str()).collect();
        assert_eq!(texts, ["2", "3"]);
        assert_eq!(types(&story)[2..], ["task_completed", "connection_close"]);
    }

    async fn a_version_for_a_gateway_that_cannot_be_reached_is_queued_and_arrives_later(mut_stage: Stage) {
        let mut stage = mut_stage;
        let mut client = stage.listen_for_versions("r").await;
        stage.relay.take_down().await;
        assert_eq!(stage.announce("r", "1").await, Delivery::Queued);
        stage.relay.bring_up();
        assert_eq!(next_version(&mut client).await, "1");
        assert!(stage.backend.readiness().await.gateway_reachable);
    }

    async fn an_event_whose_send_has_an_unknown_outcome_is_not_lost_and_with_topics_it_arrives_once(stage: Stage) {
        let mut client = stage.listen_for_versions("r").await;
        stage.relay.set_mute(true);
        let started = Instant::now();
        assert_eq!(stage.announce("r", "1").await, Delivery::Queued);
        assert!(started.elapsed() < seconds(3), "it waits for the send, at most its 2 s");
        stage.relay.set_mute(false);
        // The gateway has taken it, which the backend cannot know.
        assert_eq!(next_version(&mut client).await, "1");
        if stage.has_topics() {
            // It was published again under its key.
            stage.wait_answered("version", 1).await;
            assert_eq!(stage.announce("r", "2").await, Delivery::Delivered);
            assert_eq!(next_version(&mut client).await, "2");
        } else {
            // Nothing more may follow it on this stream.
            assert_eq!(client.end().await, End::Clean);
            let mut client = stage.listen_for_versions("r").await;
            assert_eq!(next_version(&mut client).await, "1");
        }
    }

    async fn a_stream_of_a_gateway_that_was_killed_is_given_up_at_its_404_and_nothing_is_lost(mut_stage: Stage) {
        let mut stage = mut_stage;
        let _client = stage.listen_for_versions("r").await;
        let successor = stage.gateway.start_like(&stage.callback_url).await;
        stage.relay.lead_to(successor.address()).await;
        drop(std::mem::replace(&mut stage.gateway, successor));
        // The stand-in's drop is noticed as a client's leaving; a killed process tells nothing.
        assert_eq!(stage.announce("r", "1").await, Delivery::Queued);
        stage.wait_connected("version", 0).await;
        let mut client = stage.listen_for_versions("r").await;
        assert_eq!(next_version(&mut client).await, "1");
    }

    async fn an_ending_while_the_client_is_away_waits_for_it(stage: Stage) {
        let steps = Steps::new();
        let task_steps = steps.clone();
        let task_id = stage.submit(move |_, _| {
            let steps = task_steps.clone();
            async move {
                steps.wait(1).await;
                Ok(json!("done"))
            }
        }).await;
        let client = stage.watch(task_id).await;
        drop(client);
        stage.wait_connected("task", 0).await;
        steps.advance(1);
        let mut client = stage.watch(task_id).await;
        assert_eq!(types(&story(&mut client).await), ["task_started", "task_completed", "connection_close"]);
    }
}
