//! What a client who waits for versions gets.

use sse_gateway_backend::connections::Delivery;
use sse_gateway_testkit::End;

use crate::stage::{next_version, told};

on_both_gateways! {
    async fn a_version_reaches_the_client_that_is_connected(stage: Stage) {
        let mut client = stage.listen_for_versions("r").await;
        assert_eq!(stage.announce("r", "1").await, Delivery::Delivered);
        assert_eq!(next_version(&mut client).await, "1");
    }

    async fn versions_announced_before_the_client_comes_arrive_in_order_and_later_ones_follow(stage: Stage) {
        for version in ["1", "2", "3"] {
            assert_eq!(stage.announce("r", version).await, Delivery::Queued);
        }
        let mut client = stage.listen_for_versions("r").await;
        assert_eq!(stage.announce("r", "4").await, Delivery::Delivered);
        for version in ["1", "2", "3", "4"] {
            assert_eq!(next_version(&mut client).await, version);
        }
    }

    async fn after_the_client_has_left_versions_are_queued_and_delivered_once(stage: Stage) {
        let mut client = stage.listen_for_versions("r").await;
        assert_eq!(stage.announce("r", "1").await, Delivery::Delivered);
        assert_eq!(next_version(&mut client).await, "1");
        drop(client);
        stage.wait_connected("version", 0).await;
        assert_eq!(stage.announce("r", "2").await, Delivery::Queued);
        let mut client = stage.listen_for_versions("r").await;
        assert_eq!(next_version(&mut client).await, "2");
        assert_eq!(stage.announce("r", "3").await, Delivery::Delivered);
        assert_eq!(next_version(&mut client).await, "3");
    }

    async fn a_second_client_replaces_the_first_which_is_told_and_closed(stage: Stage) {
        let mut first = stage.listen_for_versions("r").await;
        let mut second = stage.listen_for_versions("r").await;
        let (name, data) = told(&first.next_event().await);
        assert_eq!((name.as_str(), &data["reason"]), ("connection_close", &"replaced".into()));
        assert_eq!(first.end().await, End::Clean);
        assert_eq!(stage.announce("r", "1").await, Delivery::Delivered);
        assert_eq!(next_version(&mut second).await, "1");
        stage.wait_connected("version", 1).await;
    }

    async fn clients_of_other_requests_hear_nothing(stage: Stage) {
        let mut a = stage.listen_for_versions("a").await;
        let mut b = stage.listen_for_versions("b").await;
        assert_eq!(stage.announce("b", "for b").await, Delivery::Delivered);
        assert_eq!(stage.announce("a", "for a").await, Delivery::Delivered);
        assert_eq!(next_version(&mut a).await, "for a");
        assert_eq!(next_version(&mut b).await, "for b");
    }
}

/// Only ours can put a `retry:` line in the last block.
mod with_our_features {
    use sse_gateway_protocol::sse::Item;

    use crate::stage::Stage;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_replaced_client_stays_away_for_half_a_minute_give_or_take_a_half() {
        let stage = Stage::with_ours(|_| {}).await;
        let mut first = stage.listen_for_versions("r").await;
        let _second = stage.listen_for_versions("r").await;
        let retry = loop {
            if let Item::Retry(millis) = first.next_item().await {
                break millis;
            }
        };
        assert!((15_000..=45_000).contains(&retry), "{retry}");
    }
}
