//! The backend side with a gateway and with browsers, over real sockets.
//!
//! Every scenario of [`on_both_gateways`] runs three times: with the stand-in of the original gateway,
//! with our own binary, which has topics, and with our own by tokens. [`stage`] is the harness: write a scenario against [`stage::Stage`].

/// Makes three tests of each scenario; `adjusted by` changes the backend's settings.
macro_rules! on_both_gateways {
    (adjusted by $adjust:expr; $(async fn $name:ident($stage:ident: Stage) $body:block)*) => {
        $(async fn $name($stage: crate::stage::Stage) $body)*

        mod with_the_original {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                super::$name(crate::stage::Stage::with_the_original($adjust).await).await;
            })*
        }

        mod with_ours {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                super::$name(crate::stage::Stage::with_ours($adjust).await).await;
            })*
        }

        mod with_ours_by_token {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
                super::$name(crate::stage::Stage::with_ours_by_token($adjust).await).await;
            })*
        }
    };
    ($($scenarios:tt)*) => {
        on_both_gateways! { adjusted by |_| {}; $($scenarios)* }
    };
}

mod load;
mod pipes;
mod stage;
mod tasks;
mod topics;
mod trouble;
mod versions;
