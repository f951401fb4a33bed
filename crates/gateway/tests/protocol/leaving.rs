//! 1.4: clients that leave while the backend is asked.

use sse_gateway_testkit::{Action, Answer, Callbacks, Client, Endpoint, Gate, Gateway, When};

use crate::setup::{open, start_with};

/// How a client leaves.
const WAYS: [fn(Client); 2] = [drop, Client::reset];

/// Lets a client ask and leave before the backend has answered; gives the token.
async fn leaves(callbacks: &Callbacks, gateway: &Gateway, answer: Answer, leave: fn(Client)) -> String {
    let gate = Gate::closed();
    callbacks.answer(When::connect().url("/leaves"), answer.after(&gate));
    let client = gateway.get("/leaves").await;
    let token = callbacks.connect_of("/leaves").await.token.clone();
    leave(client);
    // Another stream's whole life, so that the gateway has seen the going.
    let (other, other_token) = open(callbacks, gateway, "/other").await;
    drop(other);
    callbacks.disconnect_of(&other_token).await;
    gate.open();
    token
}

#[tokio::test]
async fn a_client_that_sends_fin_while_the_backend_is_asked_has_left() {
    let (callbacks, mut gateway) = start_with(&[]).await;
    let gate = Gate::closed();
    callbacks.answer(When::connect(), Answer::ok().after(&gate));
    let mut client = gateway.get("/").await;
    let token = callbacks.next_connect().await.token.clone();
    client.half_close().await;
    gate.open();
    assert_eq!(callbacks.disconnect_of(&token).await.reason, "client_closed");
    gateway.stop().await;
    callbacks.assert_none_left();
}

/// The backend is not asked for it any more, or it is told of the end.
#[tokio::test]
async fn a_client_that_leaves_before_its_callback_had_a_place_leaves_nothing_behind() {
    let (callbacks, mut gateway) = start_with(&[("CALLBACKS_CONCURRENT_MAX", "1")]).await;
    let gate = Gate::closed();
    callbacks.answer(When::connect().url("/holds"), Answer::ok().after(&gate));
    let mut holds = gateway.get("/holds").await;
    callbacks.wait_in_flight(1).await;
    for leave in WAYS {
        leave(gateway.get("/leaves").await);
    }
    gate.open();
    assert_eq!(holds.head().await.status(), 200);
    gateway.stop().await;
    let received = callbacks.received();
    let connects = received.iter().filter(|callback| callback.action == Action::Connect);
    for connect in connects {
        assert_eq!(callbacks.disconnects(&connect.token), 1);
    }
}

#[tokio::test]
async fn a_client_that_asks_and_leaves_at_once_is_one_connect_and_one_disconnect() {
    let (callbacks, mut gateway) = start_with(&[]).await;
    for number in 0..20 {
        let target = format!("/{number}");
        drop(gateway.get(&target).await);
        let token = callbacks.connect_of(&target).await.token.clone();
        assert_eq!(callbacks.disconnect_of(&token).await.reason, "client_closed");
    }
    gateway.stop().await;
    assert_eq!(callbacks.received().len(), 40);
}

#[tokio::test]
async fn then_accepted_it_is_one_disconnect_that_says_so() {
    let (callbacks, mut gateway) = start_with(&[]).await;
    for leave in WAYS {
        for answer in
            [Answer::ok(), Answer::event("x", ""), Answer::json(&serde_json::json!({"close": true}))]
        {
            let token = leaves(&callbacks, &gateway, answer, leave).await;
            let disconnect = callbacks.disconnect_of(&token).await;
            assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("client_closed", Some(false)));
            let gone = gateway.sender().send(serde_json::json!({"token": token})).await;
            assert_eq!(gone.status(), 404);
        }
    }
    gateway.stop().await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn then_refused_it_is_none() {
    let (callbacks, mut gateway) = start_with(&[]).await;
    for leave in WAYS {
        for status in [401, 403, 404, 500, 302] {
            leaves(&callbacks, &gateway, Answer::status(status), leave).await;
        }
    }
    gateway.stop().await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn then_timed_out_it_is_one_for_the_unknown_outcome() {
    let (callbacks, mut gateway) = start_with(&[("CALLBACK_TIMEOUT_SECONDS", "1")]).await;
    for leave in WAYS {
        let token = leaves(&callbacks, &gateway, Answer::never(), leave).await;
        let disconnect = callbacks.disconnect_of(&token).await;
        assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(false)));
    }
    gateway.stop().await;
    callbacks.assert_none_left();
}

#[tokio::test]
async fn then_without_an_answer_it_is_one_for_the_unknown_outcome() {
    let (callbacks, mut gateway) = start_with(&[]).await;
    let too_large = Answer::ok().body(" ".repeat((256 << 10) + 1));
    for leave in WAYS {
        for answer in [Answer::reset(), Answer::close(), too_large.clone()] {
            let token = leaves(&callbacks, &gateway, answer, leave).await;
            let disconnect = callbacks.disconnect_of(&token).await;
            assert_eq!((disconnect.reason.as_str(), disconnect.opened), ("error", Some(false)));
        }
    }
    gateway.stop().await;
    callbacks.assert_none_left();
}

/// No order between the two is forced: whichever the gateway sees first, the backend hears one end.
#[tokio::test]
async fn at_the_moment_of_the_answer_it_is_one_disconnect() {
    let (callbacks, mut gateway) = start_with(&[]).await;
    let mut tokens = Vec::new();
    for number in 0..40 {
        let gate = Gate::closed();
        let target = format!("/{number}");
        callbacks.answer(When::connect().url(&target), Answer::event("x", "").after(&gate));
        let client = gateway.get(&target).await;
        tokens.push(callbacks.connect_of(&target).await.token.clone());
        gate.open();
        WAYS[number % 2](client);
    }
    for token in &tokens {
        assert_eq!(callbacks.disconnect_of(token).await.reason, "client_closed");
    }
    gateway.stop().await;
    callbacks.assert_none_left();
}
